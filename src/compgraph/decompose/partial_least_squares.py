"""Partial least squares regression from moments: both sides of one decomposition."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from compgraph.arguments import checked
from compgraph.arrays import fix_signs
from compgraph.decompose.directions import Directions
from compgraph.decompose.linear_algebra.leading import leading_eigh
from compgraph.decompose.numerical_rank import RANK_TOLERANCE, support
from compgraph.decompose.scale import near_one
from compgraph.records import brief, read_only
from compgraph.statistics import Moments


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PartialLeastSquares:
    r"""A partial least squares regression of ``y`` on ``x`` (PLS2, both centred, neither scaled).

    With scores :math:`T = (X - \bar X) R^\top`: :math:`X \approx \bar X + T P`, :math:`Y \approx \bar Y + T Q`.

    Attributes
    ----------
    weights
        Orthonormal directions of ``x`` that covary most with the ``y`` not yet explained.
    rotations
        Filters that give the scores from undeflated ``x``.
    x_loadings, y_loadings
        What ``x`` and ``y`` do when a score rises by one.
    score_variance
        Variance of each score; scores are uncorrelated.
    gap
        Relative distance of the two largest singular values of the deflated cross moment, per component.
    """

    weights: Float64[np.ndarray, "k p"]
    rotations: Float64[np.ndarray, "k p"]
    x_loadings: Float64[np.ndarray, "k p"]
    y_loadings: Float64[np.ndarray, "k q"]
    score_variance: Float64[np.ndarray, " k"]
    gap: Float64[np.ndarray, " k"]

    __repr__ = brief

    def __post_init__(self) -> None:
        for name in self.__slots__:
            object.__setattr__(self, name, read_only(getattr(self, name)))

    def coefficients(self) -> Float64[np.ndarray, "p q"]:
        """Return the regression matrix ``B`` of ``y - mean_y = (x - mean_x) @ B``.

        Returns
        -------
        numpy.ndarray
            Features of ``x`` by features of ``y``.
        """
        return self.rotations.T @ self.y_loadings


@checked
def partial_least_squares(moments: Moments, n_components: int) -> PartialLeastSquares:
    """Fit a partial least squares regression of ``y`` on ``x`` from their moments.

    Parameters
    ----------
    moments
        Of ``x`` and ``y``.
    n_components
        At most this many; fewer when ``x`` is exhausted, or when no feature of what is left of ``x`` correlates with
        one of ``y`` by more than 1e-6 of their deviations.

    Returns
    -------
    PartialLeastSquares
        The fit. Each weight vector is an exact singular vector, so there is no convergence tolerance.

    Notes
    -----
    Cost O(p^3 + q^3) for the numerical rank of both sides and O(p^2 + p q + min(p, q)^3) per component, independent of
    the number of rows. Signs are fixed by the weights: their entry of largest magnitude is positive.

    References
    ----------
    Dayal and MacGregor, "Improved PLS algorithms", J. Chemometrics 11 (1997),
    doi:10.1002/(SICI)1099-128X(199701)11:1<73::AID-CEM435>3.0.CO;2-#.

    Examples
    --------
    >>> x = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    >>> fit = partial_least_squares(Moments.of(x, x @ np.array([[3.0], [4.0]])), 1)
    >>> fit.coefficients().round(6).tolist()
    [[3.0], [4.0]]
    """
    moments, of_x, of_y = near_one(moments)
    left, right = support(moments.xx), support(moments.yy)
    xx = _inside(_inside(moments.xx, left).T, left)
    cross = _inside(_inside(moments.xy, left).T, right).T.copy()
    variances = np.diagonal(xx)
    noise = RANK_TOLERANCE * np.sqrt(np.outer(variances, np.diagonal(moments.yy)))
    rows: list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, float, float]] = []
    for _ in range(min(n_components, len(left))):
        if (np.abs(cross) <= noise).all():
            break
        weight, gap = _dominant_left(cross)
        rotation = weight - sum((p @ weight * r for _, r, p, *_ in rows), start=np.zeros(len(xx)))
        score = float(rotation @ xx @ rotation)
        # Inside the support no score varies as little as this; only rounding leads there.
        if score <= RANK_TOLERANCE * float(rotation**2 @ variances):
            break
        x_loading, y_loading = xx @ rotation / score, cross.T @ rotation / score
        cross -= np.outer(x_loading, y_loading) * score
        rows.append((weight, rotation, x_loading, y_loading, score / moments.n, gap))
    columns = list(zip(*rows, strict=True)) or [(), (), (), (), (), ()]
    p, q = moments.xy.shape
    shapes = ((-1, p), (-1, p), (-1, p), (-1, q), (-1,), (-1,))
    # Loadings of x and rotations are the same at every scale.
    units = (1.0, 1.0, 1.0, of_y / of_x, of_x**2, 1.0)
    return PartialLeastSquares(
        *(np.array(each, dtype=float).reshape(s) * u for each, s, u in zip(columns, shapes, units, strict=True))
    )


Fit = Callable[[Moments, int], PartialLeastSquares]


def _inside(matrix: Float64[np.ndarray, "p q"], basis: Float64[np.ndarray, "r p"]) -> Float64[np.ndarray, "p q"]:
    """Return the columns of ``matrix`` projected on the span of ``basis``."""
    return basis.T @ (basis @ matrix) if len(basis) < len(matrix) else matrix


def _dominant_left(cross: Float64[np.ndarray, "p q"]) -> tuple[Float64[np.ndarray, " p"], float]:
    """Return the dominant left singular vector, and the relative gap of its singular value to the next."""
    p, q = cross.shape
    gram = cross.T @ cross if q <= p else cross @ cross.T
    size = len(gram)
    # The range of the last two eigenvalues costs a fraction of the whole spectrum.
    values, vectors = leading_eigh(gram, 2, "the cross moment")
    top, below = np.sqrt(np.clip([values[-1], values[0] if size > 1 else 0.0], 0, None))
    vector = cross @ vectors[:, -1] if q <= p else vectors[:, -1]
    norm = float(np.linalg.norm(vector))
    weight = fix_signs((vector / norm)[None])[0] if norm > 0 else np.zeros(p)
    return weight, float((top - below) / top) if top > 0 else 0.0


def plsr_reads(moments: Moments, n_components: int, fit: Fit = partial_least_squares) -> Directions:
    """Find what the next layer reads: the ``x`` side of the partial least squares regression.

    Parameters
    ----------
    moments
        Of the source rows as ``x`` and the target rows as ``y``.
    n_components
        At most this many.
    fit
        Gives the regression.

    Returns
    -------
    Directions
        The rotations, with the loadings as patterns; ``strength`` is the variance of ``x`` that each score accounts
        for, in squared activation units.
    """
    found = fit(moments, n_components)
    strength = found.score_variance * (found.x_loadings**2).sum(axis=1)
    return Directions(found.rotations, strength, found.gap, found.x_loadings)


def plsr_writes(moments: Moments, n_components: int, fit: Fit = partial_least_squares) -> Directions:
    """Find what a layer writes: the ``y`` side of the same partial least squares regression.

    Parameters
    ----------
    moments
        Of the source rows as ``x`` and the target rows as ``y``.
    n_components
        At most this many; loadings that depend on earlier ones are left out.
    fit
        Gives the regression.

    Returns
    -------
    Directions
        The unit ``y`` loadings; ``strength`` is the variance of ``y`` that each ``x`` score explains, in squared
        activation units.
    """
    found = fit(moments, n_components)
    deviation = np.sqrt(np.diagonal(moments.yy) / moments.n)
    scaled = np.divide(found.y_loadings, deviation, out=np.zeros_like(found.y_loadings), where=deviation > 0)
    kept = _independent(scaled)
    norms = np.linalg.norm(found.y_loadings[kept], axis=1)
    return Directions(found.y_loadings[kept] / norms[:, None], found.score_variance[kept] * norms**2, found.gap[kept])


def _independent(vectors: Float64[np.ndarray, "k d"]) -> list[int]:
    """Return the indices of the vectors that are no combination of those before them."""
    kept: list[int] = []
    basis = np.zeros((0, vectors.shape[1]))
    for index, vector in enumerate(vectors):
        rest = vector - basis.T @ (basis @ vector)
        if np.linalg.norm(rest) > np.sqrt(RANK_TOLERANCE) * np.linalg.norm(vector):
            kept.append(index)
            basis = np.vstack([basis, rest / np.linalg.norm(rest)])
    return kept
