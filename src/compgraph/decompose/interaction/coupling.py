"""Mean products of the derivatives of pairs of outputs along pairs of directions, from which all modes follow."""

from functools import cache
from math import isqrt
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float64, Int64


class Entries(NamedTuple):
    """Numbered entries of symmetric matrices: those on and below the diagonal.

    Coordinates number them so that a matrix and its coordinates have the same norm: those off the diagonal, which stand
    for two entries each, are larger by the root of 2.
    """

    size: int
    row: Int64[np.ndarray, " m"]
    column: Int64[np.ndarray, " m"]
    diagonal: Int64[np.ndarray, " size"]
    factor: Float64[np.ndarray, " m"]
    number: Int64[np.ndarray, "size size"]

    def mean(self, values: Float64[np.ndarray, " size"]) -> Float64[np.ndarray, " m"]:
        """Return ``tr(E M E)`` of each unit entry ``E`` for a diagonal ``M`` of these values."""
        return np.asarray((values[self.row] + values[self.column]) / 2)

    def matrices(self, coordinates: Float[np.ndarray, "k m"]) -> Float[np.ndarray, "k size size"]:
        """Return the symmetric matrix of each row of coordinates."""
        entries = coordinates * (np.sqrt(0.5) / self.factor).astype(coordinates.dtype)
        return entries.take(self.number.ravel(), axis=1).reshape(len(entries), self.size, self.size)

    def coordinates(self, matrices: Float[np.ndarray, "k size size"]) -> Float[np.ndarray, "k m"]:
        """Return the coordinates of symmetric matrices, one row for each."""
        flat = matrices.reshape(len(matrices), self.size**2)
        factor = (np.sqrt(2) * self.factor).astype(flat.dtype)
        return np.asarray(flat.take(self.row * self.size + self.column, axis=1) * factor)


@cache
def entries(size: int) -> Entries:
    """Return the entries of symmetric matrices of one size.

    Parameters
    ----------
    size
        Rows.

    Returns
    -------
    Entries
        ``size * (size + 1) / 2`` of them.
    """
    row, column = np.tril_indices(size)
    number = np.zeros((size, size), dtype=np.int64)
    number[row, column] = number[column, row] = np.arange(len(row))
    return Entries(size, row, column, np.diagonal(number).copy(), np.where(row == column, np.sqrt(0.5), 1.0), number)


class Coupling(NamedTuple):
    r"""The form :math:`X, X_s \mapsto E\,\mathrm{tr}(X J X_s J^\top)` of one space, in units of :math:`E \|J\|^2`.

    ``E[J_ba J_cd + J_bd J_ca] f`` for pairs ``(b, c)`` of outputs and ``(a, d)`` of directions; the factor ``f`` of
    directions is left out; and the diagonal of the energy ``E[J^T J]``.
    """

    pairs: Float[np.ndarray, "m p"]
    of_directions: Float64[np.ndarray, " r"]

    @classmethod
    def of(cls, gradients: Float[np.ndarray, "n q r"]) -> "Coupling":
        """Return the coupling of Jacobians.

        Parameters
        ----------
        gradients
            One Jacobian per row.

        Returns
        -------
        Coupling
            In their precision. Cost O(n q^2 r^2).
        """
        n, q, r = gradients.shape
        flat = gradients.reshape(n, q * r)
        products = flat.T @ flat
        inside, outputs = entries(r), entries(q)
        square = products.reshape(q, r, q, r).transpose(0, 2, 1, 3)[outputs.row, outputs.column].reshape(-1, r * r)
        pairs = square.take(inside.row * r + inside.column, axis=1)
        pairs += square.take(inside.column * r + inside.row, axis=1)
        pairs *= (outputs.factor / products.trace(dtype=np.float64)).astype(pairs.dtype)[:, None]
        own = pairs[outputs.diagonal][:, inside.diagonal].sum(axis=0, dtype=np.float64)
        return cls(pairs, own * np.sqrt(0.5))

    @property
    def outputs(self) -> Entries:
        """Pairs of outputs, the rows."""
        return entries((isqrt(8 * len(self.pairs) + 1) - 1) // 2)

    @property
    def directions(self) -> Entries:
        """Pairs of directions, the columns."""
        return entries(len(self.of_directions))

    @property
    def of_outputs(self) -> Float64[np.ndarray, " m"]:
        """Energy ``E[J J^T]``, in coordinates."""
        return np.asarray(self.pairs[:, self.directions.diagonal].sum(axis=1, dtype=np.float64) * np.sqrt(0.5))

    def scaled(self, scale: Float64[np.ndarray, " r"]) -> "Coupling":
        """Return the coupling of gradients that are divided, direction by direction.

        Parameters
        ----------
        scale
            By what.

        Returns
        -------
        Coupling
            In units of its own trace.
        """
        inside, reads = self.directions, self.of_directions / scale**2
        weight = 1 / (scale[inside.row] * scale[inside.column] * reads.sum())
        return Coupling(self.pairs * weight.astype(self.pairs.dtype), reads / reads.sum())
