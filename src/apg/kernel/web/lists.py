"""Lists whose sort, filters, page and columns live in the address, for pages and API alike."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlencode

from apg.kernel.errors import Invalid, Problem
from apg.kernel.texts import _

if TYPE_CHECKING:
	from sqlalchemy import ColumnElement, Select
	from starlette.requests import HTTPConnection

ColumnKind = Literal["text", "number", "money", "date", "datetime", "state", "flag"]
FilterKind = Literal["choice", "text", "bool", "date", "number"]
FilterValue = str | bool | date | Decimal | tuple[str, ...]
Pairs = tuple[tuple[str, str], ...]

LONGEST_TEXT = 200
DEEPEST_ROW = 10_000_000  # beyond it an offset is a mistake or an attack, never a person
_TRUE, _FALSE = frozenset({"true", "1", "yes", "on"}), frozenset({"false", "0", "no", "off"})
_RESERVED = frozenset({"sort", "sort_by", "sort_order", "page", "page_size", "columns"})


@dataclass(frozen=True, slots=True)
class Column:
	"""One column a list can show; `label` is English and translated when it is shown."""

	name: str
	label: str
	sortable: bool = False
	kind: ColumnKind = "text"
	unit: str = ""
	default_visible: bool = True
	digits: int | None = None  # significant digits shown at most; None shows what is recorded


@dataclass(frozen=True, slots=True)
class Filter:
	"""One way to narrow a list; `many` lets a choice be repeated in the address."""

	name: str
	label: str
	kind: FilterKind = "text"
	choices: Sequence[tuple[str, str]] = ()
	many: bool = False

	def parse(self, given: Sequence[str]) -> FilterValue | None:
		"""The typed value, None when nothing was asked; raises Problem's text as ValueError."""
		texts = [text.strip() for text in given if text.strip()]
		if not texts:
			return None
		if any("\0" in text or len(text) > LONGEST_TEXT for text in texts):
			raise ValueError(_("must be readable text of at most {n} characters", n=LONGEST_TEXT))
		if self.kind == "choice":
			return self._choice(texts)
		if len(texts) > 1:
			raise ValueError(_("may be given once only"))
		return self._single(texts[0])

	def _choice(self, texts: Sequence[str]) -> FilterValue:
		known = [value for value, _label in self.choices]
		unknown = [text for text in texts if known and text not in known]
		if unknown:
			raise ValueError(
				_("“{given}” is not one of: {known}", given=unknown[0], known=", ".join(known))
			)
		if self.many:
			return tuple(dict.fromkeys(texts))
		if len(texts) > 1:
			raise ValueError(_("may be given once only"))
		return texts[0]

	def _single(self, text: str) -> FilterValue:
		if self.kind == "bool":
			if text.lower() in _TRUE | _FALSE:
				return text.lower() in _TRUE
			raise ValueError(_("must be true or false"))
		if self.kind == "date":
			try:
				return date.fromisoformat(text)
			except ValueError:
				raise ValueError(_("must be a date such as 2026-03-31")) from None
		if self.kind == "number":
			try:
				number = Decimal(text)
			except InvalidOperation:
				number = Decimal("NaN")
			if number.is_finite() and len(number.as_tuple().digits) <= 20 >= abs(number.adjusted()):
				return number
			raise ValueError(_("must be a number such as 12.5"))
		return text

	def shown(self, value: FilterValue) -> str:
		"""What a person reads on the chip of an active filter."""
		labels = dict(self.choices)
		if isinstance(value, tuple):
			return ", ".join(_(labels.get(one, one)) for one in value)
		if isinstance(value, bool):
			return _("yes") if value else _("no")
		return _(labels[value]) if isinstance(value, str) and value in labels else str(value)


@dataclass(frozen=True, slots=True)
class ListSpec:
	"""What a list offers. `paging` is `page` (page, page_size) or `offset` (limit, offset)."""

	columns: tuple[Column, ...]
	filters: tuple[Filter, ...] = ()
	default_sort: str = ""
	page_sizes: tuple[int, ...] = (50, 25, 100, 250)
	max_page_size: int | None = None
	paging: Literal["page", "offset"] = "page"

	@property
	def cap(self) -> int:
		"""The largest page; a larger one asked for is cut to it, as the contract says."""
		return self.max_page_size or max(self.page_sizes)

	@property
	def size_name(self) -> str:
		return "limit" if self.paging == "offset" else "page_size"

	def column(self, name: str) -> Column | None:
		return next((column for column in self.columns if column.name == name), None)

	def filter(self, name: str) -> Filter | None:
		return next((one for one in self.filters if one.name == name), None)


@dataclass(frozen=True, slots=True)
class Sort:
	"""One sort key."""

	name: str
	descending: bool = False

	def __str__(self) -> str:
		return f"-{self.name}" if self.descending else self.name


@dataclass(frozen=True, slots=True)
class ActiveFilter:
	"""A filter in force, and the address of the list without it."""

	filter: Filter
	text: str
	remove_url: str


@dataclass(frozen=True, slots=True)
class ListState:
	"""What the address asks of a list, checked against its ListSpec."""

	spec: ListSpec
	path: str = ""
	sort: tuple[Sort, ...] = ()
	filters: Mapping[str, FilterValue] = field(default_factory=dict[str, FilterValue])
	page: int = 1
	page_size: int = 50
	columns: tuple[str, ...] = ()
	extra: Pairs = ()
	skip: int | None = None

	@classmethod
	def of(cls, spec: ListSpec, request: "HTTPConnection") -> "ListState":
		"""The state a request's address asks for; raises Invalid with one Problem per field."""
		return cls.parse(spec, request.query_params.multi_items(), request.url.path)

	@classmethod
	def parse(cls, spec: ListSpec, query: Iterable[tuple[str, str]], path: str = "") -> "ListState":
		"""Reads query pairs; names the spec does not know are kept for links, else ignored."""
		given: dict[str, list[str]] = {}
		for name, value in query:
			given.setdefault(name, []).append(value)
		reader = _Reader(spec, given)
		state = cls(
			spec=spec,
			path=path,
			sort=reader.sort(),
			filters=reader.filters(),
			page=1 if spec.paging == "offset" else reader.whole("page", 1, least=1),
			page_size=min(reader.whole(spec.size_name, spec.page_sizes[0], least=1), spec.cap),
			columns=reader.columns(),
			extra=reader.extra(),
			skip=reader.whole("offset", 0, least=0) if spec.paging == "offset" else None,
		)
		if state.offset > DEEPEST_ROW:
			name = "offset" if spec.paging == "offset" else "page"
			reader.refuse(name, _("is too far into the list; narrow it with a filter"))
		if reader.problems:
			raise Invalid(_("The address of this list cannot be read"), problems=reader.problems)
		return state

	@property
	def offset(self) -> int:
		return (self.page - 1) * self.page_size if self.skip is None else self.skip

	def __getitem__(self, name: str) -> FilterValue | None:
		"""The value of a filter, None when it is not set."""
		return self.filters.get(name)

	def values(self, name: str) -> tuple[str, ...]:
		"""The values of a filter as the address spells them."""
		return tuple(text for key, text in self._filter_pairs() if key == name)

	@property
	def visible(self) -> tuple[Column, ...]:
		return tuple(column for column in self.spec.columns if column.name in self.columns)

	@property
	def active(self) -> tuple[ActiveFilter, ...]:
		"""Filters in force, in the order of the spec, each with the link that lifts it."""
		return tuple(
			ActiveFilter(one, one.shown(self.filters[one.name]), self.url(**{one.name: None}))
			for one in self.spec.filters
			if one.name in self.filters
		)

	def direction(self, name: str) -> Literal["ascending", "descending", "none"]:
		"""The value of `aria-sort` for a column."""
		for key in self.sort:
			if key.name == name:
				return "descending" if key.descending else "ascending"
		return "none"

	def sort_url(self, name: str, *, add: bool = False) -> str:
		"""Where a click on a header leads: up, down, and back; `add` keeps the other keys."""
		turned = {"none": (Sort(name),), "ascending": (Sort(name, True),), "descending": ()}
		others = tuple(key for key in self.sort if key.name != name) if add else ()
		keys = (*others, *turned[self.direction(name)])
		return self.url(sort=",".join(map(str, keys)) or None)

	def page_count(self, total: int) -> int:
		return max(1, -(-total // self.page_size))

	def pairs(self, **changes: Any) -> Pairs:
		"""Query pairs with changes: None removes, a sequence repeats; defaults are left out.

		Any change but that of the page leads back to the first page.
		"""
		spec = self.spec
		sort = ",".join(map(str, self.sort))
		columns = ",".join(self.columns)
		pairs = [*self.extra, *self._filter_pairs()]
		pairs += [("sort", sort)] if sort != spec.default_sort else []
		pairs += [("columns", columns)] if columns != ",".join(_defaults(spec)) else []
		if self.page_size != spec.page_sizes[0]:
			pairs.append((spec.size_name, str(self.page_size)))
		if not changes:
			pairs += [("page", str(self.page))] if self.page > 1 else []
			pairs += [("offset", str(self.skip))] if self.skip else []
		pairs = [(name, value) for name, value in pairs if name not in changes]
		for name, value in changes.items():
			if value is None or (name == "page" and value == 1):
				continue
			many = value if isinstance(value, (tuple, list)) else (value,)
			pairs += [(name, _spelled(one)) for one in many]
		return tuple(pairs)

	def url(self, **changes: Any) -> str:
		"""The address of this list with changes; all that is not named stays."""
		query = urlencode(self.pairs(**changes))
		return f"{self.path}?{query}" if query else self.path

	def at(self, path: str) -> "ListState":
		"""The same question put to another address, an export for instance."""
		return replace(self, path=path)

	def window(
		self, query: "Select[Any]", columns: "Mapping[str, ColumnElement[Any]]", tie: Any
	) -> "Select[Any]":
		"""Sorts by the columns asked for, `tie` last so that the order is total, and cuts."""
		ordered: list[Any] = []
		for key in self.sort:
			column = columns[key.name]
			clause = column.desc() if key.descending else column.asc()
			# nulls last costs the index where the column cannot be null anyway
			ordered.append(clause.nulls_last() if getattr(column, "nullable", True) else clause)
		return query.order_by(*ordered, tie).limit(self.page_size).offset(self.offset)

	def _filter_pairs(self) -> list[tuple[str, str]]:
		pairs: list[tuple[str, str]] = []
		for one in self.spec.filters:
			value = self.filters.get(one.name)
			if value is not None:
				many = value if isinstance(value, tuple) else (value,)
				pairs += [(one.name, _spelled(item)) for item in many]
		return pairs


@dataclass(frozen=True, slots=True)
class TreeRow:
	"""One row of `ui.tree`: `level` from 1, `position` of `siblings` within its parent.

	`open` says that the children follow; else `children_url` answers them when asked.
	"""

	key: str
	label: str
	level: int = 1
	parent: str = ""
	position: int = 1
	siblings: int = 1
	children: int = 0
	open: bool = False
	children_url: str = ""
	href: str = ""
	values: Mapping[str, Any] = field(default_factory=dict[str, Any])

	def __getitem__(self, name: str) -> Any:
		return self.values[name]


class _Reader:
	"""Reads one query string and collects every problem in it."""

	def __init__(self, spec: ListSpec, given: Mapping[str, list[str]]) -> None:
		self.spec, self.given = spec, given
		self.problems: list[Problem] = []

	def refuse(self, name: str, message: str) -> None:
		self.problems.append(Problem(name, message))

	def whole(self, name: str, default: int, *, least: int) -> int:
		text = self.given.get(name, [""])[-1].strip()
		if not text:
			return default
		if text.isascii() and text.isdigit() and len(text) <= 9 and int(text) >= least:
			return int(text)
		self.refuse(name, _("must be a whole number from {least} on", least=least))
		return default

	def sort(self) -> tuple[Sort, ...]:
		asked = ",".join(self.given.get("sort", []))
		if not asked and self.given.get("sort_by", [""])[-1]:
			order = self.given.get("sort_order", ["asc"])[-1].lower()
			if order not in ("asc", "desc"):
				self.refuse("sort_order", _("must be asc or desc"))
			asked = ("-" if order == "desc" else "") + self.given["sort_by"][-1]
		field_name = "sort" if "sort" in self.given else "sort_by"
		keys: dict[str, Sort] = {}
		for word in (asked or self.spec.default_sort).split(","):
			name = word.strip().removeprefix("-")
			if not name:
				continue
			column = self.spec.column(name)
			if column is None or not column.sortable:
				known = ", ".join(one.name for one in self.spec.columns if one.sortable)
				text = _("cannot sort by “{name}”; it can by: {known}", name=name, known=known)
				self.refuse(field_name, text)
				continue
			keys.setdefault(name, Sort(name, word.strip().startswith("-")))
		return tuple(keys.values())

	def filters(self) -> dict[str, FilterValue]:
		found: dict[str, FilterValue] = {}
		for one in self.spec.filters:
			try:
				value = one.parse(self.given.get(one.name, []))
			except ValueError as refused:
				self.refuse(one.name, str(refused))
				continue
			if value is not None:
				found[one.name] = value
		return found

	def columns(self) -> tuple[str, ...]:
		asked = [name for text in self.given.get("columns", []) for name in text.split(",")]
		wanted = {name.strip() for name in asked if name.strip()}
		unknown = sorted(name for name in wanted if self.spec.column(name) is None)
		if unknown:
			known = ", ".join(column.name for column in self.spec.columns)
			text = _("has no column “{name}”; it has: {known}", name=unknown[0], known=known)
			self.refuse("columns", text)
		kept = tuple(column.name for column in self.spec.columns if column.name in wanted)
		return kept or _defaults(self.spec)

	def extra(self) -> Pairs:
		known = _RESERVED | {one.name for one in self.spec.filters}
		known |= {"limit", "offset"} if self.spec.paging == "offset" else set[str]()
		return tuple((n, v) for n, many in self.given.items() if n not in known for v in many)


def _defaults(spec: ListSpec) -> tuple[str, ...]:
	return tuple(column.name for column in spec.columns if column.default_visible)


def _spelled(value: object) -> str:
	if isinstance(value, bool):
		return "true" if value else "false"
	return format(value, "f") if isinstance(value, Decimal) else str(value)
