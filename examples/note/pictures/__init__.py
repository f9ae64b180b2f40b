"""Figures that only the experiments draw."""
