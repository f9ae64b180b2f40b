"""The command line, and the models, data and demo behind it."""

from compgraph.cli.commands import main
from compgraph.cli.files import load_data, load_model, read_labels

__all__ = ["load_data", "load_model", "main", "read_labels"]
