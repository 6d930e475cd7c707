"""The first page: cards of the capabilities that are on."""
