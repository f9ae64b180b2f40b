"""The command line, and the models, data and demo behind it."""

from compgraph.cli.commands import main

__all__ = ["main"]
