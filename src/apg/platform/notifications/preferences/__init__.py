"""What a person wants mailed: at once, once a day, never."""
