"""Engineering changes: written, redlined, approved, released in one transaction."""
