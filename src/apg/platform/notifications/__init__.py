"""Messages to people inside the product."""
