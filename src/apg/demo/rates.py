"""Exchange rates of the demo company, so that its prices add up on any day.

A published rate holds for ten days, and the edition that ships grows older with every release; the
demo's prices are in five currencies. The newest published rate of each is recorded as a rate of
the company's own, with its day in the source.
"""

from datetime import timedelta

from sqlalchemy import any_, bindparam, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Text

from apg.kernel.principal import Principal
from apg.kernel.runtime import Runtime
from apg.kernel.work import open_work
from apg.platform.reference.rates import service as rates
from apg.platform.reference.rates.models import TenantExchangeRate
from apg.platform.reference.rates.schemas import RateIn

CURRENCIES = ["AUD", "CAD", "CNY", "NZD", "USD"]
HOLDS = timedelta(days=5 * 365)
NEWEST = text(
	"select distinct on (currency) currency, date, units_per_eur from exchange_rates"
	" where currency = any(:codes) order by currency, date desc"
).bindparams(bindparam("codes", CURRENCIES, type_=ARRAY(Text())))


async def load(runtime: Runtime, principal: Principal) -> str:
	"""Records what the company has no rate of its own for."""
	own = TenantExchangeRate
	action = "reference.rates.create"
	async with open_work(runtime, principal, action=action, origin="cli") as work:
		codes = bindparam("codes", CURRENCIES, type_=ARRAY(Text()))
		held = set(await work.scalars(select(own.currency).where(own.currency == any_(codes))))
		made = 0
		for row in (await work.execute(NEWEST)).all():
			if row.currency in held:
				continue
			source = f"European Central Bank, {row.date}, kept for the demo"
			new = RateIn(
				currency=row.currency,
				date=row.date,
				valid_until=row.date + HOLDS,
				units_per_eur=row.units_per_eur,
				source=source,
			)
			await rates.record(work, new)
			made += 1
	return f"{made} exchange rates"
