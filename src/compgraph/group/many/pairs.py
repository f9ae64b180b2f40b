"""The weights between two spaces in many graphs at once: dense matrices, or few entries over a floor."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64
from scipy import sparse

from compgraph.records import brief

DENSE_ENTRIES = 2**18  # up to so many, the weights between two spaces are a dense matrix whatever it holds
DENSE_SHARE = 1 / 16  # and above, where at least this share of them is not 0


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class DensePair:
    """Weights as dense matrices.

    Attributes
    ----------
    weights
        One matrix for each graph.
    rows, columns
        Their totals.
    """

    weights: Float64[np.ndarray, "m k l"]
    rows: Float64[np.ndarray, "m k"]
    columns: Float64[np.ndarray, "m l"]

    __repr__ = brief

    @classmethod
    def of(cls, weights: Float64[np.ndarray, "m k l"]) -> "DensePair":
        """Add up rows and columns."""
        return cls(weights, weights.sum(axis=2), weights.sum(axis=1))

    def inside(self, left: Int64[np.ndarray, "m k"], right: Int64[np.ndarray, "m l"]) -> Float64[np.ndarray, " m"]:
        """Return the weight between nodes of equal labels."""
        return np.where(left[:, :, None] == right[:, None, :], self.weights, 0.0).sum(axis=(1, 2))

    def times(self, right: Float64[np.ndarray, "m l b"]) -> Float64[np.ndarray, "m k b"]:
        """Return the product of each graph with columns of its own."""
        return np.matmul(self.weights, right)

    def timed(self, left: Float64[np.ndarray, "m k b"]) -> Float64[np.ndarray, "m l b"]:
        """Return the product of the transpose of each graph with columns of its own."""
        return np.matmul(self.weights.transpose(0, 2, 1), left)

    def scaled(self, left: Float64[np.ndarray, "m k"], right: Float64[np.ndarray, "m l"]) -> "DensePair":
        """Multiply the rows and columns of each graph."""
        weights = left[:, :, None] * self.weights
        weights *= right[:, None, :]
        return DensePair.of(weights)

    @property
    def n_entries(self) -> int:
        """How many weights are kept of each graph."""
        return int(np.prod(self.weights.shape[1:]))

    def kept(self, which: Bool[np.ndarray, " m"] | slice) -> "DensePair":
        """Return some of the graphs."""
        return DensePair(self.weights[which], self.rows[which], self.columns[which])

    def spread(self, rows: Bool[np.ndarray, " K"], columns: Bool[np.ndarray, " L"]) -> "DensePair":
        """Put in rows and columns without weight where these are not marked."""
        weights = np.zeros((len(self.weights), len(rows), len(columns)))
        weights[:, np.flatnonzero(rows)[:, None], np.flatnonzero(columns)] = self.weights
        return DensePair.of(weights)

    def whole(self) -> Float64[np.ndarray, "m k l"]:
        """Return the weights as dense matrices."""
        return self.weights


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SparsePair:
    r"""Weights :math:`x y^T + E` of few entries over a floor that is a product.

    Attributes
    ----------
    left, right
        ``x`` and ``y`` of each graph.
    entries
        ``E`` of each graph.
    rows, columns
        Totals of all.
    """

    left: Float64[np.ndarray, "m k"]
    right: Float64[np.ndarray, "m l"]
    entries: tuple[sparse.csr_array, ...]
    rows: Float64[np.ndarray, "m k"]
    columns: Float64[np.ndarray, "m l"]

    __repr__ = brief

    @classmethod
    def of(
        cls,
        left: Float64[np.ndarray, "m k"],
        right: Float64[np.ndarray, "m l"],
        entries: tuple[sparse.csr_array, ...],
    ) -> "SparsePair":
        """Add up rows and columns."""
        rows = np.stack([each.sum(axis=1) for each in entries]) + left * right.sum(axis=1, keepdims=True)
        columns = np.stack([each.sum(axis=0) for each in entries]) + right * left.sum(axis=1, keepdims=True)
        return cls(left, right, entries, rows, columns)

    def inside(self, left: Int64[np.ndarray, "m k"], right: Int64[np.ndarray, "m l"]) -> Float64[np.ndarray, " m"]:
        """Return the weight between nodes of equal labels."""
        size = 1 + int(max(left.max(initial=0), right.max(initial=0)))
        found = (by_label(self.left, left, size) * by_label(self.right, right, size)).sum(axis=1)
        for i, each in enumerate(self.entries):
            entries = each.tocoo()
            same = left[i][entries.coords[0]] == right[i][entries.coords[1]]
            found[i] += entries.data[same].sum()
        return found

    def times(self, right: Float64[np.ndarray, "m l b"]) -> Float64[np.ndarray, "m k b"]:
        """Return the product of each graph with columns of its own."""
        floor = self.left[:, :, None] * np.matmul(self.right[:, None, :], right)
        return floor + np.stack([each @ own for each, own in zip(self.entries, right, strict=True)])

    def timed(self, left: Float64[np.ndarray, "m k b"]) -> Float64[np.ndarray, "m l b"]:
        """Return the product of the transpose of each graph with columns of its own."""
        floor = self.right[:, :, None] * np.matmul(self.left[:, None, :], left)
        return floor + np.stack([each.T @ own for each, own in zip(self.entries, left, strict=True)])

    def scaled(self, left: Float64[np.ndarray, "m k"], right: Float64[np.ndarray, "m l"]) -> "SparsePair":
        """Multiply the rows and columns of each graph."""
        ends = zip(left, self.entries, right, strict=True)
        entries = (sparse.diags_array(a) @ each @ sparse.diags_array(b) for a, each, b in ends)
        return SparsePair.of(left * self.left, right * self.right, tuple(map(sparse.csr_array, entries)))

    @property
    def n_entries(self) -> int:
        """How many weights are kept of each graph, the floor not counted."""
        return int(self.entries[0].nnz)

    def kept(self, which: Bool[np.ndarray, " m"] | slice) -> "SparsePair":
        """Return some of the graphs."""
        entries = tuple(self.entries[i] for i in np.arange(len(self.entries))[which])
        return SparsePair(self.left[which], self.right[which], entries, self.rows[which], self.columns[which])

    def spread(self, rows: Bool[np.ndarray, " K"], columns: Bool[np.ndarray, " L"]) -> "SparsePair":
        """Put in rows and columns without weight where these are not marked."""
        left, right = np.zeros((len(self.left), len(rows))), np.zeros((len(self.right), len(columns)))
        left[:, rows], right[:, columns] = self.left, self.right
        parts = [each.tocoo() for each in self.entries]
        i, j = np.flatnonzero(rows), np.flatnonzero(columns)
        ends = ((each.data, (i[each.coords[0]], j[each.coords[1]])) for each in parts)
        return SparsePair.of(
            left, right, tuple(sparse.csr_array(each, shape=(len(rows), len(columns))) for each in ends)
        )

    def whole(self) -> Float64[np.ndarray, "m k l"]:
        """Return the weights as dense matrices."""
        floor = self.left[:, :, None] * self.right[:, None, :]
        return floor + np.stack([each.toarray() for each in self.entries])


Pair = DensePair | SparsePair
"""The weights between two spaces in each of ``m`` graphs."""


def is_sparse(weights: Float64[np.ndarray, "k l"]) -> bool:
    """Tell whether a matrix is so large and empty that it is not kept dense.

    Parameters
    ----------
    weights
        Between two spaces.

    Returns
    -------
    bool
        The same for every graph with as many links there.
    """
    return weights.size > DENSE_ENTRIES and bool(np.count_nonzero(weights) < DENSE_SHARE * weights.size)


def by_label(
    values: Float64[np.ndarray, "m k"], labels: Int64[np.ndarray, "m k"], size: int
) -> Float64[np.ndarray, "m c"]:
    """Add up values of equal labels, each row by itself.

    Parameters
    ----------
    values
        Numbers.
    labels
        From 0, below ``size``.
    size
        Columns of the result.

    Returns
    -------
    numpy.ndarray
        One total for each label.
    """
    shifted = labels + size * np.arange(len(labels))[:, None]
    flat = np.bincount(shifted.ravel(), values.ravel(), size * len(labels))
    return flat.astype(np.float64, copy=False).reshape(len(labels), size)  # of nothing it counts
