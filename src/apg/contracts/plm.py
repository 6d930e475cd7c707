"""What others may know of PLM: its events and its ports."""

from apg.kernel.events import Event


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


class StructureChanged(Event):
	"""Lines of a working revision changed."""

	name = "plm.structure.changed.v1"
	product_id: str
	revision_id: str
	lines: int
