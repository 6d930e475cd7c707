"""Entries of the navigation."""

from apg.capabilities.plm.permissions import IMPORTS_READ, PRODUCTS_READ
from apg.kernel.capability import MenuEntry

GROUP = "Product lifecycle"

PRODUCTS = (MenuEntry("Products", "/plm/products", "box-seam", PRODUCTS_READ, GROUP),)
IMPORTS = (MenuEntry("Imports", "/plm/imports", "upload", IMPORTS_READ, GROUP),)
