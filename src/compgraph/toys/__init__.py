"""Networks whose tasks are known: data, training and ground truth, all fixed by one seed."""

from collections.abc import Callable

from compgraph.toys.digit_pairs import digit_pairs
from compgraph.toys.multiplication import multiplication
from compgraph.toys.planted import FAMILIES, Plan, planted
from compgraph.toys.toy import Toy

TOYS: dict[str, Callable[..., Toy]] = {"multiplication": multiplication, "digit-pairs": digit_pairs}

__all__ = ["FAMILIES", "TOYS", "Plan", "Toy", "digit_pairs", "multiplication", "planted"]
