"""Product lifecycle management on one screen: start reading here."""

from apg.capabilities.plm import home, menu, permissions, searching, starting
from apg.capabilities.plm.alternates import api as alternates_api
from apg.capabilities.plm.alternates import views as alternates_views
from apg.capabilities.plm.baselines import api as baselines_api
from apg.capabilities.plm.baselines import views as baselines_views
from apg.capabilities.plm.changes import api as changes_api
from apg.capabilities.plm.changes import (
	item_views,
	papers_api,
	papers_views,
	rules_api,
	rules_views,
)
from apg.capabilities.plm.changes import tasks as changes_tasks
from apg.capabilities.plm.changes import views as changes_views
from apg.capabilities.plm.changes.assessment import Assessment
from apg.capabilities.plm.classes import api as classes_api
from apg.capabilities.plm.classes import views as classes_views
from apg.capabilities.plm.compliance import api as compliance_api
from apg.capabilities.plm.compliance import jobs as compliance_jobs
from apg.capabilities.plm.compliance import views as compliance_views
from apg.capabilities.plm.documents import api as documents_api
from apg.capabilities.plm.documents import views as documents_views
from apg.capabilities.plm.effectivity import api as effectivity_api
from apg.capabilities.plm.effectivity import views as effectivity_views
from apg.capabilities.plm.health import api as health_api
from apg.capabilities.plm.health import service as health
from apg.capabilities.plm.impact import api as impact_api
from apg.capabilities.plm.impact import jobs as impact_jobs
from apg.capabilities.plm.impact import views as impact_views
from apg.capabilities.plm.impact.assessing import AssessmentOfImpact
from apg.capabilities.plm.imports import api as imports_api
from apg.capabilities.plm.imports import tasks as imports_tasks
from apg.capabilities.plm.imports import views as imports_views
from apg.capabilities.plm.policies import api as policies_api
from apg.capabilities.plm.policies import views as policies_views
from apg.capabilities.plm.products import api as products_api
from apg.capabilities.plm.products import views as products_views
from apg.capabilities.plm.revisions import api as revisions_api
from apg.capabilities.plm.revisions import views as revisions_views
from apg.capabilities.plm.settings import PlmSettings
from apg.capabilities.plm.structures import api as structures_api
from apg.capabilities.plm.structures import views as structures_views
from apg.capabilities.plm.structures.contents import ContentsOfPlm
from apg.capabilities.plm.structures.port import StructuresOfPlm
from apg.capabilities.plm.suppliers import api as suppliers_api
from apg.capabilities.plm.suppliers import views as suppliers_views
from apg.contracts import changes as change_events
from apg.contracts import esg as esg_events
from apg.contracts import plm as contract
from apg.contracts.identity import RolesChanged, UserLeft
from apg.contracts.reference import ExchangeRateChanged
from apg.kernel.capability import Api, Capability, Pages
from apg.kernel.events import on
from apg.kernel.tasks import every

capability = Capability(
	name="product_lifecycle_management",
	short="plm",
	title="Product Lifecycle Management",
	version="1.0.0",
	package="apg.capabilities.plm",
	description="Products, revisions, bills of materials, their cost and mass through every level.",
	category="core_business_capability",
	requires=("auth_rbac", "audit_compliance", "notification_engine"),
	uses=(
		"document_management",
		"ai_orchestration",
		"sustainability_esg_management",
		"real_time_collaboration",
		"manufacturing",
		"digital_twin_marketplace",
		"federated_learning",
		"core_financials",
		"procurement_purchasing",
		"enterprise_asset_management",
	),
	provides=(
		"product_design_management",
		"engineering_change_management",
		"product_data_management",
		"collaboration_workflows",
		"lifecycle_analytics",
		"compliance_management",
		"innovation_intelligence",
	),
	permissions=permissions.ALL,
	default_roles=permissions.ROLES,
	apis=(
		Api(
			"/api/v1/plm",
			(
				health_api.router,
				products_api.router,
				structures_api.router,
				revisions_api.router,
				alternates_api.router,
				baselines_api.router,
				classes_api.router,
				effectivity_api.router,
				documents_api.router,
				suppliers_api.router,
				imports_api.router,
				changes_api.router,
				papers_api.router,
				impact_api.router,
				rules_api.router,
				policies_api.router,
				compliance_api.router,
			),
			envelope="ok",
		),
	),
	pages=(
		Pages(
			"/plm",
			(
				products_views.router,
				structures_views.router,
				revisions_views.router,
				alternates_views.router,
				baselines_views.router,
				classes_views.router,
				effectivity_views.router,
				documents_views.router,
				suppliers_views.router,
				imports_views.router,
				rules_views.router,
				policies_views.router,
				compliance_views.router,
				item_views.router,
				papers_views.router,
				impact_views.router,
				changes_views.router,
			),
			menu.PRODUCTS
			+ menu.BASELINES
			+ menu.CLASSES
			+ menu.CHANGES
			+ menu.COMPLIANCE
			+ menu.IMPORTS,
		),
	),
	home=home.CARDS,
	searches=searching.SEARCHES,
	publishes=(
		contract.ProductCreated,
		contract.ProductUpdated,
		contract.ProductReleased,
		contract.RevisionOpened,
		contract.StructureChanged,
		*change_events.PUBLISHED,
	),
	subscribers=(
		on((contract.StructureChanged, contract.ProductUpdated), changes_tasks.refresh_after),
		on((UserLeft, RolesChanged), changes_tasks.refill_after),
		on(change_events.ChangePackageEdited, impact_jobs.after_edit),
		on(change_events.ChangeImplemented, impact_jobs.after_release),
		on((esg_events.FactorsApproved, esg_events.FactorsWithdrawn), impact_jobs.after_factors),
		on(contract.ProductUpdated, impact_jobs.after_product),
		on((contract.StructureChanged, contract.ProductReleased), impact_jobs.after_structure),
		on(ExchangeRateChanged, impact_jobs.after_rate),
		on(esg_events.MaterialChanged, impact_jobs.after_material),
		on(esg_events.SupplierFootprintChanged, impact_jobs.after_statement),
		on(
			(
				esg_events.ActivityRecorded,
				esg_events.ActivityCorrected,
				esg_events.ActivityWithdrawn,
			),
			impact_jobs.after_record,
		),
		on((esg_events.ActivitiesRecorded, esg_events.ActivitiesMoved), impact_jobs.after_records),
		on(contract.ProductUpdated, compliance_jobs.after_status),
	),
	tasks=(
		*imports_tasks.TASKS,
		*changes_tasks.TASKS,
		*impact_jobs.TASKS,
		*compliance_jobs.TASKS,
	),
	schedules=(
		every("41 3 * * *", imports_tasks.end_abandoned),
		every("* * * * *", changes_tasks.release_due),
		every("0 7 * * *", changes_tasks.remind_approvers),
		every("5 * * * *", changes_tasks.end_deviations),
		every("20 6 * * *", compliance_jobs.remind),
		every("10 4 * * *", impact_jobs.look_again),
	),
	on_enabled=starting.start,
	ports={
		contract.Structures: StructuresOfPlm(),
		contract.Contents: ContentsOfPlm(),
		Assessment: AssessmentOfImpact(),
	},
	health=health.CHECKS,
	settings=PlmSettings,
	migrations="migrations",
	table_prefixes=("plm_",),
	metadata={
		"capability_id": "general_cross_functional.product_lifecycle_management",
		"composition_type": "core_business_capability",
		"tags": ["plm", "product-design", "engineering", "collaboration", "ai-optimization"],
		"performance_requirements": {
			"response_time_ms": 500,
			"throughput_rps": 1000,
			"concurrent_users": 10000,
			"data_volume_gb": 1000,
			"availability_percent": 99.9,
		},
	},
)
