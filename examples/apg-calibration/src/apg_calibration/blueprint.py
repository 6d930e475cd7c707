"""The manifest: all of the capability on one screen."""

from apg.contracts.identity import UserLeft
from apg.kernel.capability import Api, Capability, MenuEntry, Pages
from apg.kernel.events import on

from apg_calibration import events, permissions
from apg_calibration.instruments import api, service, views

MENU = (
	MenuEntry(
		"Measuring instruments",
		"/calibration",
		"rulers",
		permissions.INSTRUMENTS_READ,
	),
)

capability = Capability(
	name="calibration",
	short="calibration",
	title="Calibration",
	version="1.0.0",
	package="apg_calibration",
	description="Measuring instruments and when they are due for calibration.",
	category="quality",
	requires=("auth_rbac",),
	uses=("notification_engine",),
	permissions=permissions.ALL,
	default_roles=permissions.ROLES,
	apis=(Api("/api/v1/calibration", (api.router,)),),
	pages=(Pages("/calibration", (views.router,), MENU),),
	publishes=(events.InstrumentCalibrated,),
	subscribers=(on(UserLeft, service.release, name="calibration.release"),),
	migrations="migrations",
	table_prefixes=("calibration_",),
)
