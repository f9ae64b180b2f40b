"""What public functions take: every argument is held to its annotation and to one table before anything is done."""

from compgraph.arguments.door import checked
from compgraph.arguments.values import is_finite, shown, whole_number

__all__ = ["checked", "is_finite", "shown", "whole_number"]
