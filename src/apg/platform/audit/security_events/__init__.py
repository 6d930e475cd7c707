"""What was refused, and what was read that is worth a note."""
