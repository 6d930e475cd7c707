"""The colours hold what the design promises: readable text, charts that stay apart."""

import itertools
import re
from pathlib import Path

import numpy as np
import pytest

from apg import ui

# simulation of full dichromacy in linear RGB: Machado, Oliveira, Fernandes (2009), table for 1.0
SIGHT = {
	"full": np.eye(3),
	"protanopia": np.array(
		[
			[0.152286, 1.052583, -0.204868],
			[0.114503, 0.786281, 0.099216],
			[-0.003882, -0.048116, 1.051998],
		]
	),
	"deuteranopia": np.array(
		[
			[0.367322, 0.860646, -0.227968],
			[0.280085, 0.672501, 0.047413],
			[-0.011820, 0.042940, 0.968881],
		]
	),
	"tritanopia": np.array(
		[
			[1.255528, -0.076749, -0.178779],
			[-0.078411, 0.930809, 0.147602],
			[0.004733, 0.691367, 0.303900],
		]
	),
}
SHEETS = Path(__file__).resolve().parents[2] / "frontend" / "styles"
TO_XYZ = np.array(
	[
		[0.4124564, 0.3575761, 0.1804375],
		[0.2126729, 0.7151522, 0.0721750],
		[0.0193339, 0.1191920, 0.9503041],
	]
)


def tokens() -> dict[str, dict[str, str]]:
	css = (SHEETS / "tokens.css").read_text("utf-8")
	light, rest = css.split('[data-bs-theme="dark"] {', 1)
	read = lambda text: dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", text.split("}")[0]))  # noqa: E731
	return {"light": read(light), "dark": read(rest)}


def linear(colour: str) -> np.ndarray:
	"""sRGB to linear light (IEC 61966-2-1)."""
	values = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
	return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def lab(light: np.ndarray) -> np.ndarray:
	"""Linear RGB to CIELAB, white D65 (CIE 15:2004)."""
	xyz = TO_XYZ @ np.clip(light, 0, 1) / np.array([0.95047, 1, 1.08883])
	f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
	return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def contrast(one: str, other: str) -> float:
	"""WCAG 2.2, definition of contrast ratio."""
	low, high = sorted(float(TO_XYZ[1] @ linear(colour)) for colour in (one, other))
	return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_can_be_read_on_every_surface_it_stands_on(theme: str) -> None:
	colours = tokens()[theme]
	pairs = [
		(ink, surface)
		for ink in ("ink", "ink-2", "accent", "accent-strong")
		for surface in ("surface-0", "surface-1", "surface-2")
	]
	pairs += [("ink-3", "surface-0"), ("ink-3", "surface-1"), ("on-accent", "accent")]
	pairs += [("accent-strong", "accent-soft"), ("ink", "accent-soft"), ("tip-ink", "tip")]
	for tone in ("good", "warn", "bad", "info"):
		pairs += [(tone, "surface-1"), (tone, f"{tone}-soft"), ("ink", f"{tone}-soft")]
	weak = {
		(ink, surface): round(contrast(colours[ink], colours[surface]), 2)
		for ink, surface in pairs
		if contrast(colours[ink], colours[surface]) < 4.5
	}
	assert weak == {}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_six_chart_colours_stay_apart(theme: str) -> None:
	colours = [tokens()[theme][f"chart-{n}"] for n in range(1, 7)]
	assert min(contrast(one, tokens()[theme]["surface-1"]) for one in colours) >= 3
	lightness = sorted(lab(linear(one))[0] for one in colours)
	assert min(after - before for before, after in itertools.pairwise(lightness)) >= 6
	for sight, matrix in SIGHT.items():
		seen = [lab(matrix @ linear(one)) for one in colours]
		nearest = min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2))
		assert nearest >= 20, f"two chart colours look alike with {sight}"


def test_nothing_needs_an_inline_style_or_script() -> None:
	for template in ui.TEMPLATES.rglob("*.html"):
		text = template.read_text("utf-8")
		assert not re.search(r"\sstyle=|\son\w+=|hx-on|hx-vars|javascript:|<style", text), template
		inline = re.findall(r"<script(?![^>]*\bsrc=)[^>]*>", text)
		assert inline == [], template
