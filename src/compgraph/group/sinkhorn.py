"""Rows and columns of a matrix scaled in turn until their totals are those asked for."""

import numpy as np
from jaxtyping import Float64

SWEEPS = 1000


def proportional_fit(
    weights: Float64[np.ndarray, "k l"],
    *,
    rows: Float64[np.ndarray, " k"],
    columns: Float64[np.ndarray, " l"],
    tolerance: float,
) -> tuple[Float64[np.ndarray, " k"], Float64[np.ndarray, " l"], bool]:
    r"""Find the scales of :math:`u_i W_{ij} v_j` that give rows and columns their totals.

    Parameters
    ----------
    weights
        Not negative, with a positive entry in every row and column.
    rows, columns
        Totals, of equal sums.
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
    u, v = np.ones(len(rows)), np.ones(len(columns))
    with np.errstate(all="ignore"):
        sums = weights @ v
        for _ in range(SWEEPS):
            u = rows / sums
            v = columns / (u @ weights)
            sums = weights @ v
            if np.all(np.abs(u * sums - rows) <= tolerance * rows):
                return u, v, True
    return u, v, False
