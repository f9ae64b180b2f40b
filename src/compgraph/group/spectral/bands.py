"""The modes of a long chain of spaces: with nodes level by level its matrix is a narrow band, whose factors are cheap.

Modes of a long chain lie close, the same one at many wavelengths along depth, and a search that only multiplies needs
the more products the closer they lie. The inverse of the matrix next to its largest eigenvalue spreads them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from jaxtyping import Bool, Float64, Int64
from numpy.lib.stride_tricks import as_strided
from scipy import sparse
from scipy.sparse.csgraph import reverse_cuthill_mckee

from compgraph.decompose.linear_algebra.triangular import band_cholesky, band_solve
from compgraph.group.links import Links
from compgraph.group.many import ManyLinks
from compgraph.group.spectral.krylov import LARGEST, Modes, leading_modes
from compgraph.group.spectral.parts import Part, roots

MULTIPLIED = 250  # columns that a search multiplies until it knows that there is no slow mode: 50 products with 5
NEAR = 1e-6, 1e-3  # distances from the largest eigenvalue at which the inverse is taken: it must exist, and spread some

Maybe = Callable[[int, float], Modes | None]
"""Gives so many of the slowest modes of one graph, or none where no mode is above a limit; None where it cannot."""


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Where nodes stand in a band.

    Attributes
    ----------
    nodes
        Positions of the nodes of a part, level by level.
    level
        Of each of them.
    starts
        Row of the first node of each level, by the number of the level; those of a level follow each other.
    sizes
        Nodes of each level.
    width
        How many rows below the diagonal are not 0.
    """

    nodes: Int64[np.ndarray, " n"]
    level: Int64[np.ndarray, " n"]
    starts: Int64[np.ndarray, " levels"]
    sizes: Int64[np.ndarray, " levels"]
    width: int

    def rows(self, level: int) -> slice:
        """Return those of the nodes of a level."""
        return slice(int(self.starts[level]), int(self.starts[level] + self.sizes[level]))

    def is_narrow(self, graph: ManyLinks) -> bool:
        """Tell whether a factor of the band costs less than a search that only multiplies.

        Parameters
        ----------
        graph
            With this layout.

        Returns
        -------
        bool
            By the products of numbers that each takes; those of a search are with the weights, and with the columns
            that new ones are made orthogonal to.
        """
        n, entries = len(self.nodes), sum(pair.n_entries for pair in graph.pairs.values())
        return self.width**2 * n < MULTIPLIED * (2 * entries + 2 * LARGEST * n)


def laid_out(links: Links, part: Part) -> Layout:
    """Put the levels of a part in the order in which linked ones are nearest to each other.

    Parameters
    ----------
    links
        The graph, or that of which it is a null graph.
    part
        One of `parts_of`.

    Returns
    -------
    Layout
        That of canonical order, or of reverse Cuthill and McKee where it is narrower.

    References
    ----------
    Cuthill, E., McKee, J. (1969). Reducing the bandwidth of sparse symmetric matrices.
    https://doi.org/10.1145/800195.805928
    """
    sizes, linked = np.bincount(part.level), _linked(links, part)
    other = reverse_cuthill_mckee(sparse.csr_array(linked), symmetric_mode=True).astype(np.int64)
    orders = np.arange(len(sizes)), other
    width, order = min(((_width(linked, sizes, order), order) for order in orders), key=lambda each: each[0])
    starts = np.empty_like(sizes)
    starts[order] = np.cumsum(sizes[order]) - sizes[order]
    after = np.argsort(starts[part.level], kind="stable")
    return Layout(part.nodes[after], part.level[after], starts, sizes, width)


def _linked(links: Links, part: Part) -> Bool[np.ndarray, "s s"]:
    """Tell which levels links join; each is with itself."""
    level = np.full(len(links.nodes), -1)
    level[part.nodes] = part.level
    # Nodes without links are in no part, all others of a space in one.
    of_space = [int(level[members].max()) for members in links.members]
    linked = np.eye(int(part.level.max()) + 1, dtype=bool)
    for ends in links.matrices:
        i, j = (of_space[space] for space in ends)
        if min(i, j) >= 0:
            linked[i, j] = linked[j, i] = True
    return linked


def _width(linked: Bool[np.ndarray, "s s"], sizes: Int64[np.ndarray, " s"], order: Int64[np.ndarray, " s"]) -> int:
    """Return how far a link between levels in some order leads at most."""
    ends = np.cumsum(sizes[order])
    i, j = np.nonzero(np.tril(linked[np.ix_(order, order)]))
    return int((ends[i] - 1 - (ends - sizes[order])[j]).max())


def of_band(graph: ManyLinks, part: Part, layout: Layout) -> Maybe:
    r"""Find the modes of one graph by factors of its band.

    Parameters
    ----------
    graph
        A single one.
    part
        One of `parts_of`.
    layout
        Of this part.

    Returns
    -------
    Maybe
        Modes, rows in the order of ``part.nodes``; None of more than an eighth of all.

    Notes
    -----
    With :math:`M = P N P - D D^T`, :math:`x I - M` has a Cholesky factor where ``x`` is above all eigenvalues:
    one factor says that none is above a limit, and halving an interval finds the largest. A little above, at
    :math:`\sigma`, the largest eigenvalues of :math:`(\sigma I - M)^{-1}` lie far apart. Time O(n width^2) a factor
    and O(n width) a product, memory O(n width): no less than half of a dense matrix's where few large spaces are
    linked, or heads to spaces all along the chain.
    """
    rows = np.argsort(layout.nodes)
    near = float(np.clip(part.slowest / 2, *NEAR))

    @cache
    def band() -> Float64[np.ndarray, "b n"]:
        return _band(graph, layout)

    def factor(limit: float) -> Float64[np.ndarray, "b n"] | None:
        shifted = -band()
        shifted[0] += limit
        return band_cholesky(shifted)

    @cache
    def beyond(low: float) -> tuple[float, Float64[np.ndarray, "b n"] | None]:
        """Return a number just above the largest eigenvalue, which is above a lower one, and the factor there."""
        high = 1.0
        while high - low > near:
            middle = (low + high) / 2
            low, high = (middle, high) if factor(middle) is None else (low, middle)
        return high + near, factor(high + near)

    def few(n: int, above: float) -> Modes | None:
        if above > -1 and factor(above) is not None:
            return np.empty(0), np.empty((len(rows), 0))
        shift, lower = beyond(above)
        if lower is None:
            return None
        found = leading_modes(lambda columns: near * band_solve(lower, columns), len(rows), n)
        return found and (1 - shift + near / found[0], found[1][rows])

    return few


def _band(graph: ManyLinks, layout: Layout) -> Float64[np.ndarray, "b n"]:
    """Return ``P N P - D D^T`` as a band, its diagonal in the first row and those below it in the next ones."""
    size, width = len(layout.nodes), layout.width
    store = np.zeros(size * (width + 1))
    # Entry (i, j) of the matrix is at i + j * width, where it is in the band.
    matrix = as_strided(store, (size, size), (store.itemsize, store.itemsize * width))
    (root,), (unit,) = roots(graph.degrees()[:, layout.nodes], layout.level)
    inverse = np.divide(1.0, root, out=np.zeros_like(root), where=root > 0)
    for (i, j), weights in _blocks(graph, layout).items():
        rows, columns = layout.rows(i), layout.rows(j)
        block = inverse[rows, None] * weights * inverse[columns]
        left, right = unit[rows, None], unit[columns]
        block -= left * (left.T @ block)
        block -= (block @ right)[:, None] * right
        if i != j:
            matrix[rows, columns] = block
        else:
            below = np.tri(len(block), dtype=bool)  # what is above the diagonal lies elsewhere
            matrix[rows, columns][below] = (block - left * right)[below]
    return store.reshape(width + 1, size, order="F")


def _blocks(graph: ManyLinks, layout: Layout) -> dict[tuple[int, int], Float64[np.ndarray, "_ _"]]:
    """Return the weights within each level, and between two where any are linked, the one of later rows first."""
    row = np.full(len(graph.links.nodes), -1)
    row[layout.nodes] = np.arange(len(layout.nodes))
    found = {(i, i): np.zeros((size, size)) for i, size in enumerate(layout.sizes.tolist())}
    for ends, pair in graph.pairs.items():
        weights, here, there = _of_linked(pair.whole()[0], *(row[graph.links.members[space]] for space in ends))
        if weights.size == 0:
            continue
        if here[0] < there[0]:
            weights, here, there = weights.T, there, here
        i, j = int(layout.level[here[0]]), int(layout.level[there[0]])
        here, there = here - layout.starts[i], there - layout.starts[j]
        if (i, j) not in found and weights.shape == (layout.sizes[i], layout.sizes[j]):
            found[i, j] = weights  # of a chain these are all
            continue
        block = found[i, j] = found.get((i, j), np.zeros((layout.sizes[i], layout.sizes[j]))) + 0.0
        block[here[:, None], there] += weights
        if i == j and ends[0] != ends[1]:
            block[there[:, None], here] += weights.T
    return found


def _of_linked(
    weights: Float64[np.ndarray, "k l"], here: Int64[np.ndarray, " k"], there: Int64[np.ndarray, " l"]
) -> tuple[Float64[np.ndarray, "_ _"], Int64[np.ndarray, " _"], Int64[np.ndarray, " _"]]:
    """Leave out rows and columns of nodes that are in no band."""
    if here.min() >= 0 and there.min() >= 0:
        return weights, here, there
    return weights[np.ix_(here >= 0, there >= 0)], here[here >= 0], there[there >= 0]
