"""Reference data shared by all capabilities: units and exchange rates."""
