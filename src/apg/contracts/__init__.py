"""What capabilities may know of each other: events and ports. No logic, no database."""
