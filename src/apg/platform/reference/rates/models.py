"""Currencies, published rates of all tenants, and the rates a tenant agreed on."""

from datetime import date as Day
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
	CheckConstraint,
	ForeignKey,
	Index,
	Numeric,
	SmallInteger,
	Text,
	UniqueConstraint,
	cast,
	false,
	literal,
	null,
	select,
	text,
	true,
	union_all,
)
from sqlalchemy.orm import Mapped, mapped_column

from apg.kernel.database import Base, Id, id_type
from apg.kernel.errors import human
from apg.kernel.stamps import utc_now
from apg.kernel.tenancy import TenantOwned

# Days a rate without an end holds when no newer one comes: over Easter and the turn of the year
# the ECB publishes nothing for up to five days; a currency it dropped is a gap, not an old figure.
HOLDS_DAYS = 10
OWN_SOURCE = "own"


class Currency(Base):
	"""A currency of ISO 4217, with the digits of its minor unit."""

	__tablename__ = "currencies"
	__human__ = "currency"

	code: Mapped[str] = mapped_column(Text, primary_key=True)
	name: Mapped[str] = mapped_column()
	digits: Mapped[int] = mapped_column(SmallInteger)
	is_active: Mapped[bool] = mapped_column()

	__table_args__ = (CheckConstraint("code ~ '^[A-Z]{3}$'", name="code"),)


class RateFile(Base):
	"""A published file of rates that was loaded."""

	__tablename__ = "exchange_rate_files"

	id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=True)
	sha256: Mapped[str] = mapped_column(unique=True)
	source: Mapped[str] = mapped_column()
	publisher: Mapped[str] = mapped_column()
	licence: Mapped[str] = mapped_column()
	edition: Mapped[str] = mapped_column()
	rows: Mapped[int] = mapped_column()
	loaded_at: Mapped[datetime] = mapped_column(default=utc_now)


class ExchangeRate(Base):
	"""A published rate: one euro is `units_per_eur` of the currency on that day.

	Without foreign keys: the loader alone writes it, and checks each code before.
	"""

	__tablename__ = "exchange_rates"
	__human__ = "exchange rate"

	currency: Mapped[str] = mapped_column(primary_key=True)
	date: Mapped[Day] = mapped_column(primary_key=True)
	units_per_eur: Mapped[Decimal] = mapped_column(Numeric(20, 10))
	file_id: Mapped[int] = mapped_column(SmallInteger)

	__table_args__ = (
		CheckConstraint("units_per_eur > 0", name="positive"),
		Index("ix_exchange_rates_newest", text("date desc"), "currency"),
	)


class TenantExchangeRate(TenantOwned, Base):
	"""A rate the company agreed on, from `date` to `valid_until`; without an end it holds like a
	published one."""

	__tablename__ = "tenant_exchange_rates"
	__human__ = "exchange rate"

	currency: Mapped[str] = mapped_column(ForeignKey("currencies.code"))
	date: Mapped[Day] = mapped_column()
	valid_until: Mapped[Day | None] = mapped_column()
	units_per_eur: Mapped[Decimal] = mapped_column(Numeric(20, 10))
	source: Mapped[str] = mapped_column(default=OWN_SOURCE)

	__table_args__ = (
		UniqueConstraint(
			"tenant_id",
			"currency",
			"date",
			info=human(
				"RATE_TWICE", "There is a rate of this currency from this day already.", "date"
			),
		),
		CheckConstraint("units_per_eur > 0", name="positive"),
		CheckConstraint("currency <> 'EUR'", name="not_the_euro"),
		CheckConstraint("valid_until >= date", name="period"),
		CheckConstraint("length(source) between 1 and 200", name="source"),
	)


def _of_file(column: Any) -> Any:
	return select(column).where(RateFile.id == ExchangeRate.file_id).scalar_subquery()


def rates() -> Any:
	"""Published rates and the tenant's own as one set of rows, in their wire form."""
	own, published = TenantExchangeRate, ExchangeRate
	both = union_all(
		select(
			own.id.label("id"),
			own.currency.label("currency"),
			own.date.label("date"),
			own.valid_until.label("valid_until"),
			own.units_per_eur.label("units_per_eur"),
			own.source.label("source"),
			true().label("own"),
			cast(null(), Text).label("file_sha256"),
			own.version.label("version"),
		),
		select(
			cast(null(), id_type).label("id"),
			published.currency.label("currency"),
			published.date.label("date"),
			cast(null(), published.date.type).label("valid_until"),
			published.units_per_eur.label("units_per_eur"),
			# asked for row by row: a join would sort all rates before it cuts
			_of_file(RateFile.source).label("source"),
			false().label("own"),
			_of_file(RateFile.sha256).label("file_sha256"),
			literal(1).label("version"),
		),
	)
	return both.subquery("rates")


def select_own(rate_id: Id) -> Any:
	"""One of the tenant's own rates in its wire form."""
	own = TenantExchangeRate
	return select(
		own.id.label("id"),
		own.currency.label("currency"),
		own.date.label("date"),
		own.valid_until.label("valid_until"),
		own.units_per_eur.label("units_per_eur"),
		own.source.label("source"),
		true().label("own"),
		cast(null(), Text).label("file_sha256"),
		own.version.label("version"),
		own.version.label("etag"),
	).where(own.id == rate_id)


def select_currencies() -> Any:
	"""The currencies in their wire form."""
	return select(
		Currency.code.label("code"),
		Currency.name.label("name"),
		Currency.digits.label("digits"),
		Currency.is_active.label("is_active"),
	).order_by(Currency.code)
