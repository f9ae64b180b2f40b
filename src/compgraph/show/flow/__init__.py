"""Flow diagrams: bands as wide as the variance they carry, by task."""
