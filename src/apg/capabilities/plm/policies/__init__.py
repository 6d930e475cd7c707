"""What a company wants asked or refused when a change does too much."""
