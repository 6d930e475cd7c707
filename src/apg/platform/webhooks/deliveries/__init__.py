"""What is sent: one row per event and endpoint, until it arrived or was given up."""
