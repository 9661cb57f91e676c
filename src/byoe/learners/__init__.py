"""The built-in learners, one library or family per file."""
