"""What PLM says on the first page."""

from apg.capabilities.plm.changes import home as changes
from apg.capabilities.plm.imports import home as imports
from apg.capabilities.plm.permissions import PRODUCTS_READ
from apg.capabilities.plm.products import listing
from apg.kernel.capability import HomeCard

CARDS = (
	HomeCard(
		"Products",
		"plm/products/_home.html",
		listing.overview,
		PRODUCTS_READ,
		"/plm/products",
		order=20,
		wide=True,
	),
	changes.CARD,
	imports.CARD,
)
