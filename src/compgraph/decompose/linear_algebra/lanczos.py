"""Block Lanczos: the space that a block of columns and its products with a symmetric matrix span, wider and wider."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

from compgraph.decompose.linear_algebra.triangular import qr

LOST = 1e-2  # a new column shorter than this has rounding in it that matters, and is made orthogonal again

Product = Callable[[Float64[np.ndarray, "n b"]], Float64[np.ndarray, "n b"]]
"""Multiplies columns with a symmetric matrix whose eigenvalues are in [-1, 1]."""


class Krylov(NamedTuple):
    """A space of columns and products, and the next block.

    Attributes
    ----------
    basis
        Orthonormal columns.
    form
        The matrix in that basis.
    block
        Orthonormal columns, orthogonal to the basis, which it grows by.
    rest
        With eigenvectors ``v`` of the form, the product of the matrix and ``basis @ v`` differs from the multiple by
        ``block @ rest @ v[-b:]``.
    """

    basis: Float64[np.ndarray, "n k"]
    form: Float64[np.ndarray, "k k"]
    block: Float64[np.ndarray, "n b"]
    rest: Float64[np.ndarray, "b b"]

    def residuals(self, vectors: Float64[np.ndarray, "k m"]) -> Float64[np.ndarray, " m"]:
        """Return how far the matrix takes eigenvectors of the form, as columns, from multiples of themselves."""
        return np.asarray(np.linalg.norm(self.rest @ vectors[-len(self.rest) :], axis=0))


def block_lanczos(block: Float64[np.ndarray, "n b"], times: Product, most: int) -> Iterator[Krylov]:
    """Yield the spaces of a block, its product, the product of that and so on.

    Parameters
    ----------
    block
        Orthonormal columns.
    times
        The matrix.
    most
        Columns at most.

    Yields
    ------
    Krylov
        One block wider each time, in the same memory.

    Notes
    -----
    Of an eigenvalue there are found as many copies as the block has columns. Matrices are read once for all of them,
    so that a block costs little more than one column.

    References
    ----------
    Golub, G. H., Underwood, R. (1977). The block Lanczos method for computing eigenvalues.
    https://doi.org/10.1016/B978-0-12-587260-7.50018-2
    """
    size, width = block.shape
    basis, form = np.empty((size, most // width * width), order="F"), np.zeros((most // width * width,) * 2)
    for done in range(width, most + 1, width):
        fresh, known = slice(done - width, done), basis[:, :done]
        known[:, fresh] = block
        image = times(block)
        shares = known.T @ image
        form[:done, fresh], form[fresh, :done] = shares, shares.T
        block, rest = qr(image - known @ shares)
        if np.abs(np.diag(rest)).min() < LOST:
            for _ in range(2):  # where nothing but rounding is left, once is not enough
                block = qr(block - known @ (known.T @ block))[0]
        yield Krylov(known, form[:done, :done], block, rest)
