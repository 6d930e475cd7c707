"""Entries of the navigation."""

from apg.capabilities.plm.permissions import (
	CHANGES_READ,
	COMPLIANCE_READ,
	IMPORTS_READ,
	PRODUCTS_READ,
	STRUCTURES_READ,
)
from apg.kernel.capability import MenuEntry

GROUP = "Product lifecycle"

PRODUCTS = (MenuEntry("Products", "/plm/products", "box-seam", PRODUCTS_READ, GROUP),)
BASELINES = (MenuEntry("Baselines", "/plm/baselines", "patch-check", STRUCTURES_READ, GROUP),)
CLASSES = (
	MenuEntry("Classes", "/plm/classes", "tags", PRODUCTS_READ, GROUP),
	MenuEntry("Manufacturers", "/plm/manufacturers", "buildings", PRODUCTS_READ, GROUP),
	MenuEntry("Suppliers", "/plm/suppliers", "truck", PRODUCTS_READ, GROUP),
)
IMPORTS = (MenuEntry("Imports", "/plm/imports", "upload", IMPORTS_READ, GROUP),)
CHANGES = (MenuEntry("Changes", "/plm/changes", "git", CHANGES_READ, GROUP),)
COMPLIANCE = (MenuEntry("Compliance", "/plm/compliance", "shield-check", COMPLIANCE_READ, GROUP),)
