"""Entries of the navigation."""

from apg.capabilities.plm.permissions import PRODUCTS_READ
from apg.kernel.capability import MenuEntry

GROUP = "Product lifecycle"

PRODUCTS = (MenuEntry("Products", "/plm/products", "box-seam", PRODUCTS_READ, GROUP),)
