"""The graph of the subspaces a trained torch network computes with, and the task groups in it."""
