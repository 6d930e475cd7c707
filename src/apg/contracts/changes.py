"""What others may know of engineering changes: their events."""

from apg.kernel.events import Event


class ChangeCreated(Event):
	"""Somebody wrote a problem, a request, an order or a deviation down."""

	name = "plm.change.created.v1"
	change_id: str
	kind: str


class ChangePackageEdited(Event):
	"""What a change would do is another thing now; impact is calculated for this hash."""

	name = "plm.change.package_edited.v1"
	change_id: str
	package_hash: str


class ChangeSubmitted(Event):
	"""The package is frozen and waits for approval."""

	name = "plm.change.submitted.v1"
	change_id: str
	package_hash: str


class ChangeApproved(Event):
	"""The last approval is there; the hash is the one that was signed."""

	name = "plm.change.approved.v1"
	change_id: str
	package_hash: str


class ChangeRejected(Event):
	"""An approver decided against it."""

	name = "plm.change.rejected.v1"
	change_id: str


class ChangeReturned(Event):
	"""Back to its author; signatures are void."""

	name = "plm.change.returned.v1"
	change_id: str


class ChangeImplemented(Event):
	"""The release of all its revisions; each has a ProductReleased of its own."""

	name = "plm.change.implemented.v1"
	change_id: str
	package_hash: str
	revision_count: int


class ChangeClosed(Event):
	"""Everything is done; or, `cancelled`, given up."""

	name = "plm.change.closed.v1"
	change_id: str
	cancelled: bool


PUBLISHED = (
	*(ChangeCreated, ChangePackageEdited, ChangeSubmitted, ChangeApproved),
	*(ChangeRejected, ChangeReturned, ChangeImplemented, ChangeClosed),
)
