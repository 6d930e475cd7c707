"""Core capabilities that every business capability may build on."""
