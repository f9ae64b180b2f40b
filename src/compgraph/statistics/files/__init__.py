"""Statistics in files."""
