"""CO2e of the nodes of a structure, as ESG gives it; absent where ESG is.

A supplier's figure is the whole one of its product and ends the descent. What is recorded for an
assembly (assembling it, bringing it here) is added to its parts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any

from apg.capabilities.plm.shared.figures import Figures
from apg.capabilities.plm.shared.levels import BoolArray, FloatArray, IntArray
from apg.capabilities.plm.structures.fixed_rows import Places, distinct, fixed_rows, whole, words
from apg.capabilities.plm.structures.masses import Masses
from apg.capabilities.plm.structures.plain_sql import fetched
from apg.capabilities.plm.structures.snapshots import Snapshot
from apg.capabilities.plm.structures.updating import MATERIAL, MATERIALS
from apg.contracts.esg import Carbon, ItemCarbon, NoCarbon
from apg.kernel.later import numpy as np
from apg.kernel.work import Work

CO2E = "co2e"
UNIT = "kgCO2e"
MANY = 64
"""Of more nodes than this ESG is asked by material, not one by one."""

SCANNED = 30_000
"""Of more nodes than this the materials of the whole tenant are read."""


@dataclass(frozen=True, slots=True, eq=False)
class ByMaterial:
	"""What a kilogram brings, for nodes that nobody asked for one by one; `place` (n,) in `rates`,
	-1: no material is recorded."""

	place: IntArray
	rates: tuple[Carbon | NoCarbon, ...]
	masses: Masses

	def said(self, node: int) -> Carbon | NoCarbon | None:
		"""None for a figure, which `exact` gives."""
		place = int(self.place[node])
		if place < 0:
			return NoCarbon("no_material")
		if not self.masses.given[node]:
			return NoCarbon("no_mass")
		if not self.masses.known[node]:
			return NoCarbon("mass_unit_not_convertible")
		rate = self.rates[place]
		return rate if isinstance(rate, NoCarbon) else None

	def exact(self, node: int) -> Fraction:
		rate = self.rates[int(self.place[node])] if self.place[node] >= 0 else None
		if not isinstance(rate, Carbon):
			return Fraction(0)
		return self.masses.exact(node) * Fraction(rate.total)


@dataclass(frozen=True, slots=True, eq=False)
class NodeCarbon:
	"""What ESG said of the nodes, and the figures of that; `estimated` (n,): it or something below."""

	port: ItemCarbon
	own: Mapping[int, Carbon | NoCarbon]
	figures: Figures
	estimated: BoolArray
	leaf: BoolArray
	by_material: ByMaterial | None = None

	def same(self, other: NodeCarbon) -> bool:
		"""Whether ESG said the very same."""
		one, two = self.figures, other.figures
		pairs = ((one.values, two.values), (one.known, two.known), (one.required, two.required))
		pairs += ((one.stops, two.stops), (self.estimated, other.estimated))
		rates = [
			None if each is None else each.rates for each in (self.by_material, other.by_material)
		]
		return (
			self.own == other.own
			and rates[0] == rates[1]
			and all(np.array_equal(a, b) for a, b in pairs if a is not None and b is not None)
		)

	def missing(self, node: int) -> NoCarbon | None:
		"""Why a node that needs a figure of its own has none."""
		said = self.own.get(node)
		if said is None and self.leaf[node]:
			found = self.by_material.said(node) if self.by_material else None
			if self.by_material is None:
				return NoCarbon("unknown_revision")
			return found if isinstance(found, NoCarbon) else None
		return said if isinstance(said, NoCarbon) else None

	def text(self, node: int) -> str:
		"""Why a node brings no figure, in words."""
		said = self.missing(node)
		return "" if said is None else self.port.reason(said)

	def remedy(self, node: int) -> str:
		said = self.missing(node)
		return "" if said is None else self.port.remedy(said)


async def carbon_of(
	work: Work, snapshot: Snapshot, root: str | None, day: date, masses: Masses
) -> NodeCarbon | None:
	"""Figures of the nodes below a root (None: of all) on a day; None where the reader sees no
	carbon."""
	port = work.port(ItemCarbon)
	if not port.shown(work):
		return None
	structure = snapshot.structure
	nodes = np.arange(structure.node_count) if root is None else snapshot.below(root)
	n = structure.node_count
	values, known = np.zeros(n), np.zeros(n, np.bool_)
	stops, required, estimated = (np.zeros(n, np.bool_) for _ in range(3))
	by_material: ByMaterial | None = None
	asked = nodes
	if nodes.size > MANY:
		by_material = await _by_material(
			work, port, snapshot, nodes, day, masses, values, known, estimated
		)
		asked = await _beside(work, port, snapshot, nodes)
	names = structure.names(asked)
	leaves = structure.leaf[asked].tolist()
	above = [name for name, leaf in zip(names, leaves, strict=True) if not leaf]
	found = await port.own(work, names, assemblies=above, on=day) if names else {}
	own = {
		node: found[name] for node, name in zip(asked.tolist(), names, strict=True) if name in found
	}
	for node, said in own.items():
		known[node] = isinstance(said, Carbon)
		required[node] = not known[node]
		values[node] = 0.0
		if isinstance(said, Carbon):
			values[node] = float(said.total)
			stops[node], estimated[node] = said.stops, said.estimated

	def exact(node: int) -> Fraction:
		said = own.get(node)
		if isinstance(said, Carbon):
			return Fraction(said.total)
		if said is None and by_material is not None and structure.leaf[node]:
			return by_material.exact(node)
		return Fraction(0)

	figures = Figures(values, known, required, stops, exact)
	touched = np.zeros(n, np.bool_)
	touched[structure.ancestors(np.flatnonzero(estimated))] = True
	return NodeCarbon(port, own, figures, touched, structure.leaf, by_material)


_MATERIALS = f"""
	select r.id, {MATERIAL} from plm_revisions r where r.material is not null and r.material <> ''
"""  # noqa: S608 - constants of ours
_COLUMNS = {"id": "uuid", "material": "int8", "estimated": "int2"}
_NAMES = """
	select h, (select material from plm_revisions where hashtextextended(material, 0) = h limit 1)
	from unnest($1::bigint[]) h
"""


async def _by_material(
	work: Work,
	port: ItemCarbon,
	snapshot: Snapshot,
	nodes: IntArray,
	day: date,
	masses: Masses,
	values: FloatArray,
	known: BoolArray,
	estimated: BoolArray,
) -> ByMaterial:
	"""Mass times material for every leaf, in columns; fills values, known and estimated."""
	structure = snapshot.structure
	hashes, noted = await _materials(work, snapshot)
	codes, of_node = _coded(snapshot, hashes)
	names = await _names(work, snapshot, codes)
	found = await port.per_kilogram(work, set(names.values()), on=day)
	rates = tuple(
		found.get(name, NoCarbon("material_unknown", name))
		for name in (names.get(int(code), "") for code in codes)
	)
	has = of_node >= 0
	each = np.array([float(one.total) if isinstance(one, Carbon) else np.nan for one in rates])
	guessed = np.array([isinstance(one, Carbon) and one.estimated for one in rates], np.bool_)
	per_kilogram = np.where(has, each[of_node], np.nan) if each.size else np.full(has.size, np.nan)
	usable = structure.leaf & masses.known & masses.given & np.isfinite(per_kilogram)
	values[usable] = (masses.values * per_kilogram)[usable]
	known |= usable
	if each.size:
		marked = has & (guessed[of_node] | noted)
		estimated |= usable & marked
	return ByMaterial(of_node, rates, masses)


def _coded(snapshot: Snapshot, hashes: IntArray) -> tuple[IntArray, IntArray]:
	"""The distinct materials, and the place of each node's one, -1 for none; kept while they stand."""
	held: Any = snapshot.derived.get("material_codes")
	if held is None or held[0] is not hashes:
		codes, of_node = distinct(hashes)
		held = (hashes, codes, np.where(hashes != 0, of_node, -1))
		snapshot.derived["material_codes"] = held
	return held[1], held[2]


async def _materials(work: Work, snapshot: Snapshot) -> tuple[IntArray, BoolArray]:
	"""The hash of each node's material, 0 for none, and whether anything of it is an estimate."""
	if MATERIALS not in snapshot.derived:
		structure = snapshot.structure
		if structure.node_count > SCANNED:
			rows = await fixed_rows(work, _MATERIALS, _COLUMNS)
		else:
			some = f"{_MATERIALS} and r.id = any($1::uuid[])"
			every = np.arange(structure.node_count)
			rows = await fixed_rows(work, some, _COLUMNS, structure.names(every))
		text = structure.ids.tobytes().decode().replace("-", "")
		at = Places(words(rows["id"])).of(words(np.frombuffer(bytes.fromhex(text), "V16")))
		hashes = np.append(whole(rows["material"]), 0)[at]
		noted = np.append(whole(rows["estimated"]), 0)[at] > 0
		snapshot.derived[MATERIALS] = (hashes, noted)
	return snapshot.derived[MATERIALS]


async def _names(work: Work, snapshot: Snapshot, codes: IntArray) -> dict[int, str]:
	"""The materials behind the hashes; asked for once."""
	known: dict[int, str] = snapshot.derived.setdefault("material_names", {})
	wanted = [code for code in codes.tolist() if code]
	if missing := [code for code in wanted if code not in known]:
		rows = await fetched(work, _NAMES, missing)
		known.update({int(row[0]): row[1] for row in rows if row[1] is not None})
	return {code: known[code] for code in wanted if code in known}


async def _beside(work: Work, port: ItemCarbon, snapshot: Snapshot, nodes: IntArray) -> IntArray:
	"""The nodes of which ESG may say another thing than mass times material."""
	revisions, products = await port.beside_materials(work)
	structure = snapshot.structure
	chosen = np.zeros(structure.node_count, np.bool_)
	named = [structure.index(one) for one in revisions if one in structure]
	chosen[named] = True
	if products:
		wanted = np.array(sorted(products), "S36")
		chosen |= np.isin(snapshot.items, wanted)[snapshot.item]
	return nodes[chosen[nodes]]
