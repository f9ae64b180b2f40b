"""Networks whose tasks are known: data, training and ground truth, all fixed by one seed."""

from collections.abc import Callable

from compgraph.toys.digit_pairs import digit_pair_networks, digit_pairs, digit_triples
from compgraph.toys.iris_pairs import iris_pairs
from compgraph.toys.multiplication import multiplication, multiplication_data, multiplications
from compgraph.toys.planted import FAMILIES, Plan, planted
from compgraph.toys.toy import Toy
from compgraph.toys.train_one import seeded

TOYS: dict[str, Callable[..., Toy]] = {"multiplication": multiplication, "digit-pairs": digit_pairs}

__all__ = [
    "FAMILIES",
    "TOYS",
    "Plan",
    "Toy",
    "digit_pair_networks",
    "digit_pairs",
    "digit_triples",
    "iris_pairs",
    "multiplication",
    "multiplication_data",
    "multiplications",
    "planted",
    "seeded",
]
