"""Whether the inputs of tasks are such that tasks can be told apart."""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
from jaxtyping import Float64

from compgraph.errors import BadRequest
from compgraph.statistics import Space

# A component moved by less than this fraction of its variance over the data is moved by no task.
UNMOVED = 1e-9
SAME = 1e-9  # difference of two shares that is rounding


def require_told_apart(
    tables: Mapping[Space, Float64[np.ndarray, "k tasks"]],
    tasks: Sequence[str],
    floors: Mapping[Space, Float64[np.ndarray, " k"]],
) -> None:
    """Refuse tasks whose inputs say nothing about components.

    Parameters
    ----------
    tables
        Variance of every component over the inputs of each task.
    tasks
        Their names.
    floors
        Variance below which nothing moves a component.

    Raises
    ------
    BadRequest
        When a task moves nothing, or two tasks move everything alike.
    """
    moved = np.concatenate([np.where(table > floors[space][:, None], table, 0) for space, table in tables.items()])
    if still := [task for place, task in enumerate(tasks) if not moved[:, place].any()]:
        raise BadRequest(
            f"the inputs of task {still[0]!r} move no component: they are constant, or nearly so. Give it inputs in "
            "which this task varies and the others rest."
        )
    for (i, one), (j, other) in combinations(enumerate(tasks), 2):
        if np.allclose(moved[:, i], moved[:, j], rtol=SAME, atol=0):
            raise BadRequest(
                f"the tasks {one!r} and {other!r} move every component alike, as the same inputs would. Give each task "
                "inputs in which it alone varies."
            )
