"""Gradients of a live model with respect to rows of its sites."""
