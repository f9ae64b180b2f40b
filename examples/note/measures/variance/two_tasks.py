"""How two tasks lie in a space: how alike in variance and direction, and how far its principal axes mix them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from scipy.linalg import orth

from compgraph.errors import BadRequest, EmptyData, ShapeError
from note.measures.variance.inside_tasks import principal_mixing, served_tasks
from note.measures.variance.purest_basis import task_variances


@dataclass(frozen=True, slots=True)
class TwoTasks:
    """How two tasks lie in the part of a space that some filters see.

    Attributes
    ----------
    ratio
        Variance of the weaker task over that of the stronger, along the direction of each.
    cosine
        Absolute cosine of these directions: 0 when they are orthogonal.
    mixed
        Share of the other task along principal axes of what the filters see, axes weighted by their variance.
    own
        Share of the other task along the main direction of each, the mean of both.
    """

    ratio: float
    cosine: float
    mixed: float
    own: float

    @property
    def expected(self) -> float:
        """What `mixed` is when tasks have these variances and directions and no others, see `principal_mixing`."""
        return principal_mixing(self.ratio, self.cosine)


def two_tasks(
    axes: Float64[np.ndarray, "k d"],
    covariance: Float64[np.ndarray, "d d"],
    tasks: Mapping[str, Float64[np.ndarray, "d d"]],
) -> TwoTasks:
    r"""Compare two tasks along their directions, and see how far principal axes mix them.

    With filters :math:`A`, the first of a task number :math:`t`, the direction of the task is

    .. math:: u_t = \sqrt{a_t^\top C a_t} \; A^+ e_t

    what the activations do, within the span of the filters, when that score rises by one deviation and the others stay.

    Parameters
    ----------
    axes
        One filter per row, the strongest of each task before its others, as of interaction components; not linearly
        dependent.
    covariance
        Of the activations, over the data.
    tasks
        The two tasks, each with the covariance of the activations while only its inputs vary.

    Returns
    -------
    TwoTasks
        Without unit.

    Raises
    ------
    BadRequest
        With other than two tasks, or when no filter serves one of them.
    ShapeError
        When a covariance does not fit the filters.
    EmptyData
        When neither task moves a principal axis.

    Notes
    -----
    The main direction of a task is that of its largest variance in the whole space, and principal axes are those of the
    data. Cost O(d^3).
    """
    if len(tasks) != 2:
        raise BadRequest(f"two tasks are compared and {len(tasks)} came.")
    served = served_tasks(axes, tasks)
    if absent := [task for number, task in enumerate(tasks) if number not in served]:
        raise BadRequest(f"none of {len(axes)} filters varies most under the inputs of {absent[0]!r}; one is needed.")
    strongest = [int(np.argmax(served == number)) for number in range(2)]
    deviations = np.sqrt(np.einsum("kd,de,ke->k", axes[strongest], covariance, axes[strongest]))
    directions = np.linalg.pinv(axes).T[strongest] * deviations[:, None]
    lengths = np.linalg.norm(directions, axis=1)
    cosine = min(1.0, float(abs(directions[0] @ directions[1]) / lengths.prod()))
    basis = orth(axes.T).T
    weights, vectors = np.linalg.eigh(basis @ covariance @ basis.T)
    parts = task_variances(vectors.T @ basis, tasks)
    mixed = np.average(parts.min(axis=1) / _sums(parts), weights=weights)
    main = np.array([np.linalg.eigh(each)[1][:, -1] for each in tasks.values()])
    own = other_share(main, tasks).mean()
    return TwoTasks(float(lengths.min() / lengths.max()) ** 2, cosine, float(mixed), float(own))


def other_share(
    axes: Float64[np.ndarray, "t d"], tasks: Mapping[str, Float64[np.ndarray, "_ _"]]
) -> Float64[np.ndarray, " t"]:
    r"""Return how much of what moves the axis of a task is of the others.

    .. math:: 1 - \frac{a_t^\top C_t \, a_t}{\sum_s a_t^\top C_s \, a_t}

    Parameters
    ----------
    axes
        One for each task, in their order, such as the gradient of the output of each.
    tasks
        Task to the covariance of the activations while only the inputs of that task vary.

    Returns
    -------
    numpy.ndarray
        For each task, from 0, when no other moves its axis, to 1.

    Raises
    ------
    ShapeError
        When there is not one axis a task, or a covariance does not fit them.
    BadRequest
        With fewer than two tasks.
    EmptyData
        When no task moves an axis.
    NotFinite
        When an entry is NaN or infinite.

    Notes
    -----
    Cost O(t^2 d^2) for t tasks.

    Examples
    --------
    >>> tasks = {"A": np.diag([3.0, 0.0]), "B": np.diag([0.0, 1.0])}
    >>> other_share(np.array([[1.0, 1.0], [0.0, 2.0]]), tasks).round(3).tolist()
    [0.25, 0.0]
    """
    if len(axes) != len(tasks):
        raise ShapeError(f"{len(axes)} axes came for {len(tasks)} tasks; one for each is needed.")
    variances = task_variances(axes, tasks)
    return np.asarray(1 - np.diagonal(variances) / _sums(variances))


def _sums(variances: Float64[np.ndarray, "k t"]) -> Float64[np.ndarray, " k"]:
    """Return the variance of all tasks along each axis."""
    sums = variances.sum(axis=1)
    if not (sums > 0).all():
        raise EmptyData(f"no task moves {np.count_nonzero(sums <= 0)} of {len(sums)} axes; leave those out.")
    return np.asarray(sums)
