"""Kept files leave here, for those who may read what holds them."""
