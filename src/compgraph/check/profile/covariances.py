"""What varies while only the inputs of one task vary."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float64
from torch import nn

from compgraph.arguments import checked
from compgraph.errors import located
from compgraph.observe import collect
from compgraph.observe.collect import known_options
from compgraph.statistics import Space, Statistics


@checked
def task_covariances(
    model: nn.Module, tasks: Mapping[str, Any], **options: Any
) -> dict[Space, dict[str, Float64[np.ndarray, "d d"]]]:
    """Return the covariance of the activations while only the inputs of one task vary, for every space and task.

    Parameters
    ----------
    model
        A trained network.
    tasks
        Name of each task to inputs in which only that task varies, in any form that `compgraph.collect` takes.
    **options
        Passed on to `compgraph.collect`, such as ``layers``.

    Returns
    -------
    dict
        Space to task to covariance, in squared activation units: what functions of `compgraph.check` that compare
        tasks take.

    Raises
    ------
    CompgraphError
        As `compgraph.collect` does.

    Notes
    -----
    One pass over each task's inputs.

    Examples
    --------
    >>> import torch
    >>> model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Tanh(), torch.nn.Linear(2, 1))
    >>> tasks = {"left": torch.tensor([[-1.0, 0.0], [1.0, 0.0]]), "right": torch.tensor([[0.0, -2.0], [0.0, 2.0]])}
    >>> found = task_covariances(model, tasks)
    >>> {task: each.tolist() for task, each in found[Space("input", "in", 0)].items()}
    {'left': [[1.0, 0.0], [0.0, 0.0]], 'right': [[0.0, 0.0], [0.0, 4.0]]}
    """
    known_options(options)
    found: dict[Space, dict[str, Float64[np.ndarray, "d d"]]] = {}
    for task, inputs in tasks.items():
        with located(f"task {task!r}"):
            stats = collect(model, inputs, **{"sample": 1, **options})
        for space, covariance in covariances(stats).items():
            found.setdefault(space, {})[task] = covariance
    return found


def covariances(stats: Statistics) -> dict[Space, Float64[np.ndarray, "d d"]]:
    """Return the covariance of every space.

    Parameters
    ----------
    stats
        Of a pass.

    Returns
    -------
    dict
        In squared activation units.
    """
    moments = {space: stats.of_space(space) for space in stats.spaces}
    return {space: each.xx / each.n for space, each in moments.items()}
