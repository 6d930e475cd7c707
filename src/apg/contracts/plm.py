"""What others may know of PLM: its events and its ports."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, ClassVar, Protocol

from apg.kernel.events import Event

if TYPE_CHECKING:
	import numpy as np
	import numpy.typing as npt

	from apg.kernel.work import Work


class ProductCreated(Event):
	"""A product came to be, with its first working revision."""

	name = "plm.product.created.v1"
	product_id: str
	revision_id: str


class ProductUpdated(Event):
	"""Fields of a product changed; `revision_id` is the revision that shows them, if one does."""

	name = "plm.product.updated.v1"
	product_id: str
	revision_id: str | None
	fields: list[str]


class ProductReleased(Event):
	"""A revision became the released one; from here on its content stands."""

	name = "plm.product.released.v1"
	product_id: str
	revision_id: str
	snapshot_hash: str


class RevisionOpened(Event):
	"""A new working revision with the content of an earlier one."""

	name = "plm.revision.opened.v1"
	needs = "plm.products.read"
	product_id: str
	revision_id: str
	copied_from: str


class StructureChanged(Event):
	"""Lines of a working revision changed."""

	name = "plm.structure.changed.v1"
	product_id: str
	revision_id: str
	lines: int


class Snapshot(Protocol):
	"""A structure as it stood when it was asked for: n revisions, the root last, m lines.

	Children have smaller numbers than their parents. `hash` is the same for the same revisions,
	lines and quantities, whenever and wherever it was read.
	"""

	@property
	def hash(self) -> str: ...
	@property
	def root(self) -> str:
		"""The revision asked for."""
		...

	@property
	def view(self) -> str: ...
	@property
	def revision_ids(self) -> Sequence[str]:
		"""(n,) A product without any revision under the rule stands with its own id."""
		...

	@property
	def product_ids(self) -> Sequence[str]: ...  # (n,)
	@property
	def units(self) -> Sequence[str]: ...  # (n,) of one of each product
	@property
	def parents(self) -> "npt.NDArray[np.int64]": ...  # (m,) places in revision_ids
	@property
	def children(self) -> "npt.NDArray[np.int64]": ...  # (m,)
	@property
	def quantities(self) -> "npt.NDArray[np.int64]":
		"""(m,) in 10⁻⁶ of the child's unit, with attrition, for one parent; -1: not known, 0: takes
		nothing (a reference). Rounded half-even where 10⁻⁶ cannot hold it; totals are not."""
		...

	@property
	def assemblies(self) -> Collection[str]:
		"""Revisions with lines that count or would, if their quantity were known."""
		...

	@property
	def content(self) -> bytes:
		"""The structure itself, packed, from which `Structures.restore` makes the same one again."""
		...


Vector = Mapping[str, Decimal]
"""Named components that add up each for itself, such as stages of a footprint, per unit."""


@dataclass(frozen=True, slots=True)
class Missing:
	"""A place without figures: `quantity` of the product is needed, None when nobody says how much.

	reason: `no_figure`, `as_required`, `quantity_not_given` or `unit_not_convertible`.
	"""

	product_id: str
	revision_id: str
	quantity: Decimal | None
	reason: str


@dataclass(frozen=True, slots=True)
class Share:
	"""What a product brings of its own: `quantity` of it, and the components of that."""

	product_id: str
	revision_id: str
	quantity: Decimal
	values: Vector


@dataclass(frozen=True, slots=True)
class RolledUp:
	"""Known totals of one root by component, exact; what is missing is named, never counted as 0.

	`coverage` is the share of places in the tree that have figures, 0 to 1.
	"""

	totals: Mapping[str, Fraction]
	complete: bool
	coverage: float
	missing_count: int
	missing: tuple[Missing, ...]
	contributions: tuple[Share, ...]


@dataclass(frozen=True, slots=True)
class Branch:
	"""A place in the tree: `quantity` of the product for one root there, and what it brings with all
	below it. `parent` is the place of the branch above in the list, -1 for the root itself."""

	level: int
	parent: int
	product_id: str
	revision_id: str
	quantity: Decimal
	value: Fraction


class Choices(Protocol):
	"""A structure with what may stand in for the children of its lines, and all that is below that.

	`hash` is the same for the same choices; `revision_ids` are those that the structure itself does
	not hold, `assemblies` those of them with lines.
	"""

	@property
	def hash(self) -> str: ...
	@property
	def count(self) -> int:
		"""How many products may stand in, line by line."""
		...

	@property
	def revision_ids(self) -> Sequence[str]: ...
	@property
	def assemblies(self) -> Collection[str]: ...


@dataclass(frozen=True, slots=True)
class Span:
	"""The least and the most of one component over all choices, exact.

	Only choices with complete figures count; `without_figures` of them did not.
	"""

	least: Fraction
	most: Fraction
	without_figures: int


class Structures(Protocol):
	"""Product structures and their arithmetic; provided by PLM."""

	absent: ClassVar["Structures"]

	async def snapshot(
		self, work: "Work", revision_id: str, view: str = "engineering"
	) -> Snapshot | None:
		"""The structure below a revision. None for one that is unknown, and where PLM is absent.

		Raises Conflict when a product contains itself.
		"""
		...

	def roll_up(
		self,
		snapshot: Snapshot,
		own: Mapping[str, Vector],
		stops: Collection[str] = (),
		*,
		needed: Collection[str] = (),
	) -> RolledUp:
		"""Rolls figures up to the root, all components in one pass.

		`own` is by revision id, for one unit of the product; products without lines need figures,
		and so do those `needed`. A figure at a revision in `stops` is the whole figure: nothing below
		it counts. Elsewhere it is added to what comes from below.
		"""
		...

	def restore(self, content: bytes) -> Snapshot:
		"""A structure from its packed form. Raises ValueError for one that is damaged."""
		...

	def branches(
		self,
		snapshot: Snapshot,
		own: Mapping[str, Decimal],
		stops: Collection[str] = (),
		*,
		depth: int = 3,
		limit: int = 300,
	) -> tuple[Branch, ...]:
		"""The tree to a depth with what each place brings, the largest of each level first.

		At most `limit` places, the upper levels before the lower ones.
		"""
		...

	async def choices(self, work: "Work", snapshot: Snapshot) -> Choices | None:
		"""What may stand in on the lines of a structure; None where nothing may."""
		...

	def span(
		self, choices: Choices, own: Mapping[str, Decimal], stops: Collection[str] = ()
	) -> Span:
		"""The least and the most of one quantity over the choices; `own` as for `roll_up`."""
		...


class NoStructures:
	"""Without PLM there is nothing to calculate from."""

	async def snapshot(
		self, work: "Work", revision_id: str, view: str = "engineering"
	) -> Snapshot | None:
		return None

	def roll_up(
		self,
		snapshot: Snapshot,
		own: Mapping[str, Vector],
		stops: Collection[str] = (),
		*,
		needed: Collection[str] = (),
	) -> RolledUp:
		return RolledUp({}, False, 0.0, 0, (), ())

	def restore(self, content: bytes) -> Snapshot:
		raise ValueError("there is no provider of structures")

	def branches(
		self,
		snapshot: Snapshot,
		own: Mapping[str, Decimal],
		stops: Collection[str] = (),
		*,
		depth: int = 3,
		limit: int = 300,
	) -> tuple[Branch, ...]:
		return ()

	async def choices(self, work: "Work", snapshot: Snapshot) -> Choices | None:
		return None

	def span(
		self, choices: Choices, own: Mapping[str, Decimal], stops: Collection[str] = ()
	) -> Span:
		return Span(Fraction(0), Fraction(0), 0)


@dataclass(frozen=True, slots=True)
class Content:
	"""What a revision says of one unit of its product; `version` counts its changes.

	`estimated` names the fields that somebody estimated (`mass`, `material`).
	"""

	revision_id: str
	product_id: str
	version: int
	number: str
	name: str
	revision: str
	product_type: str
	unit: str
	mass: Decimal | None
	mass_unit: str | None
	material: str | None
	estimated: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class MaterialUse:
	"""A material as written on current revisions, and how many products say so."""

	material: str
	products: int
	without_mass: int


class Contents(Protocol):
	"""What revisions say of their products; provided by PLM, in one query for any number."""

	absent: ClassVar["Contents"]

	async def of_revisions(
		self, work: "Work", revision_ids: Collection[str]
	) -> Mapping[str, Content]:
		"""By revision id; unknown ones are absent from the answer."""
		...

	async def of_products(self, work: "Work", names: Collection[str]) -> Mapping[str, Content]:
		"""The current revisions of products named by id or by number, by that name."""
		...

	async def materials(self, work: "Work") -> Sequence[MaterialUse]:
		"""Every material that current revisions name, the most used first."""
		...

	async def costs(self, work: "Work", product_ids: Collection[str]) -> Mapping[str, Decimal]:
		"""What one of each product costs today in the company's currency, where a price is known;
		nothing for a reader who may not see costs."""
		...


class NoContents:
	"""Without PLM there are no revisions."""

	async def of_revisions(
		self, work: "Work", revision_ids: Collection[str]
	) -> Mapping[str, Content]:
		return {}

	async def of_products(self, work: "Work", names: Collection[str]) -> Mapping[str, Content]:
		return {}

	async def materials(self, work: "Work") -> Sequence[MaterialUse]:
		return ()

	async def costs(self, work: "Work", product_ids: Collection[str]) -> Mapping[str, Decimal]:
		return {}


Structures.absent = NoStructures()  # type: ignore[assignment]
Contents.absent = NoContents()  # type: ignore[assignment]
