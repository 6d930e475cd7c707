"""Sustainability and ESG management on one screen: start reading here."""

from apg.capabilities.esg import permissions
from apg.capabilities.esg.measurements import api as measurements_api
from apg.capabilities.esg.metrics import api as metrics_api
from apg.capabilities.esg.settings import EsgSettings
from apg.contracts import esg as contract
from apg.kernel.capability import Api, Capability

capability = Capability(
	name="sustainability_esg_management",
	short="esg",
	title="Sustainability & ESG Management",
	version="1.0.0",
	package="apg.capabilities.esg",
	category="general_cross_functional",
	permissions=permissions.ALL,
	default_roles=permissions.ROLES,
	apis=(Api("/api/v1/esg", (metrics_api.router, measurements_api.router)),),
	publishes=(
		contract.MetricCreated,
		contract.MetricChanged,
		contract.MeasurementRecorded,
		contract.MetricValueChanged,
	),
	settings=EsgSettings,
	migrations="migrations",
	table_prefixes=("esg_",),
)
