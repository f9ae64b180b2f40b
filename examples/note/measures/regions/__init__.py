"""Measures of linear regions of rectifier networks."""
