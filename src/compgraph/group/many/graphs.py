"""Links of many graphs with the same nodes at once: an array for each two spaces that are linked."""

from collections.abc import Container, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from scipy import sparse

from compgraph.group.links import Links
from compgraph.group.many.pairs import DensePair, Pair, SparsePair, is_sparse
from compgraph.records import brief


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ManyLinks:
    """Graphs on the nodes of one, with links between the same spaces.

    Attributes
    ----------
    links
        The one whose nodes they are: it may be the only one, or that of which they are null graphs.
    pairs
        Numbers of two spaces, as in ``links``, to the weights between them. Those of a space with itself are symmetric,
        whatever the direction.
    """

    links: Links
    pairs: Mapping[tuple[int, int], Pair]

    __repr__ = brief

    @classmethod
    def of(cls, links: Links) -> "ManyLinks":
        """Return one graph."""
        return cls(links, {ends: fixed(links, ends, 1) for ends in links.matrices})

    def __len__(self) -> int:
        return len(next(iter(self.pairs.values())).rows) if self.pairs else 1

    def each(self, i: int) -> Links:
        """Return one of them by itself, as dense matrices."""
        kept = self.links.matrices
        single = {ends: pair.whole()[i] for ends, pair in self.pairs.items() if ends[0] != ends[1]}
        return self.links.with_matrices({ends: single.get(ends, kept[ends]) for ends in kept})

    def adjacency(self) -> Float64[np.ndarray, "m n n"]:
        """Return the weights between any two nodes, whatever the direction: symmetric, in the order of the nodes."""
        n = len(self.links.nodes)
        total = np.zeros((len(self), n, n))
        for (a, b), pair in self.pairs.items():
            here, there, weights = self.links.members[a], self.links.members[b], pair.whole()
            total[:, here[:, None], there] += weights
            if a != b:
                total[:, there[:, None], here] += weights.transpose(0, 2, 1)
        return total

    def degrees(self) -> Float64[np.ndarray, "m n"]:
        """Return the row sums of `adjacency`."""
        total = np.zeros((len(self), len(self.links.nodes)))
        for (a, b), pair in self.pairs.items():
            total[:, self.links.members[a]] += pair.rows
            if a != b:
                total[:, self.links.members[b]] += pair.columns
        return total

    def only(self, i: int) -> "ManyLinks":
        """Return one of them."""
        return ManyLinks(self.links, {ends: pair.kept(slice(i, i + 1)) for ends, pair in self.pairs.items()})

    def times(
        self, values: Float64[np.ndarray, "m n b"], spaces: Container[int] | None = None
    ) -> Float64[np.ndarray, "m n b"]:
        """Return the product of each adjacency with columns of its own, without forming it.

        Parameters
        ----------
        values
            The columns.
        spaces
            Those outside of which the columns are 0; by default there are none.

        Returns
        -------
        numpy.ndarray
            As many columns.
        """
        total = np.zeros_like(values)
        for (a, b), pair in self.pairs.items():
            here, there = self.links.members[a], self.links.members[b]
            if spaces is None or b in spaces:
                total[:, here] += pair.times(values[:, there])
            if a != b and (spaces is None or a in spaces):
                total[:, there] += pair.timed(values[:, here])
        return total


def fixed(links: Links, ends: tuple[int, int], m: int) -> Pair:
    """Return the weights between two spaces that ``m`` graphs share.

    Parameters
    ----------
    links
        Of one graph.
    ends
        Numbers of the spaces.
    m
        How many graphs.

    Returns
    -------
    Pair
        Those weights, without copies; symmetric for a space and itself.
    """
    weights = links.matrices[ends]
    if ends[0] == ends[1] and links.directed:
        weights = weights + weights.T - np.diag(np.diag(weights))
    if is_sparse(weights):
        left, right = (np.zeros((m, size)) for size in weights.shape)
        return SparsePair.of(left, right, (sparse.csr_array(weights),) * m)
    rows, columns = weights.sum(axis=1), weights.sum(axis=0)
    return DensePair(*(np.broadcast_to(each, (m, *each.shape)) for each in (weights, rows, columns)))
