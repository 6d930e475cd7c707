"""What a person was told, and whether it was read."""
