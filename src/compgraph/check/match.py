"""How alike two lists of directions are, where directions count by their variance."""

import numpy as np
from jaxtyping import Float64

from compgraph.arrays import require_finite
from compgraph.errors import BadRequest, ShapeError
from compgraph.request import whole_number


def best_match(similarity: Float64[np.ndarray, "a b"], variance: Float64[np.ndarray, " c"]) -> float:
    r"""Return how alike each direction is to the one most like it, on average.

    .. math:: \sum_i v_i \max_j |s_{ij}| \Big/ \sum_i v_i

    Parameters
    ----------
    similarity
        Cosines of directions (rows) with others (columns).
    variance
        Of the rows, along each direction: its weight.

    Returns
    -------
    float
        1 when every direction is, up to its sign, among the others. Chance is well above 0: compare with directions
        drawn at random.

    Raises
    ------
    ShapeError
        When there is not one variance per row, or there are no others.
    BadRequest
        When a variance is negative, or all are 0.
    NotFinite
        When an entry is NaN or infinite.

    Examples
    --------
    >>> best_match(np.array([[0.0, -1.0], [0.5, 0.5]]), np.array([3.0, 1.0]))
    0.875
    """
    weights = _weights(similarity, variance)
    return float(weights @ np.abs(similarity).max(axis=1))


def near_diagonal(
    similarity: Float64[np.ndarray, "a b"], variance: Float64[np.ndarray, " c"], *, within: int = 1
) -> float:
    r"""Return the share of squared similarity between directions of almost the same rank.

    .. math:: \sum_i v_i \sum_{|i - j| \le w} s_{ij}^2 \Big/ \sum_i v_i \sum_j s_{ij}^2

    Parameters
    ----------
    similarity
        Cosines of directions (rows) with others (columns), both in order of rank.
    variance
        Of the rows, along each direction: its weight.
    within
        By how much ranks may differ.

    Returns
    -------
    float
        1 for a band matrix. Of directions that point anywhere it is about ``(2 * within + 1) / b``.

    Raises
    ------
    ShapeError, BadRequest, NotFinite
        As `best_match`; BadRequest also when ``within`` is no whole number of at least 0.

    Examples
    --------
    >>> near_diagonal(np.full((4, 4), 0.5), np.ones(4), within=0)
    0.25
    """
    weights, squares = _weights(similarity, variance), np.square(similarity)
    rank = np.abs(np.subtract.outer(*map(np.arange, similarity.shape)))
    near = np.where(rank <= whole_number(within, "within", minimum=0), squares, 0.0)
    whole = float(weights @ squares.sum(axis=1))
    if whole == 0:
        raise BadRequest("all similarities are 0; directions that have something in common are needed.")
    return float(weights @ near.sum(axis=1)) / whole


def _weights(similarity: Float64[np.ndarray, "a b"], variance: Float64[np.ndarray, " c"]) -> Float64[np.ndarray, " a"]:
    if len(variance) != len(similarity) or similarity.shape[1] == 0:
        raise ShapeError(f"{len(variance)} variances came for similarities of shape {similarity.shape}.")
    require_finite(similarity, "similarities")
    require_finite(variance, "variances")
    if (variance < 0).any() or not variance.sum() > 0:
        raise BadRequest(f"variances from {variance.min(initial=0.0):g} came; at least 0 and not all 0 are needed.")
    return np.asarray(variance / variance.sum())
