"""How far correlations across layers stay inside tasks, and how far principal components must mix two tasks."""

import math
from collections.abc import Mapping

import numpy as np
from jaxtyping import Float64, Int64

from compgraph.arguments import whole_number
from compgraph.connect import correlation
from compgraph.errors import BadRequest, EmptyData, ShapeError
from compgraph.statistics import Moments


def served_tasks(
    axes: Float64[np.ndarray, "k d"], covariances: Mapping[str, Float64[np.ndarray, "d d"]]
) -> Int64[np.ndarray, " k"]:
    """Return, for each axis, the number of the task under whose inputs it varies most.

    Parameters
    ----------
    axes
        One filter per row.
    covariances
        Task to covariance of the space while only the inputs of that task vary.

    Returns
    -------
    numpy.ndarray
        Numbers in the order of ``covariances``; the first of those that tie.

    Raises
    ------
    EmptyData
        Without any task.
    """
    if not covariances:
        raise EmptyData("no task is given; an axis serves one of at least one.")
    variances = [np.einsum("kd,de,ke->k", axes, each, axes) for each in covariances.values()]
    return np.argmax(variances, axis=0).astype(np.int64)


def inside_share(
    correlations: Float64[np.ndarray, "_ _"], earlier: Int64[np.ndarray, " a"], later: Int64[np.ndarray, " b"]
) -> float:
    r"""Return the share of squared correlations that is between components of one task.

    .. math:: \sum_{ij} r_{ij}^2 \, [e_i = l_j] \Big/ \sum_{ij} r_{ij}^2

    Parameters
    ----------
    correlations
        Between the scores of components of two spaces.
    earlier, later
        The task that each component serves.

    Returns
    -------
    float
        1 when no component correlates with one of another task. What chance gives depends on how many components there
        are, see `inside_share_by_chance`.

    Raises
    ------
    ShapeError
        When the labels do not fit the matrix.
    EmptyData
        When all correlations are 0.
    """
    if correlations.shape != (len(earlier), len(later)):
        raise ShapeError(
            f"{len(earlier)} and {len(later)} labels came with correlations of shape {correlations.shape}; one label a "
            "row and one a column are needed."
        )
    squares = np.square(correlations)
    if not squares.any():
        raise EmptyData("all correlations are 0; a share needs something to share.")
    return float(squares[earlier[:, None] == later].sum() / squares.sum())


def inside_share_by_chance(
    moments: Moments,
    earlier: Mapping[str, Float64[np.ndarray, "_ _"]],
    later: Mapping[str, Float64[np.ndarray, "_ _"]],
    *,
    n: int | np.integer = 20,
    seed: int | np.integer = 0,
) -> float:
    """Return `inside_share` of random uncorrelated bases of the same two subspaces, the mean of several.

    Parameters
    ----------
    moments
        Of the scores of components of two spaces.
    earlier, later
        Task to covariance of those scores while only the inputs of that task vary, for each space; tasks in the same
        order.
    n
        Bases to draw.
    seed
        Of the draws.

    Returns
    -------
    float
        What the share is when a basis knows nothing of tasks. The task that a random component serves is asked anew, so
        that this is above one in the number of tasks, far above where a subspace has few dimensions.

    Raises
    ------
    BadRequest
        When ``n`` is no whole number of at least 1, a score never varies, or the tasks differ.

    Notes
    -----
    Scores are scaled to unit variance in every direction before they are turned, as correlations see no scale. Cost
    O(n k^3) for k components.
    """
    n, rng = whole_number(n, "n", minimum=1), np.random.default_rng(whole_number(seed, "seed", minimum=0))
    if list(earlier) != list(later):
        raise BadRequest(f"the tasks are {list(earlier)} before and {list(later)} after; give the same, in one order.")
    whiten = [_inverse_root(each / moments.n) for each in (moments.xx, moments.yy)]
    found = []
    for _ in range(n):
        first, second = (_turn(len(each), rng) @ each for each in whiten)
        labels = served_tasks(first, earlier), served_tasks(second, later)
        found.append(inside_share(correlation(moments.project(first, second)), *labels))
    return float(np.mean(found))


def principal_mixing(ratio: float, cosine: float) -> float:
    r"""Return how far the two principal components of two tasks mix them, when each task has one direction.

    For scores :math:`s, t` without correlation and activations :math:`s u + t v`, with the variance along an axis
    :math:`w` divided into :math:`a_w` of the first and :math:`b_w` of the second task:

    .. math:: \sum_w \min(a_w, b_w) \Big/ \sum_w (a_w + b_w)

    Parameters
    ----------
    ratio
        Variance of the weaker task over that of the stronger, between 0 and 1.
    cosine
        Between the directions :math:`u` and :math:`v`, from -1 to 1.

    Returns
    -------
    float
        Share of the variance that is not of the task which dominates its component: 0 when the directions are
        orthogonal, 1/2 when they are not and the variances are the same, then however near to orthogonal. Where both
        hold, the components are arbitrary and this returns 0.

    Raises
    ------
    BadRequest
        When a number is out of range.

    Notes
    -----
    Principal components are orthogonal and the tasks' directions need not be: the nearer the variances, the less it
    takes to turn them away.
    """
    if not (0 <= ratio <= 1 and -1 <= cosine <= 1):
        raise BadRequest(f"ratio={ratio}, cosine={cosine}: a ratio from 0 to 1 and a cosine from -1 to 1 are needed.")
    if cosine == 0:
        return 0.0
    directions = np.array([[1.0, 0.0], [cosine, math.sqrt(1 - cosine**2)]]) * np.sqrt([[1.0], [ratio]])
    axes = np.linalg.eigh(directions.T @ directions)[1].T
    parts = np.square(axes @ directions.T)
    return float(parts.min(axis=1).sum() / parts.sum())


def _inverse_root(covariance: Float64[np.ndarray, "k k"]) -> Float64[np.ndarray, "k k"]:
    values, vectors = np.linalg.eigh(covariance)
    if not values[0] > 0:
        raise BadRequest("a combination of the scores never varies and correlates with nothing; leave it out.")
    return (vectors / np.sqrt(values)).T


def _turn(size: int, rng: np.random.Generator) -> Float64[np.ndarray, "k k"]:
    # Uniform over rotations but for the signs of the rows, which a squared correlation does not have.
    return np.linalg.qr(rng.standard_normal((size, size)))[0].T
