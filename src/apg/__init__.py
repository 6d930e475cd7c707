"""APG: open product-lifecycle and sustainability software."""
