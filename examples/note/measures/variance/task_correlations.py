"""Correlations of components across layers, beside the task that each component serves."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from compgraph.connect import correlation
from compgraph.errors import EmptyData
from compgraph.records import brief
from compgraph.statistics import Moments
from note.measures.variance.inside_tasks import inside_share, inside_share_by_chance, served_tasks

Tasks = Mapping[str, Float64[np.ndarray, "_ _"]]
"""Task to covariance of a space while only the inputs of that task vary."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class TaskCorrelations:
    """Correlations of the components of two spaces, sorted by the task that each serves.

    Attributes
    ----------
    values
        Earlier components by later ones.
    earlier, later
        Number of the task that each row and each column serves, ascending.
    inside
        Share of the squared correlations that is between components of one task.
    by_chance
        The same of random uncorrelated bases of the two subspaces, see `inside_share_by_chance`.
    """

    values: Float64[np.ndarray, "a b"]
    earlier: Int64[np.ndarray, " a"]
    later: Int64[np.ndarray, " b"]
    inside: float
    by_chance: float

    __repr__ = brief

    @property
    def combined(self) -> float:
        r"""Effective number of earlier components that a later one goes with, the mean over later ones.

        .. math:: \left(\sum_i r_{ij}^2\right)^2 \Big/ \sum_i r_{ij}^4

        A later component that correlates with none is left out.
        """
        squares = np.square(self.values)
        going = squares[:, squares.any(axis=0)]
        return float(np.mean(going.sum(axis=0) ** 2 / np.square(going).sum(axis=0)))


def task_correlations(
    moments: Moments,
    axes: tuple[Float64[np.ndarray, "a p"], Float64[np.ndarray, "b q"]],
    tasks: tuple[Tasks, Tasks],
    *,
    seed: int | np.integer = 0,
) -> TaskCorrelations:
    """Correlate the scores along some axes of two spaces, and see how much of it stays inside tasks.

    Parameters
    ----------
    moments
        Of the activations of the two spaces.
    axes
        One filter per row, of the earlier and of the later space.
    tasks
        Task to covariance of the activations while only the inputs of that task vary, of both spaces; tasks in the same
        order.
    seed
        Of the draws of chance.

    Returns
    -------
    TaskCorrelations
        Components of the first task come first; those of one task stay in their order.

    Raises
    ------
    EmptyData
        Without axes or tasks, or when no score correlates with any other.
    BadRequest
        When a combination of the scores never varies, or the tasks differ.

    Notes
    -----
    Cost O(k d^2), and of `inside_share_by_chance`.
    """
    if not len(axes[0]) or not len(axes[1]):
        raise EmptyData(f"{len(axes[0])} and {len(axes[1])} axes came; at least one of either space is needed.")
    scores = moments.project(*axes)
    sides = list(zip(axes, tasks, strict=True))
    seen = [{task: each @ of_task @ each.T for task, of_task in by_task.items()} for each, by_task in sides]
    served = [served_tasks(each, by_task) for each, by_task in sides]
    rows, columns = (np.argsort(each, kind="stable") for each in served)
    values, earlier, later = correlation(scores)[rows][:, columns], served[0][rows], served[1][columns]
    by_chance = inside_share_by_chance(scores, *seen, seed=seed)
    return TaskCorrelations(values, earlier, later, inside_share(values, earlier, later), by_chance)
