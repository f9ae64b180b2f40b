"""Graphs with the same node strengths and no group structure: what a quality has to beat.

Symbols, for the links from one space to another: ``W`` the weights, ``r`` and ``c`` their row and column sums,
``P = r c^T / sum(W)`` what the strengths alone predict, ``W / P`` the structure beyond the strengths.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import networkx as nx
import numpy as np
from jaxtyping import Bool, Float64
from scipy import sparse

from compgraph.arguments import checked, whole_number
from compgraph.connect.graph import ordered_nodes
from compgraph.group.links import Links, graph_of, links_of
from compgraph.group.many import DensePair, ManyLinks, Pair, SparsePair, fixed, is_sparse
from compgraph.group.sinkhorn import proportional_fit

TOLERANCE = 1e-8  # largest relative error of a refitted strength
SMALL = 2**10  # entries of a matrix that is fitted together with others
FLOOR = 0.01  # smallest W / P told apart from 0, so that every permutation can be refitted


@checked
def null_graphs(
    graph: nx.DiGraph, *, n: int | np.integer, seed: int | np.integer = 0, weight: str = "weight"
) -> Iterator[nx.DiGraph]:
    r"""Generate graphs with the strengths of ``graph`` and links that follow no groups.

    Between every two linked spaces of different layers the entries of :math:`(W / P)^a`, with
    :math:`a = \sqrt{k l / ((k - 1) (l - 1))}` for :math:`k` rows and :math:`l` columns, are permuted and multiplied by
    :math:`P`; then rows and columns are rescaled in turn (iterative proportional fitting) until :math:`r` and
    :math:`c` are back.

    Parameters
    ----------
    graph
        A component graph whose weights are finite and not negative.
    n
        How many graphs.
    seed
        Where the permutations start; the first graphs are the same for every ``n``.
    weight
        The edge attribute to read and write.

    Returns
    -------
    Iterator of networkx.DiGraph
        Same nodes and attributes; edges carry `weight` only.

    Raises
    ------
    BadRequest
        When ``n`` or ``seed`` is not a whole number of at least 0.

    Notes
    -----
    Permuting the weights themselves would be a wrong null: it evens out the strengths, and strengths alone raise or
    lower modularity. The power :math:`a` gives back the spread that fitting :math:`k + l - 1` strengths took from
    :math:`W / P`; without it the null graphs are too even and chance passes for structure.

    Zeros are permuted like any entry. Entries of :math:`W / P` below 0.01 count as 0.01, so that strengths can be
    refitted wherever the zeros land; they come back to 1e-8 or, where a few strengths outweigh all others so much
    that they force the weights, as near as 1,000 sweeps get.

    Where two spaces have more than 262,144 pairs of nodes and links between fewer than 1 in 16 of them, the entries
    above 0.01 are put in random places, instead of permuting all; the law is the same, the random numbers are others.

    What is within a layer (what it writes to what the next one reads: two descriptions of the same activations) is
    kept: it says how the two bases overlap, not how the network computes. It is often one-to-one, and no permuted
    entries are one-to-one, so that permuting it would make structure of what has none. The null is conditional on
    it, and a graph that has only such links is its own null.

    Caveat: where a few entries carry most of the weight between two spaces, they also make the strengths, and the null
    graphs are too even. The test is then too willing to find structure: for few links, and weights with heavier tails
    than squares of normal numbers.

    Time O(entries x sweeps) a graph, mostly tens of sweeps; memory O(entries).

    References
    ----------
    Deming, W. E., Stephan, F. F. (1940). On a least squares adjustment of a sampled frequency table when the expected
    marginal totals are known. https://doi.org/10.1214/aoms/1177731829

    Examples
    --------
    >>> graph = nx.DiGraph()
    >>> for layer, side, depth in (("x", "in", 0), ("y", "out", 1)):
    ...     for i in (0, 1):
    ...         graph.add_node(f"{layer}{i}", layer=layer, side=side, depth=depth, index=i)
    >>> graph.add_weighted_edges_from([("x0", "y0", 3.0), ("x0", "y1", 1.0), ("x1", "y1", 4.0)])
    >>> for null in null_graphs(graph, n=2):
    ...     print({node: round(total, 6) for node, total in null.out_degree(weight="weight") if total})
    {'x0': 4.0, 'x1': 4.0}
    {'x0': 4.0, 'x1': 4.0}
    """
    n, seed = whole_number(n, "n", minimum=0), whole_number(seed, "seed", minimum=0)
    links = links_of(graph, weight, ordered_nodes(graph))
    near = links.near_one()
    return (graph_of(null.times(links.unit / near.unit), graph, weight) for null in null_links(near, n=n, seed=seed))


def null_links(links: Links, *, n: int, seed: int) -> Iterator[Links]:
    """Generate what `null_graphs` does as matrices.

    Parameters
    ----------
    links
        Of a component graph, nodes in canonical order.
    n
        How many.
    seed
        Where the permutations start.

    Returns
    -------
    Iterator of Links
        With the strengths of ``links``.
    """
    nulls = Nulls(links)
    return (nulls.drawn([stream]).each(0) for stream in np.random.SeedSequence(seed).spawn(n))


class Nulls:
    """The null graphs of a graph, to be drawn many at once.

    Parameters
    ----------
    links
        Of a component graph, nodes in canonical order.
    """

    def __init__(self, links: Links) -> None:
        self.links = links
        self._plans = {
            ends: _Plan.of(weights)
            for ends, weights in links.matrices.items()
            if weights.any() and not links.in_one_layer(*ends)
        }
        # Small matrices of one shape are fitted together.
        self._alike: dict[object, list[tuple[int, int]]] = {}
        for ends, plan in self._plans.items():
            self._alike.setdefault(plan.shape if np.prod(plan.shape) <= SMALL else ends, []).append(ends)

    def drawn(self, streams: Sequence[np.random.SeedSequence]) -> ManyLinks:
        """Draw some.

        Parameters
        ----------
        streams
            Of each its own of ``numpy.random.SeedSequence(seed).spawn(n)``, so that it is the same whoever makes it,
            and beside whichever others.

        Returns
        -------
        ManyLinks
            With the strengths of the graph.
        """
        rngs, m = [np.random.default_rng(stream) for stream in streams], len(streams)
        starts = {ends: plan.start(rngs) for ends, plan in self._plans.items()}
        found: dict[tuple[int, int], Pair] = {}
        for alike in self._alike.values():
            plans = [self._plans[ends] for ends in alike]
            rows, columns = (
                np.repeat(np.stack(each), m, axis=0) for each in zip(*(p.totals for p in plans), strict=True)
            )
            u, v, _ = proportional_fit(
                _joined([starts[ends] for ends in alike]), rows=rows, columns=columns, tolerance=TOLERANCE
            )
            for i, (ends, plan) in enumerate(zip(alike, plans, strict=True)):
                own = slice(i * m, (i + 1) * m)
                found[ends] = plan.whole(starts[ends].scaled(plan.scale * u[own], v[own]))
        return ManyLinks(
            self.links, {each: found.get(each) or fixed(self.links, each, m) for each in self.links.matrices}
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Plan:
    """What the weights between two spaces hold, to be permuted; rows and columns without weight are left out.

    ``beyond`` is :math:`(W / P)^a` where it is above its floor, one after the other, and ``scale`` the largest weight.
    """

    rows: Bool[np.ndarray, " k"]
    columns: Bool[np.ndarray, " l"]
    beyond: Float64[np.ndarray, " entries"]
    left: Float64[np.ndarray, " _"]
    right: Float64[np.ndarray, " _"]
    scale: float
    sparse: bool

    @classmethod
    def of(cls, weights: Float64[np.ndarray, "k l"]) -> "_Plan":
        rows, columns = weights.sum(axis=1) > 0, weights.sum(axis=0) > 0
        scale = weights.max()
        active = weights[np.ix_(rows, columns)] / scale
        left, right = active.sum(axis=1), active.sum(axis=0) / active.sum()
        # Fitting the strengths takes k + l - 1 of the k l degrees of freedom, and the spread that goes with them.
        free = (active.shape[0] - 1) * (active.shape[1] - 1)
        beyond = (active / np.outer(left, right)) ** np.sqrt(active.size / max(free, 1))
        few = is_sparse(active)
        beyond = beyond[beyond > FLOOR] if few else np.maximum(beyond, FLOOR).ravel()
        return cls(rows, columns, beyond, left, right, float(scale), few)

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.left), len(self.right)

    @property
    def totals(self) -> tuple[Float64[np.ndarray, " _"], Float64[np.ndarray, " _"]]:
        return self.left * self.right.sum(), self.right * self.left.sum()

    def start(self, rngs: Sequence[np.random.Generator]) -> Pair:
        """Permute for each graph."""
        return self._sparse(rngs) if self.sparse else self._dense(rngs)

    def whole(self, found: Pair) -> Pair:
        """Put rows and columns without weight back."""
        return found if self.rows.all() and self.columns.all() else found.spread(self.rows, self.columns)

    def _dense(self, rngs: Sequence[np.random.Generator]) -> DensePair:
        start = np.stack([rng.permutation(self.beyond) for rng in rngs]).reshape(-1, *self.shape)
        start *= np.outer(self.left, self.right)
        return DensePair.of(start)

    def _sparse(self, rngs: Sequence[np.random.Generator]) -> SparsePair:
        shape, entries = self.shape, []
        for rng in rngs:
            i, j = np.divmod(rng.choice(shape[0] * shape[1], len(self.beyond), replace=False), shape[1])
            values = (self.beyond - FLOOR) * self.left[i] * self.right[j]
            entries.append(sparse.coo_array((values, (i, j)), shape=shape).tocsr())
        left, right = (np.tile(each, (len(rngs), 1)) for each in (FLOOR * self.left, self.right))
        return SparsePair.of(left, right, tuple(entries))


def _joined(pairs: Sequence[Pair]) -> Pair:
    """Return small matrices as if of so many more graphs."""
    if len(pairs) == 1:
        return pairs[0]
    return DensePair.of(np.concatenate([pair.whole() for pair in pairs]))
