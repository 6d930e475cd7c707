"""Audit: the trail of changes, the security events, the history of a row."""

from apg.contracts.audit import AuditTrail, SecurityEventRaised
from apg.kernel.capability import Api, Capability, MenuEntry, Pages
from apg.kernel.events import on
from apg.kernel.tasks import every
from apg.platform.audit import permissions
from apg.platform.audit.sealing import api as sealing_api
from apg.platform.audit.sealing import views as sealing_views
from apg.platform.audit.sealing.tasks import keep_sealing, verify_trail
from apg.platform.audit.security_events import api as security_api
from apg.platform.audit.security_events import views as security_views
from apg.platform.audit.security_events.alerts import alert
from apg.platform.audit.trail import api as trail_api
from apg.platform.audit.trail import views as trail_views
from apg.platform.audit.trail.service import Trail

MENU = (
	MenuEntry(
		"Audit trail",
		"/admin/audit",
		"clock-history",
		permissions.TRAIL_READ,
		"Administration",
		300,
	),
	MenuEntry(
		"Security events",
		"/admin/security-events",
		"shield-exclamation",
		permissions.SECURITY_READ,
		"Administration",
		310,
	),
)

capability = Capability(
	name="audit_compliance",
	short="audit",
	title="Audit",
	version="1.0.0",
	package="apg.platform.audit",
	description="Who changed what, and what was refused.",
	always_on=True,
	provides=("audit_trail", "security_events"),
	permissions=permissions.ALL,
	default_roles=permissions.ROLES,
	# The named route stands before the one that takes any number.
	apis=(Api("/api/v1/audit", (security_api.router, sealing_api.router, trail_api.router)),),
	pages=(
		Pages("/admin/audit", (sealing_views.router, trail_views.router), MENU),
		Pages("/admin/security-events", (security_views.router,)),
	),
	ports={AuditTrail: Trail()},
	publishes=(SecurityEventRaised,),
	subscribers=(on(SecurityEventRaised, alert),),
	tasks=(verify_trail,),
	schedules=(every("43 4 * * 0", verify_trail),),
	loops=(keep_sealing,),
)
