"""Rows and columns of matrices scaled in turn until their totals are those asked for."""

import numpy as np
from jaxtyping import Bool, Float64

from compgraph.group.many import Pair

SWEEPS = 1000


def proportional_fit(
    weights: Pair,
    *,
    rows: Float64[np.ndarray, "m k"],
    columns: Float64[np.ndarray, "m l"],
    tolerance: float,
) -> tuple[Float64[np.ndarray, "m k"], Float64[np.ndarray, "m l"], Bool[np.ndarray, " m"]]:
    r"""Find for every matrix the scales of :math:`u_i W_{ij} v_j` that give rows and columns their totals.

    Parameters
    ----------
    weights
        Matrices, not negative, with a positive entry in every row and column. Each is fitted by itself: its scales do
        not depend on the others.
    rows, columns
        Totals for each, of equal sums.
    tolerance
        Largest relative error of a row's total; columns are exact but for rounding.

    Returns
    -------
    tuple
        The scales of rows and of columns, and whether the totals were reached within 1,000 sweeps.

    Notes
    -----
    Zeros can make totals impossible; the scales then run off to 0 and infinity. Time O(k l) a sweep.

    References
    ----------
    Sinkhorn, R., Knopp, P. (1967). Concerning nonnegative matrices and doubly stochastic matrices.
    https://doi.org/10.2140/pjm.1967.21.343

    Deming, W. E., Stephan, F. F. (1940). On a least squares adjustment of a sampled frequency table when the expected
    marginal totals are known. https://doi.org/10.1214/aoms/1177731829
    """
    u, v = np.ones_like(weights.rows), np.ones_like(weights.columns)
    reached, still = np.zeros(len(u), dtype=bool), np.arange(len(u))
    with np.errstate(all="ignore"):
        sums = weights.rows
        for _ in range(SWEEPS):
            left = rows / sums
            right = columns / weights.timed(left[:, :, None])[:, :, 0]
            sums = weights.times(right[:, :, None])[:, :, 0]
            u[still], v[still] = left, right
            near = (np.abs(left * sums - rows) <= tolerance * rows).all(axis=1)
            if near.any():
                reached[still[near]] = True
                if near.all():
                    break
                still, weights, sums = still[~near], weights.kept(~near), sums[~near]
                rows, columns = rows[~near], columns[~near]
    return u, v, reached
