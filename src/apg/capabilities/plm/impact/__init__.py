"""What a change does to cost, mass, carbon and compliance before anybody approves it."""
