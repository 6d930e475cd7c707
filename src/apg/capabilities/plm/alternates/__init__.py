"""Parts that may replace one another wherever they are used."""
