"""How far single directions, such as the rows and singular directions of weights, keep to the subspace of one task."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64
from scipy.linalg import orth

from compgraph.arguments import whole_number
from compgraph.arrays import require_finite
from compgraph.check import TaskProfile
from compgraph.connect import node_id
from compgraph.decompose import Components
from compgraph.errors import BadRequest, EmptyData, ShapeError
from compgraph.records import brief, read_only
from compgraph.statistics import Space


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Dominance:
    """How much of each direction belongs to the task it belongs to most.

    Attributes
    ----------
    share
        For each direction, the part of the largest task: 1 is along one task only, 1 / tasks along all alike. 0 for a
        direction orthogonal to all of them.
    mass
        For each direction, its squared length within the span of all tasks together: what the share speaks of.
    inside
        Part of the squared length of all directions that is within that span.
    """

    share: Float64[np.ndarray, " n"]
    mass: Float64[np.ndarray, " n"]
    inside: float

    __repr__ = brief

    def __post_init__(self) -> None:
        object.__setattr__(self, "share", read_only(self.share))
        object.__setattr__(self, "mass", read_only(self.mass))

    @property
    def mean(self) -> float:
        """Mean share, each direction counting by its mass."""
        return float(self.share @ self.mass / self.mass.sum())

    def above(self, level: float) -> float:
        """Return the part of the mass that is in directions whose share is larger than a level.

        Parameters
        ----------
        level
            Between 0 and 1.

        Returns
        -------
        float
            Between 0 and 1.
        """
        return float(self.mass[self.share > level].sum() / self.mass.sum())


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class WeightDominance:
    """How far the weights of a layer keep to one task each, in two bases of what its units do.

    Attributes
    ----------
    units
        Of what single units read: the rows of the matrix.
    singular
        Of its right singular vectors times their values: the same weights in another basis.
    """

    units: Dominance
    singular: Dominance

    __repr__ = brief


def dominance(rows: Float[np.ndarray, "n d"], tasks: Mapping[str, Float[np.ndarray, "_ _"]]) -> Dominance:
    r"""Compare directions with the subspaces of tasks.

    .. math:: \mathrm{share}_i = \frac{\max_t |P_t w_i|^2}{\sum_t |P_t w_i|^2}, \qquad
              \mathrm{mass}_i = |P w_i|^2

    with :math:`P_t` the orthogonal projector on the span of task ``t`` and :math:`P` that on all spans together.

    Parameters
    ----------
    rows
        Directions of a space, one per row; a long one counts more. Of a weight matrix, its rows are what single units
        read, and right singular vectors times their values are the same weights in another basis.
    tasks
        Task to vectors that span what belongs to it, one per row, such as the axes of its components.

    Returns
    -------
    Dominance
        Without unit, and mass in squared units of the rows. The chance level depends on the dimensions of the spans:
        compare with permuted or random rows.

    Raises
    ------
    BadRequest
        With fewer than two tasks.
    ShapeError
        When the vectors of a task do not fit the rows.
    EmptyData
        When a task spans nothing, or no row has a part in any task.
    NotFinite
        When an entry is NaN or infinite.

    Notes
    -----
    Cost O(d k^2 + n d k) for k vectors.

    Examples
    --------
    >>> tasks = {"A": np.eye(3)[:1], "B": np.eye(3)[1:2]}
    >>> found = dominance(np.array([[3.0, 1.0, 0.0], [0.0, 1.0, 5.0]]), tasks)
    >>> found.share.round(3).tolist(), found.mass.round(3).tolist()
    ([0.9, 1.0], [10.0, 1.0])
    """
    if len(tasks) < 2:
        raise BadRequest(f"dominance compares tasks and got {len(tasks)}; give at least two.")
    require_finite(rows, "rows")
    wide = rows.astype(np.float64)
    bases = {task: _basis(task, vectors, rows.shape[1]) for task, vectors in tasks.items()}
    along = np.stack([np.square(wide @ basis).sum(axis=1) for basis in bases.values()])
    mass = np.square(wide @ orth(np.hstack(list(bases.values())))).sum(axis=1)
    if not mass.sum() > 0:
        raise EmptyData(f"all {len(rows)} rows are orthogonal to every task, or there are none; there is no dominance.")
    total = along.sum(axis=0)
    share = np.divide(along.max(axis=0), total, out=np.zeros(len(rows)), where=total > 0)
    return Dominance(share, mass, float(mass.sum() / np.square(wide).sum()))


def weight_dominance(
    weight: Float[np.ndarray, "units d"], tasks: Mapping[str, Float[np.ndarray, "_ _"]]
) -> WeightDominance:
    """Compare the rows of a weight matrix and its singular directions with the subspaces of tasks.

    Parameters
    ----------
    weight
        One row per unit.
    tasks
        As of `dominance`, such as `task_axes` gives for the space that the layer reads.

    Returns
    -------
    WeightDominance
        Both speak of the same mass in all, however it is divided.

    Raises
    ------
    CompgraphError
        As `dominance` does.

    Notes
    -----
    Cost O(d units min(d, units)) above that of `dominance`.
    """
    require_finite(weight, "the weights")
    _, values, right = np.linalg.svd(weight, full_matrices=False)
    return WeightDominance(dominance(weight, tasks), dominance(values[:, None] * right, tasks))


def permuted_dominance(
    weight: Float[np.ndarray, "units d"],
    tasks: Mapping[str, Float[np.ndarray, "_ _"]],
    *,
    n: int = 20,
    seed: int | np.random.Generator = 0,
) -> tuple[WeightDominance, ...]:
    """Return what `weight_dominance` gives by chance: of matrices in which every unit has its weights permuted.

    Parameters
    ----------
    weight, tasks
        As of `weight_dominance`.
    n
        Number of matrices, at least 1.
    seed
        Of the permutations, which are independent between units; or a generator that goes on from where it is.

    Returns
    -------
    tuple of WeightDominance
        One for each matrix. Units keep their lengths and the sizes of their weights, and lose which is where.

    Raises
    ------
    CompgraphError
        As `dominance` does, and when ``n`` or ``seed`` is no whole number.

    Notes
    -----
    Cost ``n`` times that of `weight_dominance`.
    """
    n = whole_number(n, "n", minimum=1)
    rng = (
        seed if isinstance(seed, np.random.Generator) else np.random.default_rng(whole_number(seed, "seed", minimum=0))
    )
    return tuple(weight_dominance(rng.permuted(weight, axis=1), tasks) for _ in range(n))


def task_axes(
    parts: Mapping[Space, Components], profile: TaskProfile
) -> dict[Space, dict[str, Float64[np.ndarray, "_ d"]]]:
    """Return the axes of the components that each task dominates: what spans a task, for `dominance`.

    Parameters
    ----------
    parts
        What `compgraph.components` returned.
    profile
        What `compgraph.task_profile` returned for them.

    Returns
    -------
    dict
        Space to task to axes, one per row and none where the task dominates no component of the space.
    """
    tasks = next(iter(profile.share.values()))
    found = {}
    for space, part in parts.items():
        labels = np.array([profile.labels.get(node_id(space, index), "") for index in range(len(part))])
        found[space] = {task: part.axes[labels == task] for task in tasks}
    return found


def _basis(task: str, vectors: Float[np.ndarray, "m e"], width: int) -> Float64[np.ndarray, "e r"]:
    if vectors.shape[1] != width:
        raise ShapeError(
            f"task {task!r} has vectors of {vectors.shape[1]} coordinates and the rows have {width}; both must be of "
            "the same space."
        )
    require_finite(vectors, f"the vectors of task {task!r}")
    basis = orth(vectors.astype(np.float64).T) if vectors.size else vectors.T
    if not basis.size:
        raise EmptyData(f"the {len(vectors)} vectors of task {task!r} span nothing; leave the task out.")
    return np.asarray(basis, dtype=np.float64)
