"""Where a company uses energy and material: its sites."""
