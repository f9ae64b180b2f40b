"""The leading modes of a matrix that is only ever multiplied: block Lanczos, which misses no multiple eigenvalue."""

import numpy as np
from jaxtyping import Float64

from compgraph.decompose.linear_algebra.lanczos import Product, block_lanczos
from compgraph.decompose.linear_algebra.leading import leading_eigh
from compgraph.decompose.linear_algebra.triangular import qr

EXTRA = 1  # columns of a block beyond the modes asked for
LARGEST = 240  # columns before a restart
RESTARTS = 10
PATIENCE = 2  # restarts until twice as many columns are tried, for modes that lie closer
RESIDUAL = 1e-10  # of eigenvectors of length 1; eigenvalues are near 1
MISSED = 1e-12  # chance at which an eigenvalue above the limit is overlooked

Modes = tuple[Float64[np.ndarray, " k"], Float64[np.ndarray, "n k"]]


def leading_modes(times: Product, size: int, k: int, *, above: float = -1.0) -> Modes | None:
    r"""Return the largest eigenvalues of a symmetric matrix, in descending order, and their eigenvectors.

    Parameters
    ----------
    times
        Multiplies columns with the matrix, whose eigenvalues are in [-1, 1].
    size
        Its rows.
    k
        How many, far fewer than rows.
    above
        Eigenvalues up to here are not wanted: where none is above, the search ends early.

    Returns
    -------
    tuple or None
        Eigenvalues and orthonormal columns, with residuals below 1e-10; none of either where no eigenvalue is
        ``above``. None where the search does not end, or is asked for too large a part of all.

    Notes
    -----
    A block has more columns than there are modes asked for, so that one of any multiplicity is found as often as it
    is asked for. The start is always the same. After ``j`` products with a random column the largest eigenvalue is
    underestimated by more than the part :math:`\epsilon` of the spectrum's width with a chance below
    :math:`1.648 \sqrt{n} e^{-\sqrt{\epsilon} (2 j - 1)}`; a search ends ``above`` nothing when that is 1e-12.

    References
    ----------
    Golub, G. H., Underwood, R. (1977). The block Lanczos method for computing eigenvalues.
    https://doi.org/10.1016/B978-0-12-587260-7.50018-2

    Kuczynski, J., Wozniakowski, H. (1992). Estimating the largest eigenvalue by the power and Lanczos algorithms with
    a random start. https://doi.org/10.1137/0613066
    """
    if 8 * (k + EXTRA) > size:
        return None
    block = np.random.default_rng(0).standard_normal((size, k + EXTRA))
    for restart in range(RESTARTS):
        most = LARGEST * 2 ** (restart // PATIENCE)
        block, found = _from(qr(block)[0], times, k, above, most)
        if found is not None:
            return found
    return None


def _from(
    block: Float64[np.ndarray, "n b"], times: Product, k: int, above: float, most: int
) -> tuple[Float64[np.ndarray, "n b"], Modes | None]:
    """Search at most so many columns, of a block and its products; return the best block in them, and any modes."""
    size, width = block.shape
    most = min(max(most, 8 * width), size // 2) // width * width
    check = 4 * width
    for seen in block_lanczos(block, times, most):
        done = len(seen.form)
        if check <= done or done == most:
            check = int(1.4 * done)
            values, vectors = leading_eigh(seen.form, width)
            near = (seen.residuals(vectors[:, -k:]) <= RESIDUAL).all()
            if values[-1] <= above and (near or _missed(above, float(values[-1]), size, done // width) < MISSED):
                return seen.block, (np.empty(0), np.empty((size, 0)))
            if near:
                return seen.block, (values[: -k - 1 : -1], seen.basis @ vectors[:, : -k - 1 : -1])
    return seen.basis @ vectors, None


def _missed(above: float, largest: float, size: int, products: int) -> float:
    """Return the chance that there is an eigenvalue above a limit where none was found."""
    short = (above - largest) / (above + 1)
    return float(1.648 * np.sqrt(size) * np.exp(-np.sqrt(short) * (2 * products - 1)))
