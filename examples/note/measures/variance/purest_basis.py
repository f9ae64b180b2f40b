"""How much the variances of tasks mix along axes, and the orthogonal basis in which those of two tasks mix least."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float, Float64, Int
from scipy.linalg import orth

from compgraph.arrays import fix_signs, require_finite
from compgraph.decompose import support
from compgraph.errors import BadRequest, EmptyData, ShapeError
from note.measures.variance.matching_directions import random_bases


def task_variances(
    axes: Float[np.ndarray, "k d"], covariances: Mapping[str, Float64[np.ndarray, "_ _"]]
) -> Float64[np.ndarray, "k t"]:
    r"""Return the variance of each task along each axis.

    .. math:: v_{kt} = \frac{u_k^\top C_t \, u_k}{|u_k|^2}

    Parameters
    ----------
    axes
        One direction per row, of any length; they need not be orthogonal.
    covariances
        Task to the covariance of the activations while only the inputs of that task vary.

    Returns
    -------
    numpy.ndarray
        A row per axis and a column per task, in squared units of the activations; 0 along an axis that is 0.

    Raises
    ------
    BadRequest
        With fewer than two tasks.
    ShapeError
        When a covariance does not fit the axes.
    NotFinite
        When an entry is NaN or infinite.

    Notes
    -----
    Cost O(k d^2) for each task. What rounding makes negative is 0.

    Examples
    --------
    >>> tasks = {"A": np.diag([4.0, 0.0]), "B": np.diag([0.0, 2.0])}
    >>> task_variances(np.array([[3.0, 0.0], [1.0, 1.0]]), tasks).round(3).tolist()
    [[4.0, 0.0], [2.0, 1.0]]
    """
    if len(covariances) < 2:
        raise BadRequest(f"the variances of tasks are compared and {len(covariances)} task came; give at least two.")
    require_finite(axes, "axes")
    require_square(covariances, axes.shape[1])
    rows = axes.astype(np.float64)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    units = np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 0)
    return np.stack([np.einsum("kd,kd->k", units @ each, units) for each in covariances.values()], axis=1).clip(min=0)


def interference(variances: Float64[np.ndarray, "k t"]) -> float:
    r"""Return the part of the variance along some axes that is not the dominant task's of its axis.

    .. math:: 1 - \frac{\sum_k \max_t v_{kt}}{\sum_k \sum_t v_{kt}}

    Parameters
    ----------
    variances
        Of each task (column) along each axis (row), as from `task_variances`.

    Returns
    -------
    float
        0 when every axis serves one task, ``1 - 1 / tasks`` when all serve all alike. Axes count by their variance.

    Raises
    ------
    BadRequest
        When a variance is negative.
    EmptyData
        When nothing varies.
    NotFinite
        When a variance is NaN or infinite.

    Notes
    -----
    Between orthonormal bases of one subspace the denominator is the same. Of axes that are not orthogonal, 0 says only
    that the tasks are linearly independent: a direction may see nothing of one task and lie at 10 degrees to another.

    Examples
    --------
    >>> interference(np.array([[4.0, 0.0], [2.0, 1.0]])).__round__(3)
    0.143
    """
    require_finite(variances, "variances")
    if (variances < 0).any():
        raise BadRequest(f"the smallest variance is {variances.min():g}; variances of at least 0 are needed.")
    total = float(variances.sum())
    if not total > 0:
        raise EmptyData(f"nothing varies along any of the {len(variances)} axes. Take axes along which tasks do.")
    return float((variances.sum(axis=1) - variances.max(axis=1, initial=0)).sum()) / total


def purest_basis(
    covariances: Mapping[str, Float64[np.ndarray, "_ _"]], *, within: Float[np.ndarray, "n d"] | None = None
) -> Float64[np.ndarray, "k d"]:
    r"""Return the orthonormal basis in which the variances of two tasks interfere least.

    These are the eigenvectors of the difference of the covariances: in any orthonormal basis

    .. math:: 2 \sum_k \max(a_k, b_k) = \operatorname{tr}(A + B) + \sum_k |u_k^\top (A - B) \, u_k|
              \le \operatorname{tr}(A + B) + \lVert A - B \rVert_*

    with the nuclear norm on the right, which the eigenvectors reach.

    Parameters
    ----------
    covariances
        The two tasks, each with the covariance of the activations while only its inputs vary.
    within
        Vectors, one per row, that span the subspace the basis is for; the whole space when None.

    Returns
    -------
    numpy.ndarray
        One axis per row: the purest of the first task first, those of the second last.

    Raises
    ------
    BadRequest
        With other than two tasks: for more there is no closed form.
    ShapeError
        When covariances are not square, or do not fit one another or `within`.
    EmptyData
        When `within` spans nothing.
    NotFinite
        When an entry is NaN or infinite.

    Notes
    -----
    Cost O(d^3). The minimum is global, so what `interference` is left in this basis no rotation takes away. It is 0
    exactly when the tasks vary in orthogonal subspaces. The best is meant over axes weighted by their variance; an
    unweighted mean over axes may be lower in another basis.

    References
    ----------
    Helstrom, "Quantum detection and estimation theory", J. Stat. Phys. 1 (1969), doi:10.1007/BF01007479: the best
    measurement that tells two density matrices apart is this one.

    Examples
    --------
    >>> tasks = {"A": np.array([[2.0, 2.0], [2.0, 2.0]]), "B": np.array([[1.0, -1.0], [-1.0, 1.0]])}
    >>> purest_basis(tasks).round(3).tolist()
    [[0.707, 0.707], [0.707, -0.707]]
    """
    size = len(next(iter(covariances.values()), ())) if within is None else within.shape[1]
    difference = _difference(covariances, size)
    basis = np.eye(size) if within is None else _basis(within)
    vectors = np.linalg.eigh(basis @ difference @ basis.T)[1]
    return fix_signs(vectors[:, ::-1].T @ basis)


def purest_directions(
    axes: Float[np.ndarray, "k d"], covariances: Mapping[str, Float64[np.ndarray, "_ _"]]
) -> tuple[Float64[np.ndarray, "k d"], Int[np.ndarray, " k"]]:
    r"""Turn directions until each sees as much more of one task than of the other as can be.

    They become :math:`V^\top W` with the eigenvectors :math:`V` of :math:`W (A - B) W^\top`.

    Parameters
    ----------
    axes
        :math:`W`: one filter per row, with uncorrelated scores of unit variance, as those of
        `compgraph.check.independent_directions`; after the turn they are so too.
    covariances
        The two tasks, each with the covariance of the activations while only its inputs vary.

    Returns
    -------
    directions
        One filter per row: those that see most of the first task first.
    groups
        0 for a direction that sees more of the first task, 1 for the others.

    Raises
    ------
    BadRequest
        With other than two tasks.
    ShapeError
        When a covariance does not fit the axes.
    NotFinite
        When an entry is NaN or infinite.

    Notes
    -----
    It is `purest_basis` of the scores, whose minimum is this one. Cost O(k^3 + k d^2).
    """
    require_finite(axes, "axes")
    values, vectors = np.linalg.eigh(axes @ _difference(covariances, axes.shape[1]) @ axes.T)
    return fix_signs(vectors[:, ::-1].T) @ axes, (values[::-1] < 0).astype(np.int64)


def _difference(covariances: Mapping[str, Float64[np.ndarray, "_ _"]], size: int) -> Float64[np.ndarray, "d d"]:
    if len(covariances) != 2:
        raise BadRequest(
            f"{len(covariances)} tasks came and two are needed; of more, hold one against the sum of the others."
        )
    require_square(covariances, size)
    first, second = covariances.values()
    return np.asarray(first - second)


def random_interference(
    covariances: Mapping[str, Float64[np.ndarray, "_ _"]], *, n: int | np.integer = 200, seed: int | np.integer = 0
) -> float:
    """Return `interference` in random orthonormal bases of the subspace that the tasks move, the mean of several.

    Parameters
    ----------
    covariances
        Task to the covariance of the activations while only the inputs of that task vary.
    n
        Bases to draw.
    seed
        Of the draws.

    Returns
    -------
    float
        What is left to other tasks along axes that know nothing of tasks: below ``1 - 1 / tasks``, and far below where
        the subspace has few dimensions or one task varies most.

    Raises
    ------
    BadRequest
        With fewer than two tasks, or when ``n`` is no whole number of at least 1.
    ShapeError
        When the covariances do not fit one another.
    EmptyData
        When nothing varies.
    NotFinite
        When an entry is NaN or infinite.

    Notes
    -----
    Directions in which features vary by rounding alone are left out. Cost O(n r d^2) for r dimensions.

    Examples
    --------
    >>> tasks = {"A": np.diag([1.0, 0.0]), "B": np.diag([0.0, 1.0])}
    >>> round(random_interference(tasks, n=2000), 1)  # 1/2 - 1/pi
    0.2
    """
    size = len(next(iter(covariances.values()), ()))
    require_square(covariances, size)
    basis = support(np.sum(list(covariances.values()), axis=0)) if size else np.zeros((0, 0))
    # In all bases the tasks' variances sum to the same, so that the share of all together is the mean of the shares.
    turned = (random_bases(len(basis), n=n, seed=seed) @ basis).reshape(-1, size) if len(basis) else basis
    return interference(task_variances(turned, covariances))


def require_square(covariances: Mapping[str, Float64[np.ndarray, "_ _"]], size: int) -> None:
    """Refuse covariances that are not those of a space of so many coordinates.

    Parameters
    ----------
    covariances
        Task to covariance.
    size
        Coordinates of the space.

    Raises
    ------
    ShapeError
        When a covariance has another shape.
    NotFinite
        When an entry is NaN or infinite.
    """
    for task, each in covariances.items():
        if each.shape != (size, size):
            raise ShapeError(f"the covariance of task {task!r} has shape {each.shape}; ({size}, {size}) is needed.")
        require_finite(each, f"the covariance of task {task!r}")


def _basis(within: Float[np.ndarray, "n d"]) -> Float64[np.ndarray, "k d"]:
    """Return an orthonormal basis of the span of some rows, as rows."""
    require_finite(within, "the vectors of the subspace")
    basis = orth(within.astype(np.float64).T).T if within.size else within
    if not basis.size:
        raise EmptyData(
            f"the {len(within)} vectors of the subspace span nothing; at least one that is not 0 is needed."
        )
    return np.asarray(basis)
