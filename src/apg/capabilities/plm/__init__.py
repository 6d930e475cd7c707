"""Product lifecycle management."""
