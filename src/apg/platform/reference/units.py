"""Units: what a text means, exact factors, conversion; what is ambiguous is refused, not guessed."""

import difflib
import unicodedata
from dataclasses import dataclass
from decimal import Context, Decimal
from fractions import Fraction
from functools import lru_cache

from apg.kernel.errors import Invalid, Problem
from apg.kernel.texts import _
from apg.platform.reference.unit_table import AMBIGUOUS, UNITS, Dimension, Unit

CONVERSION = Context(prec=60, Emin=-999_999, Emax=999_999)
LARGEST_EXPONENT = 1_000
LONGEST_TEXT = 64


class UnitError(Invalid):
	"""A unit that is unknown, ambiguous or of another dimension; names the unit and the remedy."""

	def __init__(self, reason: str, remedy: str, *, field: str = "unit") -> None:
		self.field, self.reason, self.remedy = field, reason, remedy
		message = f"{reason} {remedy}"
		super().__init__(message, problems=[Problem(field, message, "unit")])


class UnknownUnit(UnitError):
	pass


class AmbiguousUnit(UnitError):
	pass


class IncompatibleUnits(UnitError):
	pass


def _key(text: str) -> str:
	"""Spaces and joining marks do not matter: `kW·h`, `m^3`, `m³` and `tonnes_co2` are read alike."""
	folded = unicodedata.normalize("NFKC", text)
	return "".join(each for each in folded if not each.isspace() and each not in "_-.·⋅*^")


def _index() -> tuple[dict[str, Unit], dict[str, dict[str, Unit]]]:
	exact: dict[str, Unit] = {}
	loose: dict[str, dict[str, Unit]] = {}
	for each in UNITS:
		for text in (each.symbol, *each.aliases):
			key = _key(text)
			if exact.setdefault(key, each) is not each:
				raise AssertionError(f"{text!r} names both {exact[key].symbol} and {each.symbol}")
			loose.setdefault(key.casefold(), {})[key] = each
	return exact, loose


_EXACT, _LOOSE = _index()


@dataclass(frozen=True, slots=True)
class _Refusal:
	"""Why a text is no unit: it has several meanings (`choices`), or none (`choices` are near)."""

	ambiguous: bool
	choices: tuple[str, ...]


def unit(text: str, *, field: str = "unit") -> Unit:
	"""The unit a text names; capitals matter only where they change the meaning (mW, MW)."""
	found = _meaning(text) if len(text) <= LONGEST_TEXT else _Refusal(False, ())
	if isinstance(found, Unit):
		return found
	choices = ", ".join(found.choices)
	if found.ambiguous:
		raise AmbiguousUnit(
			_("The unit “{unit}” has no single meaning.", unit=text[:40]),
			_("Write the one you mean, for example {choices}.", choices=choices),
			field=field,
		)
	remedy = (
		_("Did you mean {choices}?", choices=choices)
		if choices
		else _("Use a unit of the catalogue, for example each, kg, m, L, kWh or tCO2e.")
	)
	raise UnknownUnit(_("The unit “{unit}” is not known.", unit=text[:40]), remedy, field=field)


@lru_cache(maxsize=4096)
def _meaning(text: str) -> Unit | _Refusal:
	"""Cached, since a file of a million rows asks for the same few texts."""
	key = _key(text)
	if found := _EXACT.get(key):
		return found
	folded = key.casefold()
	if choices := AMBIGUOUS.get(key) or AMBIGUOUS.get(folded):
		return _Refusal(True, choices)
	spellings = _LOOSE.get(folded, {})
	meanings = {each.symbol: each for each in spellings.values()}
	milli_or_mega = any(_prefix_differs(key, spelling) for spelling in spellings)
	if len(meanings) > 1 or milli_or_mega:
		return _Refusal(True, tuple(meanings))
	if meanings:
		return next(iter(meanings.values()))
	near = difflib.get_close_matches(folded, _LOOSE, n=3, cutoff=0.7)
	return _Refusal(False, tuple(dict.fromkeys(u.symbol for k in near for u in _LOOSE[k].values())))


def _prefix_differs(key: str, spelling: str) -> bool:
	"""Whether `key` is `spelling` but for m against M before a unit: a factor of a thousand million."""
	return (
		key[:1] != spelling[:1] and spelling[:1] in ("m", "M") and spelling[1:].casefold() in _LOOSE
	)


def is_known(text: str) -> bool:
	"""Whether the text names exactly one unit."""
	return len(text) <= LONGEST_TEXT and isinstance(_meaning(text), Unit)


def factor(source: str, target: str) -> Fraction:
	"""How many `target` one `source` is, exactly; temperatures with an offset have no factor."""
	old, new = _pair(source, target)
	if old.offset != new.offset:
		raise IncompatibleUnits(
			_("{source} and {target} start at different zeros.", source=source, target=target),
			_("Convert the value itself; a factor between them does not exist."),
		)
	return old.factor / new.factor


def convert(value: Decimal, source: str, target: str) -> Decimal:
	"""The value in `target`: exact where a decimal can hold it, else to 60 significant digits."""
	if not value.is_finite() or abs(value.adjusted()) > LARGEST_EXPONENT:
		raise UnitError(
			_("{value} is not a number that can be converted.", value=value),
			_("Give a finite value."),
			field="value",
		)
	old, new = _pair(source, target)
	if old is new:
		return value
	if old.offset != new.offset:
		return _decimal((Fraction(value) * old.factor + old.offset - new.offset) / new.factor)
	ratio = old.factor / new.factor
	scaled = CONVERSION.multiply(value, Decimal(ratio.numerator))
	return CONVERSION.divide(scaled, Decimal(ratio.denominator))


def compatible(source: str, target: str) -> bool:
	"""Whether both are known and of one dimension."""
	return (
		is_known(source) and is_known(target) and unit(source).dimension == unit(target).dimension
	)


def _decimal(value: Fraction) -> Decimal:
	return CONVERSION.divide(Decimal(value.numerator), Decimal(value.denominator))


def _pair(source: str, target: str) -> tuple[Unit, Unit]:
	old, new = unit(source), unit(target)
	if old.dimension != new.dimension:
		raise IncompatibleUnits(
			_(
				"{source} ({kind}) cannot be converted to {target} ({other}).",
				source=source,
				kind=old.dimension,
				target=target,
				other=new.dimension,
			),
			_remedy(old.dimension, new.dimension),
		)
	return old, new


def _remedy(old: Dimension, new: Dimension) -> str:
	kinds = {old, new}
	if kinds <= {Dimension.ENERGY, Dimension.ENERGY_GROSS, Dimension.ENERGY_NET}:
		return _(
			"State the calorific basis and use one basis on both sides; the ratio depends on the fuel."
		)
	if kinds & {Dimension.PACK, Dimension.SET, Dimension.ROLL, Dimension.SHEET}:
		return _("State how much one of them contains; a package has no fixed size.")
	if kinds <= {Dimension.MASS, Dimension.VOLUME, Dimension.LENGTH, Dimension.AREA}:
		return _(
			"Give the quantity in a unit of the same kind, or record the density or size it depends on."
		)
	return _("Give the quantity in a unit of the same kind.")
