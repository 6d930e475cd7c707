"""Entries of the navigation."""

from apg.capabilities.esg.permissions import METRICS_READ
from apg.kernel.capability import MenuEntry

METRICS = (
	MenuEntry("Metrics", "/esg/metrics", "graph-up", METRICS_READ, "Sustainability"),
	MenuEntry(
		"Key figures", "/esg/metrics?is_kpi=true", "bullseye", METRICS_READ, "Sustainability"
	),
)
