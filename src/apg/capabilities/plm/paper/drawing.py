"""A sheet drawn as a PDF, A4, by ReportLab; the same sheet gives the same bytes.

Imported by the confined process alone, because it brings a library of twenty megabytes.
"""

import io
import unicodedata
from functools import cache
from pathlib import Path
from typing import Any, cast
from xml.sax.saxutils import escape

from reportlab.lib import colors
from reportlab.lib.enums import TA_LEFT, TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import KeepTogether, LongTable, SimpleDocTemplate, Spacer
from reportlab.platypus import Paragraph as Flowing

from apg.capabilities.plm.paper.sheets import (
	Block,
	Facts,
	Heading,
	Paragraph,
	Said,
	Sheet,
	Table,
	Tone,
	Words,
)

FONTS = Path(__file__).parent / "fonts"
SANS, BOLD = "DejaVuSans", "DejaVuSans-Bold"
MARGIN = 18 * mm
WIDTH = A4[0] - 2 * MARGIN
LINE, SHADE = colors.HexColor("#b8bec6"), colors.HexColor("#eef1f4")
COLOURS: dict[Tone, str] = {"muted": "#59636e", "added": "#0a6b2d", "removed": "#a3131d"}
# What DejaVu has no glyph for is drawn with the fonts that readers of PDF bring for these scripts.
SCRIPTS = (("HIRAGANA", "HeiseiKakuGo-W5"), ("KATAKANA", "HeiseiKakuGo-W5"),
	("HANGUL", "HYGothic-Medium"), ("CJK", "STSong-Light"), ("IDEOGRAPHIC", "STSong-Light"),
	("FULLWIDTH", "STSong-Light"))  # fmt: skip

# Once for the process that waits; every paper is drawn in a child of it.
for _name in (SANS, BOLD):
	pdfmetrics.registerFont(TTFont(_name, FONTS / f"{_name}.ttf"))
for _name in sorted({font for _script, font in SCRIPTS}):
	pdfmetrics.registerFont(UnicodeCIDFont(_name))


def draw(sheet: Sheet) -> bytes:
	"""The whole paper as bytes of a PDF."""
	book = io.BytesIO()
	document = SimpleDocTemplate(
		book,
		pagesize=A4,
		leftMargin=MARGIN,
		rightMargin=MARGIN,
		topMargin=MARGIN,
		bottomMargin=MARGIN + 6 * mm,
		title=sheet.title,
		author=sheet.author,
		lang=sheet.language,
		invariant=1,
	)

	def canvas(*given: Any, **named: Any) -> Canvas:
		return _Numbered(sheet, *given, **named)

	flowing: list[Any] = [_text((Said(sheet.title, "strong"),), _style(15, 19)), Spacer(1, 3 * mm)]
	held: list[Any] = []  # headings stay with what follows them
	for block in sheet.blocks:
		drawn = _block(block)
		if isinstance(block, Heading):
			held.append(drawn)
			continue
		if held and not isinstance(block, Table):
			flowing.append(KeepTogether([*held, drawn]))
		else:
			flowing += [*held, drawn]
		held = []
		flowing.append(Spacer(1, 2.5 * mm))
	flowing += held
	document.build(flowing, canvasmaker=canvas)
	return book.getvalue()


class _Numbered(Canvas):
	"""Pages are kept until their number is known, then closed with the foot on each."""

	def __init__(self, sheet: Sheet, *given: Any, **named: Any) -> None:
		super().__init__(*given, **named)
		self._sheet = sheet
		self._kept: list[dict[str, Any]] = []

	def showPage(self) -> None:  # the library's name
		self._kept.append(dict(self.__dict__))
		cast(Any, self)._startPage()

	def save(self) -> None:
		for number, page in enumerate(self._kept, 1):
			self.__dict__.update(page)
			self.setFont(SANS, 7)
			self.setFillColor(colors.HexColor(COLOURS["muted"]))
			self.drawString(MARGIN, 11 * mm, self._sheet.foot)
			told = self._sheet.page.format(n=number, m=len(self._kept))
			self.drawRightString(A4[0] - MARGIN, 11 * mm, told)
			super().showPage()
		super().save()


@cache
def _font_of(char: str) -> str | None:
	"""Another font than DejaVu where that has no glyph for it."""
	if ord(char) in cast(Any, pdfmetrics.getFont(SANS)).face.charToGlyph:
		return None
	name = unicodedata.name(char, "")
	return next((font for script, font in SCRIPTS if name.startswith(script)), None)


def _marked(said: Said) -> str:
	"""The piece in the little markup of ReportLab; control characters are left out."""
	found, font = "", None
	for char in said.text:
		if unicodedata.category(char) in ("Cc", "Cf", "Cs") and char != "\n":
			continue
		if (other := _font_of(char)) != font:
			found += ("</font>" if font else "") + (f'<font name="{other}">' if other else "")
			font = other
		found += "<br/>" if char == "\n" else escape(char)
	found += "</font>" if font else ""
	if said.tone == "strong":
		return f'<font name="{BOLD}">{found}</font>'
	if said.tone == "small":
		return f'<font size="6.5">{found}</font>'
	if colour := COLOURS.get(said.tone):
		found = f'<font color="{colour}">{found}</font>'
	mark = {"added": "u", "removed": "strike"}.get(said.tone)
	return f"<{mark}>{found}</{mark}>" if mark else found


@cache
def _style(
	size: float = 8.5, leading: float = 11.5, *, right: bool = False, follows: bool = False
) -> ParagraphStyle:
	return ParagraphStyle(
		f"s{size}{right}{follows}",
		fontName=SANS,
		fontSize=size,
		leading=leading,
		splitLongWords=1,
		alignment=TA_RIGHT if right else TA_LEFT,
		keepWithNext=int(follows),
	)


def _text(words: Words, style: ParagraphStyle) -> Flowing:
	return Flowing("".join(_marked(one) for one in words), style)


def _block(block: Block) -> Any:
	match block:
		case Heading():
			size = 12 if block.level == 2 else 9.5
			return _text((Said(block.text, "strong"),), _style(size, size + 6, follows=True))
		case Paragraph():
			drawn = _text(block.words, _style())
			return _boxed(drawn) if block.boxed else drawn
		case Facts():
			return _facts(block)
		case Table():
			return _table(block)


def _boxed(drawn: Any) -> Any:
	return LongTable(
		[[drawn]], colWidths=[WIDTH], style=[("BOX", (0, 0), (-1, -1), 0.8, colors.black)]
	)


def _facts(block: Facts) -> Any:
	rows = [
		[_text((Said(name, "muted"),), _style()), _text(said, _style())]
		for name, said in block.rows
	]
	return LongTable(
		rows,
		colWidths=[WIDTH * 0.24, WIDTH * 0.76],
		style=[("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (0, -1), 0), *_tight()],
	)


def _table(block: Table) -> Any:
	every = sum(block.widths)

	def styled(place: int) -> ParagraphStyle:
		return _style(7.5, 9.5, right=place in block.numbers)

	head = [_text((Said(one, "strong"),), styled(n)) for n, one in enumerate(block.headings)]
	rows = [[_text(cell, styled(n)) for n, cell in enumerate(row)] for row in block.rows]
	return LongTable(
		[head, *rows],
		colWidths=[WIDTH * each / every for each in block.widths],
		repeatRows=1,
		style=[
			("VALIGN", (0, 0), (-1, -1), "TOP"),
			("BACKGROUND", (0, 0), (-1, 0), SHADE),
			("LINEBELOW", (0, 0), (-1, -1), 0.4, LINE),
			*_tight(),
		],
	)


def _tight() -> list[tuple[Any, ...]]:
	return [("TOPPADDING", (0, 0), (-1, -1), 2), ("BOTTOMPADDING", (0, 0), (-1, -1), 2)]
