"""Names to things, and things as JSON."""
