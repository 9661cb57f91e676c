"""The built-in blenders, one per file."""
