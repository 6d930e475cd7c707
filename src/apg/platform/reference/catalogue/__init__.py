"""The catalogue of units, as programs read it."""
