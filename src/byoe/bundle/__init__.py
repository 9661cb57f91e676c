"""A fitted ensemble as a folder of files."""
