"""A table: read, described, encoded."""
