"""Which column means what: guessed from headings in English, German and French, and corrected."""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from apg.capabilities.plm.imports import numbers
from apg.capabilities.plm.imports.neutral import Problem, Problems, Severity
from apg.capabilities.plm.imports.readers import Table
from apg.kernel.errors import Invalid
from apg.kernel.texts import _
from apg.platform.reference import units
from apg.platform.reference.currency_codes import CURRENCY_CODES


class Field(StrEnum):
	"""What a column of a parts list or bill of materials can say."""

	SOURCE_KEY = "source_key"
	NUMBER = "number"
	NAME = "name"
	DESCRIPTION = "description"
	REVISION = "revision"
	TYPE = "type"
	CLASS = "class"
	TAGS = "tags"
	UNIT = "unit"
	MASS = "mass"
	MASS_UNIT = "mass_unit"
	PRICE = "price"
	CURRENCY = "currency"
	PRICE_QUANTITY = "price_quantity"
	MPN = "manufacturer_part_number"
	MANUFACTURER = "manufacturer"
	SUPPLIER = "supplier"
	SKU = "supplier_part_number"
	PARENT_KEY = "parent_key"
	PARENT = "parent"
	PARENT_NAME = "parent_name"
	PARENT_REVISION = "parent_revision"
	LEVEL = "level"
	QUANTITY = "quantity"
	DESIGNATORS = "designators"
	FIND_NUMBER = "find_number"
	OPTIONAL = "optional"
	CONSUMABLE = "consumable"
	ALLOW_VARIANTS = "allow_variants"
	NOTE = "note"
	ATTRITION = "attrition"
	SUBSTITUTES = "substitutes"
	ATTRIBUTE = "attribute"


class Shape(StrEnum):
	"""How a table tells the structure."""

	PARENT_CHILD = "parent_child"
	INDENTED = "indented"
	SINGLE_LEVEL = "single_level"
	PART_LIST = "part_list"


LONGEST_HEADING = 200
REPEATABLE = frozenset({Field.ATTRIBUTE})
NUMERIC = frozenset(
	{Field.QUANTITY, Field.MASS, Field.PRICE, Field.PRICE_QUANTITY, Field.ATTRITION}
)
PARENTS = (Field.PARENT_KEY, Field.PARENT, Field.PARENT_NAME)
IDENTITIES = (Field.SOURCE_KEY, Field.NUMBER, Field.NAME)

# heading (lower case, no accents, words joined by one space) → confidence in percent
_SYNONYMS: dict[Field, str] = {
	Field.SOURCE_KEY: "id, part id, item id, sub pk, sub part, pk, part pk, key, source key, guid, uuid, component id 90, external id, erp id, child id, child pk",
	Field.NUMBER: "number, part number, part no, part nr, pn, p n, product number, item number 80, item code, material number, material 60, article number, article, article no, component 70, component number, child, child number, child part, child part number, internal part number, ipn, drawing number 60, teilenummer, teilenr, teile nr, artikelnummer, artikel nr, artikelnr, artikel, materialnummer, sachnummer, komponente 70, numero, numero de piece, numero d article, reference article, code article, ref 60, reference 55, item no 55, item 50, code 70, sku 40",
	Field.NAME: "name, part name, product name, item name, sub name, child name, component name, title, designation 80, bezeichnung, benennung, teilename, name des teils, artikelbezeichnung, nom, nom de la piece, intitule, libelle, value 50, part 60",
	Field.DESCRIPTION: "description, part description, item description, long description, text 60, beschreibung, langtext, description de l article, details 70, designation 60",
	Field.REVISION: "revision, rev, version, part revision, revisionsstand, aenderungsindex, index 60, indice, indice de revision",
	Field.TYPE: "type, part type, product type, item type, make buy, make or buy, procurement type, typ, teileart, beschaffungsart, artikelart, nature",
	Field.CLASS: "class, category, part category, commodity, group, klasse, kategorie, warengruppe, sachgruppe, classe, categorie, famille",
	Field.TAGS: "tags, keywords, labels, schlagworte, mots cles, etiquettes",
	Field.UNIT: "unit, uom, unit of measure, units, um, quantity unit, qty unit, base unit, me, einheit, mengeneinheit, basismengeneinheit, unite, unite de mesure",
	Field.MASS: "mass, weight, unit mass, unit weight, net weight, masse, gewicht, nettogewicht, stueckgewicht, stuckgewicht, poids, poids net, masse unitaire",
	Field.MASS_UNIT: "mass unit, weight unit, unit of mass, gewichtseinheit, masseneinheit, unite de masse, unite de poids",
	Field.PRICE: "price, unit price, cost, unit cost, standard cost, price each, preis, stueckpreis, stuckpreis, einzelpreis, kosten, prix, prix unitaire, cout, cout unitaire",
	Field.CURRENCY: "currency, price currency, curr, waehrung, wahrung, devise, monnaie",
	Field.PRICE_QUANTITY: "price break, break quantity, quantity break, price quantity, min qty, minimum quantity, moq, staffelmenge, ab menge, mindestmenge, quantite minimale",
	Field.MPN: "mpn, manufacturer part number, manufacturer part no, mfr part number, mfg part number, mfr pn, mfg pn, manufacturer pn, manufacturer part, herstellernummer, herstellerteilenummer, hersteller teilenummer, reference fabricant, numero fabricant",
	Field.MANUFACTURER: "manufacturer, mfr, mfg, maker, manufacturer name, hersteller, fabricant",
	Field.SUPPLIER: "supplier, vendor, supplier name, distributor, lieferant, fournisseur",
	Field.SKU: "sku, supplier part number, supplier part no, supplier pn, vendor part number, order number 70, order code, distributor part number, lieferantennummer, bestellnummer, lieferantenartikelnummer, reference fournisseur",
	Field.PARENT_KEY: "parent id, parent pk, parent key, parent part id, assembly id, bom id 60",
	Field.PARENT: "parent, parent number, parent part, parent part number, parent item, assembly, assembly number, used in, father, bom number 60, oberteil, baugruppe, uebergeordnet, stuecklistenkopf, kopfmaterial, parent no, ensemble, article parent, numero parent, pere",
	Field.PARENT_NAME: "parent name, assembly name, parent description 70, name der baugruppe, nom parent, nom de l ensemble",
	Field.PARENT_REVISION: "parent revision, parent rev, assembly revision, assembly rev",
	Field.LEVEL: "level, bom level, lvl, indent, indenture, depth, structure level, hierarchy 70, ebene, stufe, strukturstufe, hierarchiestufe, niveau, rang 60",
	Field.QUANTITY: "quantity, qty, qty per, quantity per, qnty, amount 70, count 70, usage 60, menge, anzahl, stueckzahl, stuckzahl, stueck 70, stuck 70, quantite, qte, nombre 70, nb 60",
	Field.DESIGNATORS: "designators, designator, reference designators, reference designator, refdes, ref des, references 80, reference 75, ref 65, refs, position on board, bauteilbezeichner, referenz, reperes, repere, designateurs",
	Field.FIND_NUMBER: "find number, find no, find num, position, pos, pos nr, position number, item no 70, item 55, line, line number, line no, balloon, balloon number, positionsnummer, positionsnr, numero de position, poste, # 60, no 60",
	Field.OPTIONAL: "optional, is optional, dnp 50, facultatif, optionnel",
	Field.CONSUMABLE: "consumable, is consumable, verbrauchsmaterial, consommable",
	Field.ALLOW_VARIANTS: "allow variants, variants allowed, varianten erlaubt, variantes admises",
	Field.NOTE: "note, notes, comment, comments, remark, remarks, bemerkung, bemerkungen, anmerkung, kommentar, hinweis, remarque, remarques, commentaire",
	Field.ATTRITION: "scrap, scrap rate, scrap factor, attrition, overage, waste, loss, ausschuss, verschnitt, ausschussfaktor, rebut, taux de rebut, perte",
	Field.SUBSTITUTES: "substitutes, substitute, alternates, alternate, alternative, alternatives, ersatzteile 70, ersatz, alternativteile, remplacement, substituts, remplacements",
}


def normalised(heading: str) -> str:
	"""Lower case, accents removed, marks made spaces: `Réf-Des.` → `ref des`."""
	text = unicodedata.normalize("NFKD", heading.replace("ß", "ss"))
	text = "".join(each for each in text if not unicodedata.combining(each)).lower()
	return " ".join(re.sub(r"[^a-z0-9#]+", " ", text).split())


def _folded(name: str) -> str:
	"""`stueckliste` and `stuckliste` (from `Stückliste`) are the same heading."""
	return name.replace("ae", "a").replace("oe", "o").replace("ue", "u")


def _lexicon() -> dict[str, tuple[tuple[Field, int], ...]]:
	found: dict[str, tuple[tuple[Field, int], ...]] = {}
	for field, listed in _SYNONYMS.items():
		for entry in listed.split(","):
			words, _space, last = entry.strip().rpartition(" ")
			heading, sure = (words, int(last)) if last.isdigit() else (entry.strip(), 100)
			key = _folded(heading)
			if all(other is not field for other, _sure in found.get(key, ())):
				found[key] = (*found.get(key, ()), (field, sure))
	return found


_LEXICON = _lexicon()
_WITH_UNIT = re.compile(r"(.*?)\s*(?:[\[(]([^\])]+)[\])]|\b(?:in|en)\s+(\S+)|[/,]\s*(\S+))\s*")


@dataclass(frozen=True, slots=True)
class Column:
	"""One column as it is understood: `confidence` in percent, `unit` if the heading names one."""

	index: int
	heading: str
	field: Field | None
	confidence: int
	unit: str | None = None
	corrected: bool = False


@dataclass(frozen=True, slots=True)
class ColumnMapping:
	columns: tuple[Column, ...]

	def column(self, field: Field) -> Column | None:
		"""The first column that says this."""
		return next((each for each in self.columns if each.field is field), None)

	def all(self, field: Field) -> tuple[Column, ...]:
		return tuple(each for each in self.columns if each.field is field)

	def has(self, *fields: Field) -> bool:
		"""Whether any of these is there."""
		return any(each.field in fields for each in self.columns)

	@property
	def shape(self) -> Shape:
		if self.has(*PARENTS):
			return Shape.PARENT_CHILD
		if self.has(Field.LEVEL):
			return Shape.INDENTED
		return Shape.SINGLE_LEVEL if self.has(Field.QUANTITY) else Shape.PART_LIST

	@property
	def choices(self) -> dict[str, str | None]:
		"""Heading → field, the form a person corrects and that is kept for the next file."""
		return {each.heading: each.field.value if each.field else None for each in self.columns}

	def correct(self, choices: Mapping[str, str | None]) -> "ColumnMapping":
		"""The mapping with some headings given another meaning, or none; what was guessed for a
		field that a person gives to another column is withdrawn."""
		known = {each.heading for each in self.columns}
		meant: dict[str, Field | None] = {}
		for heading, name in choices.items():
			if heading not in known:
				raise Invalid.one(
					"columns",
					_(
						"There is no column “{heading}”. Choose one of {names}.",
						heading=heading[:80],
						names=", ".join(sorted(known))[:500],
					),
				)
			meant[heading] = _field(name)
		taken = {each for each in meant.values() if each and each not in REPEATABLE}
		return ColumnMapping(
			tuple(
				replace(each, field=meant[each.heading], confidence=100, corrected=True)
				if each.heading in meant
				else replace(each, field=None, confidence=0)
				if each.field in taken
				else each
				for each in self.columns
			)
		)


def _field(name: str | None) -> Field | None:
	if name is None or name == "":
		return None
	try:
		return Field(name)
	except ValueError as error:
		raise Invalid.one(
			"columns",
			_(
				"“{name}” is not a field. Choose one of {names}.",
				name=name[:80],
				names=", ".join(Field),
			),
		) from error


def guess(table: Table, *, sample: int = 200) -> ColumnMapping:
	"""The most likely meaning of each column; no field is given twice, doubt leaves a column out."""
	rows = [row.cells for row, _n in zip(table.data, range(sample), strict=False)]
	candidates: list[tuple[int, int, Field]] = []
	found_units: dict[int, str | None] = {}
	for index, heading in enumerate(table.headers):
		name, found_units[index] = _split_heading(heading)
		texts = [cells[index].strip() for cells in rows if cells[index].strip()]
		words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", heading)
		meanings = _LEXICON.get(_folded(name)) or _LEXICON.get(_folded(normalised(words)), ())
		for field, sure in meanings:
			score = sure * _plausible(field, texts) // 100
			if score >= 30:
				candidates.append((-score, index, field))
	chosen: dict[int, tuple[Field, int]] = {}
	for score, index, field in sorted(candidates):
		if index not in chosen and all(field is not other for other, _s in chosen.values()):
			chosen[index] = (field, -score)
	return ColumnMapping(
		tuple(
			Column(index, heading, *chosen.get(index, (None, 0)), unit=found_units[index])
			for index, heading in enumerate(table.headers)
		)
	)


def _split_heading(heading: str) -> tuple[str, str | None]:
	"""The name and the unit or currency of `Mass [kg]`, `Gewicht in g`, `Preis (EUR)`, `Scrap %`."""
	if len(heading) > LONGEST_HEADING:
		return "", None
	if heading.rstrip().endswith("%"):
		return normalised(heading.rstrip()[:-1]), "%"
	if match := _WITH_UNIT.fullmatch(heading):
		text = next(each for each in match.groups()[1:] if each)
		if text in CURRENCY_CODES or text == "%" or units.is_known(text):
			return normalised(match[1]), text
	words = heading.split()
	if len(words) > 1 and words[-1] in CURRENCY_CODES:
		return normalised(" ".join(words[:-1])), words[-1]
	return normalised(heading), None


def _plausible(field: Field, texts: Sequence[str]) -> int:
	"""How well the contents fit the field, in percent; an empty column says nothing."""
	if not texts:
		return 100
	if field in NUMERIC or field is Field.LEVEL:
		return _share(texts, lambda text: any(each.isdigit() for each in text))
	if field is Field.FIND_NUMBER:
		return _share(texts, lambda text: len(text) <= 12 and text[0].isdigit())
	if field is Field.NUMBER:
		counted = all(text.isascii() and text.isdigit() for text in texts) and sorted(
			map(_short, texts)
		) == list(range(1, len(texts) + 1))
		return 50 if counted and len(texts) > 2 else 100
	if field is Field.CURRENCY:
		return _share(texts, lambda text: text.upper() in CURRENCY_CODES)
	if field in (Field.UNIT, Field.MASS_UNIT):
		return max(50, _share(texts, units.is_known))
	if field in (Field.OPTIONAL, Field.CONSUMABLE, Field.ALLOW_VARIANTS):
		return _share(texts, lambda text: numbers.truth(text) is not None)
	return 100


def _short(text: str) -> int:
	return int(text[:9])


def _share(texts: Sequence[str], fits: Callable[[str], bool]) -> int:
	return 100 * sum(1 for text in texts if fits(text)) // len(texts)


def check(mapping: ColumnMapping, *, parent: str | None = None) -> tuple[Problem, ...]:
	"""What the mapping lacks or says twice; a table with such problems is not read further.

	`parent` is the number of the assembly that a single-level list belongs to.
	"""
	problems = Problems()
	for field in Field:
		columns = mapping.all(field)
		if len(columns) > 1 and field not in REPEATABLE:
			problems.add(
				_("{n} columns are given as “{field}”.", n=len(columns), field=field.value),
				_("Keep one of them."),
				column=columns[1].heading,
			)
	if not mapping.has(*IDENTITIES):
		problems.add(
			_("No column names the part."),
			_("Say which column is the number, the name or the key of the part."),
		)
	shape = mapping.shape
	if shape is not Shape.PART_LIST and not mapping.has(Field.QUANTITY):
		problems.add(_("No column is the quantity."), _("Say which column is the quantity."))
	if shape is Shape.SINGLE_LEVEL and not parent:
		problems.add(
			_("The list has neither a parent nor a level."),
			_("Name the assembly it belongs to, or say which column is the parent or the level."),
		)
	if shape is Shape.PARENT_CHILD and mapping.has(Field.LEVEL):
		problems.add(
			_("The table has both a parent and a level."), _("Keep one of the two columns.")
		)
	for field, unit_field, reason, remedy in (
		(
			Field.MASS,
			Field.MASS_UNIT,
			_("The mass has no unit."),
			_("Write it into the heading, as [kg], beside each value, or add a column."),
		),
		(
			Field.PRICE,
			Field.CURRENCY,
			_("The price has no currency."),
			_("Choose the currency of prices without one, or write it into the heading, as [EUR]."),
		),
	):
		column = mapping.column(field)
		if column and not column.unit and not mapping.has(unit_field):
			problems.add(
				reason,
				remedy,
				column=column.heading,
				severity=Severity.WARNING,
			)
	return problems.listed()
