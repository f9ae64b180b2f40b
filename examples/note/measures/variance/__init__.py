"""Measures of the variance of components by task."""
