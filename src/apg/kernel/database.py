"""Engines, the declarative base, the types and the foreign keys every table is made of."""

import json
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any
from urllib.parse import quote, urlsplit, urlunsplit

import orjson
from sqlalchemy import (
	Column,
	DateTime,
	ForeignKeyConstraint,
	Integer,
	MetaData,
	Numeric,
	Select,
	Table,
	Text,
	UniqueConstraint,
	Uuid,
	event,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, MappedColumn, Mapper, mapped_column

from apg.kernel.settings import Settings
from apg.kernel.stamps import new_id, utc_now

Id = Annotated[str, "uuid"]
Quantity = Annotated[Decimal, "numeric(20,6)"]
AnySelect = Select[*tuple[Any, ...]]
"""A select of whatever columns: what reads for the wire take and give."""

# asyncpg sends a UUID as 16 bytes; in Python and on the wire an id is lower-case text.
id_type = Uuid(as_uuid=False)


class Base(DeclarativeBase):
	"""The root of all entities; names of constraints follow one convention."""

	metadata = MetaData(
		naming_convention={
			"ix": "ix_%(table_name)s_%(column_0_N_name)s",
			"uq": "uq_%(table_name)s_%(column_0_N_name)s",
			"ck": "ck_%(table_name)s_%(constraint_name)s",
			"fk": "fk_%(table_name)s_%(column_0_N_name)s",
			"pk": "pk_%(table_name)s",
		}
	)
	type_annotation_map = {
		Id: id_type,
		str: Text(),
		Quantity: Numeric(20, 6),
		Decimal: Numeric(20, 6),
		datetime: DateTime(timezone=True),
		dict[str, Any]: JSONB(),
		list[Any]: JSONB(),
		list[str]: JSONB(),
	}


class Versioned:
	"""A row with a version that grows by one with every change and refuses a lost update."""

	version: Mapped[int] = mapped_column(Integer, default=1, server_default="1")
	created_at: Mapped[datetime] = mapped_column(default=utc_now)
	updated_at: Mapped[datetime] = mapped_column(default=utc_now, onupdate=utc_now)
	created_by: Mapped[Id | None] = mapped_column()
	updated_by: Mapped[Id | None] = mapped_column()


def id_column() -> MappedColumn[str]:
	return mapped_column(id_type, primary_key=True, default=new_id)


def reference(
	target: str,
	*,
	nullable: bool = False,
	ondelete: str = "RESTRICT",
	index: bool = True,
	deferred: bool = False,
) -> MappedColumn[Any]:
	"""A column that points at a row of the same tenant, by a composite foreign key.

	A plain foreign key is checked past the policies, so it could name another tenant's row.
	`ondelete="SET NULL"` clears the column alone, never the tenant. `deferred` checks at commit, for
	two rows that point at each other.
	"""
	return mapped_column(
		id_type,
		nullable=nullable,
		index=index,
		info={"reference": target, "ondelete": ondelete, "deferred": deferred},
	)


_composed: set[str] = set()


@event.listens_for(Base, "instrument_class", propagate=True)
def _compose_keys(mapper: Mapper[Any], entity: type[Any]) -> None:  # pyright: ignore[reportUnusedFunction]
	table = mapper.local_table
	if not isinstance(table, Table) or "tenant_id" not in table.c or table.name in _composed:
		return
	_composed.add(table.name)
	if "id" in table.c and [c.name for c in table.primary_key.columns] == ["id"]:
		table.append_constraint(UniqueConstraint("tenant_id", "id"))
	for column in list(table.c):
		target = column.info.get("reference")
		if target is None:
			continue
		rule, deferred = str(column.info["ondelete"]), bool(column.info["deferred"])
		if rule == "SET NULL":
			rule = f"SET NULL ({column.name})"
		table.append_constraint(
			ForeignKeyConstraint(
				["tenant_id", column.name],
				[f"{target}.tenant_id", f"{target}.id"],
				ondelete=rule,
				deferrable=deferred or None,
				initially="DEFERRED" if deferred else None,
				use_alter=deferred,
			)
		)


def referenced_by(column: Column[Any]) -> str | None:
	return column.info.get("reference")


def dump_json(value: Any) -> str:
	"""JSON text in which a Decimal keeps its digits."""
	return orjson.dumps(value, default=_json_form).decode()


def _json_form(value: Any) -> Any:
	if isinstance(value, Decimal):
		return orjson.Fragment(format(value, "f"))
	raise TypeError(f"{type(value).__name__} has no JSON form")


def role_url(settings: Settings, role: str, password: str, *, direct: bool = False) -> str:
	"""The address of the database for one of our roles.

	APG_DATABASE_URL may name the role itself (production), or an administrator; in the second
	case the password of the role is the one that `apg migrate` derived and set.
	"""
	address = (settings.database_direct_url if direct else "") or settings.database_url
	parts = urlsplit(address)
	if parts.username == role:
		return address
	host = f"[{parts.hostname}]" if parts.hostname and ":" in parts.hostname else parts.hostname
	port = f":{parts.port}" if parts.port else ""
	login = f"{role}:{quote(password, safe='')}@{host or ''}{port}"
	return urlunsplit(("postgresql", login, parts.path, parts.query, ""))


def make_engine(url: str, settings: Settings, *, pool_size: int | None = None) -> AsyncEngine:
	"""An engine on asyncpg: a bounded pool, no overflow, five seconds of patience."""
	parts = urlsplit(url)
	made = create_async_engine(
		urlunsplit(parts._replace(scheme="postgresql+asyncpg")),
		pool_size=pool_size or settings.pool_size or 10,
		max_overflow=0,
		pool_timeout=settings.pool_wait_seconds,
		pool_recycle=3600,
		hide_parameters=True,
		json_serializer=dump_json,
		json_deserializer=load_json,
		connect_args={
			"timeout": 5,
			"server_settings": {"application_name": "apg", "timezone": "UTC", "datestyle": "ISO"},
		},
	)
	event.listen(made.sync_engine, "checkout", _living)
	return made


def _living(held: Any, *_: Any) -> None:
	if held.driver_connection.is_closed():  # it broke while it lay in the pool: take another
		raise DisconnectionError


def load_json(text: str | bytes) -> Any:
	"""JSON in which fractions stay exact."""
	return json.loads(text, parse_float=Decimal)
