"""Sustainability and ESG management on one screen: start reading here."""

from apg.capabilities.esg import menu, permissions, searching
from apg.capabilities.esg.activities import api as activities_api
from apg.capabilities.esg.activities import computed as computed_metrics
from apg.capabilities.esg.activities import ingest_api as records_api
from apg.capabilities.esg.activities import ingest_views as records_views
from apg.capabilities.esg.activities import tasks as activity_tasks
from apg.capabilities.esg.activities import views as activities_views
from apg.capabilities.esg.bulk import tasks as bulk_tasks
from apg.capabilities.esg.calculations import api as calculations_api
from apg.capabilities.esg.calculations import tasks as calculations
from apg.capabilities.esg.calculations import views as calculations_views
from apg.capabilities.esg.factor_files import api as factor_files_api
from apg.capabilities.esg.factor_files import home as factors_home
from apg.capabilities.esg.factor_files import tasks as factor_files
from apg.capabilities.esg.factor_files import views as factor_files_views
from apg.capabilities.esg.factors import api as factors_api
from apg.capabilities.esg.factors import views as factors_views
from apg.capabilities.esg.footprints import api as footprints_api
from apg.capabilities.esg.footprints import home as footprints_home
from apg.capabilities.esg.footprints import material_views
from apg.capabilities.esg.footprints import service as footprints
from apg.capabilities.esg.footprints import tasks as footprint_tasks
from apg.capabilities.esg.footprints import views as footprint_views
from apg.capabilities.esg.footprints.port import ItemCarbonOfEsg
from apg.capabilities.esg.health import api as health_api
from apg.capabilities.esg.health import service as health
from apg.capabilities.esg.measurements import api as measurements_api
from apg.capabilities.esg.measurements import ingest_api as readings_api
from apg.capabilities.esg.measurements import ingest_views as readings_views
from apg.capabilities.esg.measurements import panel_views, views
from apg.capabilities.esg.measurements import tasks as measurement_tasks
from apg.capabilities.esg.metrics import api as metrics_api
from apg.capabilities.esg.metrics import home
from apg.capabilities.esg.metrics import views as metrics_views
from apg.capabilities.esg.settings import EsgSettings
from apg.capabilities.esg.sites import api as sites_api
from apg.capabilities.esg.sites import views as sites_views
from apg.contracts import esg as contract
from apg.contracts import plm
from apg.kernel.capability import Api, Capability, Pages, Retained
from apg.kernel.events import on

capability = Capability(
	name="sustainability_esg_management",
	short="esg",
	title="Sustainability & ESG Management",
	version="1.0.0",
	package="apg.capabilities.esg",
	description="Metrics and measurements with their quality, rules and trend.",
	category="general_cross_functional",
	requires=("auth_rbac", "audit_compliance"),
	uses=(
		"ai_orchestration",
		"real_time_collaboration",
		"notification_engine",
		"product_lifecycle_management",
	),
	provides=(
		"esg_metrics_management",
		"sustainability_intelligence",
		"stakeholder_engagement",
		"supply_chain_esg",
	),
	permissions=permissions.ALL,
	default_roles=permissions.ROLES,
	apis=(
		Api(
			"/api/v1/esg",
			(
				health_api.router,
				metrics_api.router,
				measurements_api.router,
				readings_api.router,
				factors_api.router,
				factors_api.sources,
				factors_api.gwp,
				factor_files_api.router,
				sites_api.router,
				records_api.router,
				activities_api.router,
				activities_api.documents,
				calculations_api.router,
				footprints_api.router,
				footprints_api.materials,
				footprints_api.statements,
			),
		),
	),
	pages=(
		Pages(
			"/esg",
			(
				metrics_views.executive,
				metrics_views.router,
				views.router,
				panel_views.router,
				sites_views.router,
				records_views.router,
				activities_views.router,
				readings_views.router,
				calculations_views.router,
				footprint_views.router,
				material_views.materials,
				material_views.statements,
				factors_views.router,
				factors_views.sources,
				factor_files_views.router,
			),
			menu.METRICS + menu.ACTIVITIES + menu.FOOTPRINTS,
		),
	),
	home=(
		home.CARD,
		factors_home.CARD,
		footprints_home.CARD,
	),
	searches=searching.SEARCHES,
	publishes=(
		contract.MetricCreated,
		contract.MetricChanged,
		contract.MeasurementRecorded,
		contract.MeasurementsRecorded,
		contract.MetricValueChanged,
		contract.FactorsApproved,
		contract.FactorsWithdrawn,
		contract.FactorsImported,
		contract.ActivityRecorded,
		contract.ActivitiesRecorded,
		contract.ActivityCorrected,
		contract.ActivityWithdrawn,
		contract.ActivitiesMoved,
		contract.CalculationDone,
		contract.FootprintRecorded,
		contract.FootprintOutdated,
		contract.MaterialChanged,
		contract.SupplierFootprintChanged,
	),
	subscribers=(
		on(computed_metrics.EVENTS, computed_metrics.follow, name="esg.metrics.follow_activities"),
		on(
			(plm.StructureChanged, plm.ProductUpdated, plm.ProductReleased),
			footprints.mark_outdated,
			name="esg.footprints.mark_outdated",
		),
	),
	tasks=(
		factor_files.check_import,
		factor_files.take_import,
		calculations.calculate,
		footprint_tasks.record_footprint,
		measurement_tasks.take_bulk,
		activity_tasks.take_bulk,
		bulk_tasks.end_abandoned,
	),
	schedules=bulk_tasks.SCHEDULES,
	retained=(Retained("measurements", "esg_measurements", "measurement_date"),),
	ports={contract.ItemCarbon: ItemCarbonOfEsg()},
	health=health.CHECKS,
	observe=health.observe,
	settings=EsgSettings,
	migrations="migrations",
	table_prefixes=("esg_",),
	metadata={
		"capability_id": "general_cross_functional.sustainability_esg_management",
		"api_endpoints": [
			{"path": "/api/v1/esg/metrics", "methods": ["GET", "POST"], "available": True},
			{"path": "/api/v1/esg/targets", "methods": ["GET", "POST"], "available": False},
			{"path": "/api/v1/esg/stakeholders", "methods": ["GET", "POST"], "available": False},
		],
		"ai_capabilities": [
			{
				"name": "sustainability_prediction",
				"models": ["lstm_environmental", "transformer_carbon"],
				"input": "ESGMetricData",
				"output": "SustainabilityPrediction",
				"available": False,
			}
		],
	},
)
