"""How alike two lists of directions are, where directions count by their variance, and how alike random ones are."""

import numpy as np
from jaxtyping import Float, Float64

from compgraph.arguments import whole_number
from compgraph.arrays import require_finite
from compgraph.errors import BadRequest, ShapeError


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


def column_distance(first: Float[np.ndarray, "n k"], second: Float[np.ndarray, "n _"]) -> float:
    r"""Return how far the columns of two matrices are apart, whatever their lengths and signs: the worst of them.

    .. math:: \max_k \min_{\pm} \left| \frac{a_k}{|a_k|} \pm \frac{b_k}{|b_k|} \right|

    Parameters
    ----------
    first, second
        The columns that belong together stand at the same place, such as the scores of two solvers.

    Returns
    -------
    float
        0 where every column spans the same line as its partner, the square root of 2 where one is orthogonal to it.

    Raises
    ------
    ShapeError
        When the matrices are of different shapes, or have no columns.
    BadRequest
        When a column is 0 and has no direction.
    NotFinite
        When an entry is NaN or infinite.

    Notes
    -----
    Accurate for small distances, where a cosine has no digits left. Cost O(n k).

    Examples
    --------
    >>> column_distance(np.array([[1.0, 0.0], [0.0, 2.0]]), np.array([[-3.0, 0.0], [0.0, 1.0]]))
    0.0
    """
    if first.shape != second.shape or first.shape[1] == 0:
        raise ShapeError(f"columns of shape {first.shape} and {second.shape} came; the same of both is needed.")
    units = []
    for columns in (first, second):
        require_finite(columns, "the columns")
        lengths = np.linalg.norm(columns, axis=0)
        if not lengths.all():
            raise BadRequest(f"column {int(lengths.argmin())} is 0 and has no direction; leave it out of both.")
        units.append(columns / lengths)
    signs = np.where((units[0] * units[1]).sum(axis=0) < 0, -1.0, 1.0)
    return float(np.linalg.norm(units[0] - signs * units[1], axis=0).max())


def random_bases(
    size: int | np.integer, *, n: int | np.integer, seed: int | np.integer
) -> Float64[np.ndarray, "_ size size"]:
    """Draw orthonormal bases of a space, every direction as likely as any other.

    Parameters
    ----------
    size
        Dimension of the space.
    n
        How many to draw.
    seed
        Of the draws.

    Returns
    -------
    numpy.ndarray
        For each basis, one direction a row. Signs are not random; nothing that squares a cosine sees them.

    Raises
    ------
    BadRequest
        When the size or the number is no whole number of at least 1, or the seed none of at least 0.

    Notes
    -----
    Cost O(n size^3).
    """
    shape = (whole_number(n, "n", minimum=1), *2 * (whole_number(size, "size", minimum=1),))
    return np.asarray(np.linalg.qr(np.random.default_rng(whole_number(seed, "seed", minimum=0)).normal(size=shape))[0])


def random_directions(
    variance: Float64[np.ndarray, " p"], *, n: int | np.integer, seed: int | np.integer
) -> tuple[Float64[np.ndarray, "_ p p"], Float64[np.ndarray, "_ p"]]:
    r"""Draw orthonormal directions as `random_bases` does, and order those of each basis by their variance.

    .. math:: v_i = \sum_j u_{ij}^2 \, \lambda_j

    Parameters
    ----------
    variance
        Along each principal axis of the space.
    n, seed
        As of `random_bases`.

    Returns
    -------
    directions
        In coordinates of the principal axes, so that the entries are cosines with these, as `best_match` and
        `near_diagonal` take them.
    variance
        Along each direction, the largest first.

    Raises
    ------
    BadRequest
        As `random_bases`.

    Notes
    -----
    Ordered by variance, random directions lie near the diagonal more often than directions that point anywhere: it is
    this that an order must be held against. Cost O(n p^3).

    Examples
    --------
    >>> directions, variance = random_directions(np.array([4.0, 1.0]), n=1, seed=0)
    >>> bool(variance[0, 0] > variance[0, 1]), float(variance.sum().round(9))
    (True, 5.0)
    """
    bases = random_bases(len(variance), n=n, seed=seed)
    along = np.square(bases) @ variance
    order = np.argsort(-along, axis=1)
    return np.take_along_axis(bases, order[:, :, None], axis=1), np.take_along_axis(along, order, axis=1)


def _weights(similarity: Float64[np.ndarray, "a b"], variance: Float64[np.ndarray, " c"]) -> Float64[np.ndarray, " a"]:
    if len(variance) != len(similarity) or similarity.shape[1] == 0:
        raise ShapeError(f"{len(variance)} variances came for similarities of shape {similarity.shape}.")
    require_finite(similarity, "similarities")
    require_finite(variance, "variances")
    if (variance < 0).any() or not variance.sum() > 0:
        raise BadRequest(f"variances from {variance.min(initial=0.0):g} came; at least 0 and not all 0 are needed.")
    return np.asarray(variance / variance.sum())
