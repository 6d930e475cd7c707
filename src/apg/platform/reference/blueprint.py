"""Reference data: units and dated exchange rates, shared by all capabilities."""

from apg.contracts.reference import ExchangeRateChanged, ExchangeRates, Units
from apg.kernel.capability import Api, Capability, MenuEntry, Pages
from apg.platform.reference import permissions
from apg.platform.reference.catalogue import api as catalogue
from apg.platform.reference.catalogue import views as catalogue_views
from apg.platform.reference.catalogue.service import Catalogue
from apg.platform.reference.rates import api as rates
from apg.platform.reference.rates import views as rates_views
from apg.platform.reference.rates.service import Rates

MENU = (
	MenuEntry(
		"Reference data",
		"/admin/reference",
		"currency-exchange",
		permissions.RATES_READ,
		"Administration",
		200,
	),
)

capability = Capability(
	name="reference_data",
	short="reference",
	title="Reference data",
	version="1.0.0",
	package="apg.platform.reference",
	description="Units with exact factors, currencies and dated exchange rates.",
	always_on=True,
	provides=("units", "exchange_rates"),
	permissions=permissions.ALL,
	default_roles=permissions.ROLES,
	apis=(Api("/api/v1/reference", (catalogue.router, rates.router)),),
	pages=(Pages("/admin/reference", (catalogue_views.router, rates_views.router), MENU),),
	publishes=(ExchangeRateChanged,),
	ports={ExchangeRates: Rates(), Units: Catalogue()},
	migrations="migrations",
	table_prefixes=("currencies", "exchange_rate", "tenant_exchange_rates"),
)
