"""Measures of gradients between sites."""
