"""Files of emission factors: read, checked, shown, taken."""
