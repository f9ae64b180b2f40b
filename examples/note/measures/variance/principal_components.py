"""How purely principal components keep to one task each, one by one and down to the last."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float, Float64
from scipy.linalg import orth
from sklearn.decomposition import PCA

from compgraph.arrays import require_finite
from compgraph.errors import BadRequest, ShapeError


def principal_within(
    filters: Float[np.ndarray, "k d"], covariance: Float[np.ndarray, "_ _"]
) -> tuple[Float64[np.ndarray, "r d"], Float64[np.ndarray, " r"]]:
    """Return the principal axes of what some filters see of a space, and the variance along each.

    Parameters
    ----------
    filters
        One per row; they span what is looked at, all of the space where there are as many as features.
    covariance
        Of the activations, or their scatter.

    Returns
    -------
    axes
        Orthonormal, in the span of the filters, the largest variance first.
    variance
        In the units of the covariance.

    Raises
    ------
    ShapeError
        When the covariance does not fit the filters.

    Notes
    -----
    Cost O(k d^2).

    Examples
    --------
    >>> axes, variance = principal_within(np.eye(3)[:2], np.diag([1.0, 4.0, 9.0]))
    >>> variance.tolist(), np.abs(axes).tolist()
    ([4.0, 1.0], [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    """
    if covariance.shape != 2 * (filters.shape[1],):
        raise ShapeError(f"a covariance of shape {covariance.shape} came for filters of {filters.shape[1]} features.")
    basis = orth(filters.T).T
    values, vectors = np.linalg.eigh(basis @ covariance @ basis.T)
    return np.asarray(vectors[:, ::-1].T @ basis), np.asarray(values[::-1])


def principal_task_variances(
    rows: Float[np.ndarray, "n d"], by_task: Mapping[str, Float[np.ndarray, "_ _"]]
) -> Float64[np.ndarray, "d t"]:
    r"""Return the variance of each task along each principal component of some activations.

    Parameters
    ----------
    rows
        Activations to which the components are fitted, at least as many as there are features.
    by_task
        Task to activations while only the inputs of that task vary.

    Returns
    -------
    numpy.ndarray
        A row per component, the largest first, and a column per task; in squared units of the activations.

    Raises
    ------
    BadRequest
        With fewer than two tasks.
    ShapeError
        When a task's rows have other features, or there are fewer rows than features.
    NotFinite
        When an entry is NaN or infinite.

    Notes
    -----
    Computed in float32, as networks compute activations: silent or equal units leave components that are rounding,
    below about 1e-13 of the largest variance, and precision beyond that of the activations would make up what they are.
    Cost O(n d^2).

    Examples
    --------
    >>> rows = np.random.default_rng(0).normal(size=(500, 2)) * [3.0, 1.0]
    >>> principal_task_variances(rows, {"A": rows * [1.0, 0.0], "B": rows * [0.0, 1.0]}).round(0).tolist()
    [[9.0, 0.0], [0.0, 1.0]]
    """
    if len(by_task) < 2:
        raise BadRequest(f"the variances of tasks are compared and {len(by_task)} task came; give at least two.")
    n, d = rows.shape
    if n < d:
        raise ShapeError(
            f"{n} rows of {d} features came; principal components down to the last need at least {d} rows."
        )
    require_finite(rows, "the rows")
    fitted = PCA(svd_solver="full").fit(rows.astype(np.float32))
    found = []
    for task, moved in by_task.items():
        if moved.shape[1] != d:
            raise ShapeError(f"task {task!r} has rows of {moved.shape[1]} features, and the components are of {d}.")
        require_finite(moved, f"the rows of task {task!r}")
        found.append(fitted.transform(moved.astype(np.float32)).var(axis=0, dtype=np.float64))
    return np.stack(found, axis=1)


def dominant_share(variances: Float64[np.ndarray, "k t"]) -> Float64[np.ndarray, " k"]:
    r"""Return the dominant task's share of the variance along each axis.

    .. math:: \max_t v_{kt} \Big/ \sum_t v_{kt}

    Parameters
    ----------
    variances
        Of each task (column) along each axis (row).

    Returns
    -------
    numpy.ndarray
        From 1 / tasks, where all tasks move the axis alike, to 1; NaN where none does.

    Examples
    --------
    >>> dominant_share(np.array([[3.0, 1.0], [0.0, 0.0]])).tolist()
    [0.75, nan]
    """
    total = variances.sum(axis=1)
    return np.divide(variances.max(axis=1), total, out=np.full(len(total), np.nan), where=total > 0)
