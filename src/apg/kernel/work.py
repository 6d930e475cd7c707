"""One request, task or batch is one transaction: lazily opened, bound, recorded, committed here."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, cast

from sqlalchemy import Executable, event, select
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession
from sqlalchemy.orm import ORMExecuteState, Session, SessionTransaction
from sqlalchemy.orm.exc import StaleDataError
from sqlalchemy.orm.session import JoinTransactionMode

from apg.kernel import json_rows, log, tasks
from apg.kernel.database import AnySelect, Base
from apg.kernel.errors import Conflict, NotFound, PreconditionFailed
from apg.kernel.events import Event
from apg.kernel.json_rows import One, Prepared
from apg.kernel.principal import Principal
from apg.kernel.runtime import Runtime
from apg.kernel.stamps import is_id, utc_now
from apg.kernel.tenancy import Binding, TenantOwned, bind_statement
from apg.kernel.texts import _

if TYPE_CHECKING:
	from apg.kernel.tasks import Task

Entity = TypeVar("Entity", bound=Base)
Port = TypeVar("Port")


@dataclass(frozen=True, slots=True)
class Origin:
	"""Where a Work comes from: the door (`api`, `page`, `task`, `cli`) and the request's id."""

	door: str
	request_id: str = ""
	address: str = ""
	started: float = 0.0
	agent: str = ""


class Work:
	"""The one handle a service gets: read, lock, add, publish, enqueue, ask a port.

	Takes no connection until first use and never more than one. Only `open_work` commits.
	"""

	def __init__(
		self,
		runtime: Runtime,
		principal: Principal,
		action: str,
		origin: Origin,
		read_only: bool = False,
	) -> None:
		self.runtime = runtime
		self.principal = principal
		self.action = action
		self.origin = origin
		self.read_only = read_only
		self.if_match: str | None = None
		self._bind: AsyncEngine | AsyncConnection = runtime.engine
		self._join: JoinTransactionMode = "conditional_savepoint"
		self._session: AsyncSession | None = None
		self._driver: Any = None
		self._events: list[Event] = []
		self._tasks: list[tuple[Task, dict[str, Any]]] = []
		self._after_commit: list[Callable[[], Awaitable[None]]] = []
		self._after_rollback: list[Callable[[], Awaitable[None]]] = []

	@property
	def binding(self) -> Binding:
		return Binding(
			tenant_id=self.principal.tenant_id,
			user_id=self.principal.user_id or "",
			reach=self.principal.reach,
			action=self.action,
			origin=self.origin.door,
			request_id=self.origin.request_id,
		)

	@property
	def session(self) -> AsyncSession:
		"""The session of this transaction; made on first use, without a connection yet."""
		if self._session is None:
			self._session = AsyncSession(
				self._bind,
				sync_session_class=_BoundSession,
				expire_on_commit=False,
				join_transaction_mode=self._join,
				info={"work": self},
			)
		return self._session

	@property
	def is_open(self) -> bool:
		return self._session is not None and self._session.in_transaction()

	async def connection(self) -> AsyncConnection:
		"""The bound connection itself, for statements that are not ORM."""
		return await self.session.connection()

	async def driver(self) -> Any:
		"""The driver's own connection inside the bound transaction, for reads that must cost little."""
		if self._driver is None or not self.is_open:
			raw = await (await self.connection()).get_raw_connection()
			self._driver = raw.driver_connection
		return self._driver

	async def fetch(self, statement: Prepared, **values: Any) -> list[Any]:
		"""Rows of a select that was built once, as the driver gives them; ids are its UUIDs."""
		await self.flush()
		return await json_rows.records(self, statement, values)

	async def execute(self, statement: Executable, parameters: Any = None) -> Any:
		return await self.session.execute(statement, parameters)

	async def scalars(self, statement: Executable) -> list[Any]:
		return list((await self.session.scalars(cast(Any, statement))).all())

	async def scalar(self, statement: Executable, parameters: Any = None) -> Any:
		return await self.session.scalar(cast(Any, statement), parameters)

	async def find(self, entity: type[Entity], id: str, *options: Any) -> Entity | None:
		"""The row, or None when it is unknown, another tenant's or deleted."""
		if not is_id(id):
			return None
		found = await self.session.scalar(
			select(entity).where(cast(Any, entity).id == id).options(*options)
		)
		return None if found is None or getattr(found, "is_deleted", False) else found

	async def get(self, entity: type[Entity], id: str, *options: Any) -> Entity:
		"""The row, for reading. Raises NotFound."""
		found = await self.find(entity, id, *options)
		if found is None:
			raise NotFound(_("{what} not found", what=human_name(entity)))
		return found

	async def edit(
		self,
		entity: type[Entity],
		id: str,
		*options: Any,
		deleted: bool = False,
		compare: bool = True,
	) -> Entity:
		"""The row, locked; a stale If-Match is refused. Raises NotFound, PreconditionFailed.

		`compare=False` where the entity tag is more than this row's version: call `expect` then.
		"""
		found = None
		if is_id(id):
			found = await self.session.scalar(
				select(entity)
				.where(cast(Any, entity).id == id)
				.options(*options)
				.with_for_update(of=entity)
				.execution_options(populate_existing=True)
			)
		if found is None or (getattr(found, "is_deleted", False) and not deleted):
			raise NotFound(_("{what} not found", what=human_name(entity)))
		if compare:
			self.expect(str(getattr(found, "version", "")))
		return found

	def expect(self, version: str) -> None:
		"""Compares the caller's If-Match with the present version, once per Work."""
		wanted, self.if_match = self.if_match, None
		if wanted is None or wanted.strip() == "*":
			return
		tags = {tag.strip().removeprefix("W/").strip('"') for tag in wanted.split(",")}
		if version not in tags:
			raise PreconditionFailed(
				_("Somebody else saved this meanwhile (now version {version}).", version=version),
				headers={"ETag": f'"{version}"'},
			)

	def add(self, entity: Entity) -> Entity:
		"""A new row of the principal's tenant."""
		if isinstance(entity, TenantOwned) and not cast(Any, entity).tenant_id:
			entity.tenant_id = self.principal.tenant_id
		self.session.add(entity)
		return entity

	async def delete(self, entity: Base) -> None:
		await self.session.delete(entity)

	async def flush(self) -> None:
		"""Settles constraints and versions now, so that they are refused before rendering."""
		held = self._session
		if held is not None and (held.new or held.dirty or held.deleted):
			with _human_errors():
				await held.flush()

	async def read_json(self, statement: AnySelect | Prepared, **values: Any) -> bytes:
		"""The rows as a finished JSON array, built by PostgreSQL."""
		await self.flush()
		return await json_rows.rows(self, statement, values)

	async def find_one(self, statement: AnySelect | Prepared, **values: Any) -> One | None:
		"""One object as JSON with its entity tag, or None."""
		await self.flush()
		return await json_rows.one(self, statement, values)

	async def read_one(
		self, statement: AnySelect | Prepared, entity: type[Base], **values: Any
	) -> One:
		"""One object as JSON with its entity tag. Raises NotFound."""
		found = await self.find_one(statement, **values)
		if found is None:
			raise NotFound(_("{what} not found", what=human_name(entity)))
		return found

	async def read_list(
		self, statement: AnySelect | Prepared, *, limit: int, offset: int = 0, **values: Any
	) -> json_rows.Page:
		"""One page of the rows as JSON, with a count that is exact to 10,000."""
		await self.flush()
		return await json_rows.page(self, statement, values, limit=limit, offset=offset)

	def publish(self, event: Event) -> None:
		"""Appends to the log in this very transaction; rolled back, it never existed."""
		self._events.append(event)

	def enqueue(self, task: "Task | str", **ids: Any) -> None:
		"""A task that runs after this transaction commits, or never existed.

		A service says it by its name: tasks stand above services.
		"""
		known = self.runtime.composition.task(task) if isinstance(task, str) else task
		self._tasks.append((known, ids))

	def after_commit(self, call: Callable[[], Awaitable[None]]) -> None:
		"""Something in this process to forget or to hint once the commit stands; never an effect."""
		self._after_commit.append(call)

	def after_rollback(self, call: Callable[[], Awaitable[None]]) -> None:
		"""What the transaction did outside of the database, undone when it does not commit."""
		self._after_rollback.append(call)

	def port(self, port: type[Port]) -> Port:
		"""The provider of a contract, or its null form when the capability is absent or off."""
		return self.runtime.composition.port(port, self.principal.enabled)

	async def finish(self) -> None:
		"""Flush, log, tasks, commit. A Work that was never used costs nothing."""
		if self._session is None and not self._events and not self._tasks:
			return
		await self.flush()
		if self._events:
			driver = await self.driver()
			await log.append(driver, self.principal, self.origin.request_id, self._events)
		if self._tasks:
			connection = await self.connection()
			await tasks.enqueue(connection, self.principal, self._tasks, self.origin.request_id)
		if self._session is not None:
			with _human_errors():
				await self._session.commit()
			if not self.read_only:
				json_rows.forget_counts(self.principal.tenant_id)
		self._after_rollback = []
		published, self._events, self._tasks = bool(self._events), [], []
		if published and (hint := self.runtime.state.get("log_hint")):
			hint()
		for call in self._after_commit:
			await call()
		self._after_commit = []

	async def close(self) -> None:
		"""Undoes what is not committed; the Work may go on, as a page does that shows a form again."""
		self._events, self._tasks, self._after_commit = [], [], []
		undo, self._after_rollback = self._after_rollback, []
		self._driver = None
		if self._session is not None:
			await self._session.close()
			self._session = None
		for call in undo:
			await call()


@asynccontextmanager
async def open_work(
	runtime: Runtime,
	principal: Principal,
	*,
	action: str,
	origin: Origin | str,
	read_only: bool = False,
) -> AsyncGenerator[Work]:
	"""Opens the transaction of one request, task or batch; leaving the block commits it."""
	door = Origin(origin) if isinstance(origin, str) else origin
	work = Work(runtime, principal, action, door, read_only)
	try:
		yield work
		await work.finish()
	finally:
		await work.close()


def human_name(entity: type[Base]) -> str:
	"""What a person calls the entity."""
	return _(getattr(entity, "__human__", entity.__name__))


class _BoundSession(Session):
	"""The session of a Work; what it listens for is set once for all of them, below."""


def _bind(session: Session, transaction: SessionTransaction, connection: Connection) -> None:
	work: Work = session.info["work"]
	statement, values = bind_statement(work.binding, read_only=work.read_only)
	connection.exec_driver_sql(statement, tuple(values))


def _stamp(session: Session, context: Any, instances: Any) -> None:
	work: Work = session.info["work"]
	actor = work.principal.user_id
	for entity in session.new:
		if isinstance(entity, TenantOwned):
			entity.tenant_id = cast(Any, entity).tenant_id or work.principal.tenant_id
			entity.created_by = entity.created_by or actor
			entity.updated_by = entity.updated_by or actor
	for entity in session.dirty:
		if isinstance(entity, TenantOwned) and session.is_modified(entity):
			entity.updated_by = actor or entity.updated_by
			entity.updated_at = utc_now()


def _refuse_bulk(state: ORMExecuteState) -> None:
	# An ORM bulk update or delete passes the version and the stamps by; say it in Core instead.
	if (state.is_update or state.is_delete) and not state.execution_options.get("bulk"):
		raise TypeError("bulk changes of entities need execution_options(bulk=True) and a reason")


event.listen(_BoundSession, "after_begin", _bind)
event.listen(_BoundSession, "before_flush", _stamp)
event.listen(_BoundSession, "do_orm_execute", _refuse_bulk)


@contextmanager
def _human_errors() -> Generator[None]:
	"""Turns what the database refused into an error a person understands."""
	try:
		yield
	except IntegrityError as error:
		raise conflict_of(error) from error
	except StaleDataError as error:
		told = _("Somebody else changed this at the same moment; try again.")
		raise Conflict(told) from error


def conflict_of(error: DBAPIError) -> Conflict:
	"""The Conflict behind a violated constraint, in the words hung on the constraint."""
	from apg.kernel.errors import Human, Problem

	cause = getattr(error.orig, "__cause__", None)
	name = getattr(cause, "constraint_name", None) or ""
	for table in Base.metadata.tables.values():
		for held in (*table.constraints, *table.indexes):
			if held.name == name and isinstance(human := held.info.get("human"), Human):
				sentence = _(human.message)
				problems = (
					[Problem(human.field, sentence, human.code.lower())] if human.field else []
				)
				return Conflict(sentence, code=human.code, problems=problems)
	return Conflict(
		_("This contradicts what is already recorded ({name}).", name=name or "unknown")
	)
