"""Entries of the navigation."""

from apg.capabilities.esg.permissions import (
	ACTIVITIES_READ,
	CALCULATIONS_READ,
	FACTORS_READ,
	FOOTPRINTS_READ,
	MATERIALS_READ,
	METRICS_READ,
	SITES_READ,
	SUPPLIERS_READ,
)
from apg.kernel.capability import MenuEntry

METRICS = (
	MenuEntry("Metrics", "/esg/metrics", "graph-up", METRICS_READ, "Sustainability"),
	MenuEntry(
		"Key figures", "/esg/metrics?is_kpi=true", "bullseye", METRICS_READ, "Sustainability"
	),
	MenuEntry("Emission factors", "/esg/factors", "journal-check", FACTORS_READ, "Sustainability"),
)

ACTIVITIES = (
	MenuEntry("Sites", "/esg/sites", "geo-alt", SITES_READ, "Sustainability", 105),
	MenuEntry(
		"Activity records", "/esg/activities", "receipt", ACTIVITIES_READ, "Sustainability", 106
	),
	MenuEntry(
		"Calculations", "/esg/calculations", "calculator", CALCULATIONS_READ, "Sustainability", 107
	),
)

FOOTPRINTS = (
	MenuEntry(
		"Product footprints",
		"/esg/footprints",
		"cloud-haze2",
		FOOTPRINTS_READ,
		"Sustainability",
		120,
	),
	MenuEntry("Materials", "/esg/materials", "bricks", MATERIALS_READ, "Sustainability", 130),
	MenuEntry(
		"Suppliers' footprints",
		"/esg/supplier-footprints",
		"truck",
		SUPPLIERS_READ,
		"Sustainability",
		140,
	),
)
