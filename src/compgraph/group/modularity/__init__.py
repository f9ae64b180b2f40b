"""Searches for the groups of highest modularity, on arrays."""
