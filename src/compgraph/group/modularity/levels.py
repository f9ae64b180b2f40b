"""Weighted graphs on which Louvain's searches move nodes, many at once, and the smaller graphs of their communities."""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float64, Int64

from compgraph.records import brief

AT_ONCE = 2**15  # links of so many searches are summed at once, which stays in the processor's cache


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Level:
    """Graphs of up to ``n`` nodes and the searches on them.

    Attributes
    ----------
    graph
        Number of the graph of each search.
    sizes
        Nodes of each graph.
    near, weights
        The other nodes that each node is linked to, graph by graph, in networkx's order, and with which weights.
        Shorter rows end with the node itself at weight 0.
    strengths
        Sum of the weights of each node, a link with itself counting twice.
    masses
        Half the sum of the strengths of each graph.
    loops
        Weight of each node's link with itself.
    links
        Row of ``near``, other node, and weight of every link once, in the order in which networkx reads them.
    starts
        Where the links of each graph start, and where the last ones end.
    """

    graph: Int64[np.ndarray, " searches"]
    sizes: Int64[np.ndarray, " graphs"]
    near: Int64[np.ndarray, "rows d"]
    weights: Float64[np.ndarray, "rows d"]
    strengths: Float64[np.ndarray, "graphs n"]
    masses: Float64[np.ndarray, " graphs"]
    loops: Float64[np.ndarray, "graphs n"]
    links: tuple[Int64[np.ndarray, " e"], Int64[np.ndarray, " e"], Float64[np.ndarray, " e"]]
    starts: Int64[np.ndarray, " _"]

    __repr__ = brief

    @classmethod
    def of(
        cls,
        graph: Int64[np.ndarray, " searches"],
        sizes: Int64[np.ndarray, " graphs"],
        n: int,
        rows: Int64[np.ndarray, " e"],
        others: Int64[np.ndarray, " e"],
        values: Float64[np.ndarray, " e"],
    ) -> "Level":
        """Read graphs from the neighbours of every node, row by row in networkx's order."""
        m, nodes = len(sizes), rows % max(n, 1)
        counts = np.bincount(rows, minlength=m * n)
        ends, flat = [0, *np.cumsum(counts).tolist()], values.tolist()
        # Python's own sum, which compensates for rounding since 3.12: networkx's, so that ties are the same.
        sums = np.array([sum(flat[i:j]) for i, j in pairwise(ends)], dtype=np.float64).reshape(m, n)
        loop, loops = others == nodes, np.zeros((m, n))
        loops.ravel()[rows[loop]] = values[loop]
        strengths = sums + loops
        masses = np.array([sum(each) / 2 for each in strengths.tolist()], dtype=np.float64)
        once = np.flatnonzero(others >= nodes)
        links = rows[once], others[once], values[once]
        starts = np.searchsorted(links[0], np.arange(m + 1) * n)
        near, weights = _table(counts, n, others, values, loop)
        return cls(graph, sizes, near, weights, strengths, masses, loops, links, starts)

    @property
    def n(self) -> int:
        """Nodes of the largest graph."""
        return int(self.strengths.shape[1])

    def of_searches(self, which: Int64[np.ndarray, " _"]) -> "Level":
        """Leave other searches out."""
        return replace(self, graph=self.graph[which])

    def quality(self, resolution: float | int) -> Float64[np.ndarray, " searches"]:
        """Return the modularity of every node by itself."""
        masses = self.masses[self.graph]
        expected = (self.strengths[self.graph] / (2 * masses[:, None])) ** 2
        return self.loops[self.graph].sum(axis=1) / masses - resolution * expected.sum(axis=1)


def of_adjacency(adjacency: Float64[np.ndarray, "m n n"], runs: int) -> Level:
    """Read graphs from their weights.

    Parameters
    ----------
    adjacency
        Symmetric; 0 where there is no link.
    runs
        Searches on each.

    Returns
    -------
    Level
        Those of one graph next to each other.
    """
    m, n = adjacency.shape[:2]
    flat = adjacency.reshape(m * n, n)
    rows, others = np.nonzero(flat)
    return Level.of(np.repeat(np.arange(m), runs), np.full(m, n), n, rows, others, flat[rows, others])


def of_pairs(
    lower: Int64[np.ndarray, " e"],
    higher: Int64[np.ndarray, " e"],
    weights: Float64[np.ndarray, " e"],
    n: int,
    runs: int,
) -> Level:
    """Read one graph from its links.

    Parameters
    ----------
    lower, higher, weights
        Ends of every link, sorted, and its weight, above 0.
    n
        Nodes.
    runs
        Searches on it.

    Returns
    -------
    Level
        Of one graph.
    """
    ends = _from_both_ends(lower, higher, weights)
    return Level.of(np.zeros(runs, dtype=np.int64), np.array([n]), n, *ends)


def merged(level: Level, groups: Int64[np.ndarray, "searches n"]) -> Level:
    """Make a node of each community, a link of the links between two, and one with itself of those inside.

    Parameters
    ----------
    level
        Graphs.
    groups
        Community of each node, numbered from 0 in every search.

    Returns
    -------
    Level
        A graph for every search.
    """
    inside = np.arange(level.n) < level.sizes[level.graph, None]
    sizes = np.where(inside, groups, -1).max(axis=1) + 1
    k = int(sizes.max())
    lengths = np.diff(level.starts)[level.graph]
    n_parts = min(len(groups), 1 + len(groups) * max(int(lengths.max()), k * k) // AT_ONCE)
    parts = [_summed(level, groups, k, which) for which in np.array_split(np.arange(len(groups)), n_parts)]
    pairs, weights = (np.concatenate(each) for each in zip(*parts, strict=True))
    search, pair = np.divmod(pairs, k * k)
    rows, ends, values = _from_both_ends(search * k + pair // k, search * k + pair % k, weights)
    return Level.of(np.arange(len(groups)), sizes, k, rows, ends % k, values)


def _summed(
    level: Level, groups: Int64[np.ndarray, "searches n"], k: int, which: Int64[np.ndarray, " some"]
) -> tuple[Int64[np.ndarray, " e"], Float64[np.ndarray, " e"]]:
    """Return every two linked communities of some searches, by the first link between them, and their weight."""
    rows, others, values = level.links
    graph, labels = level.graph[which], groups.ravel()
    lengths = np.diff(level.starts)[graph]
    link = np.arange(lengths.sum()) + np.repeat(level.starts[graph] - (np.cumsum(lengths) - lengths), lengths)
    one = labels[rows[link] + np.repeat((which - graph) * level.n, lengths)]
    other = labels[others[link] + np.repeat(which * level.n, lengths)]
    key = np.minimum(one, other) * k + np.maximum(one, other) + np.repeat(np.arange(len(which)) * k * k, lengths)
    first = np.full(len(which) * k * k, len(key))
    first[key[::-1]] = np.arange(len(key))[::-1]  # of links with one key the first is written last
    found = key[np.sort(first[first < len(key)])]
    return found + which[0] * k * k, np.bincount(key, values[link], len(first))[found]


def _from_both_ends(
    first: Int64[np.ndarray, " e"], second: Int64[np.ndarray, " e"], weights: Float64[np.ndarray, " e"]
) -> tuple[Int64[np.ndarray, " _"], Int64[np.ndarray, " _"], Float64[np.ndarray, " _"]]:
    """Return links as neighbours of each node, those of one node in the order of the links."""
    ends = np.stack([first, second], axis=1)
    kept = np.stack([np.ones(len(first), dtype=bool), first != second], axis=1)
    rows, others, values = ends[kept], ends[:, ::-1][kept], np.repeat(weights, kept.sum(axis=1))
    order = np.argsort(rows, kind="stable")
    return rows[order], others[order], values[order]


def _table(
    counts: Int64[np.ndarray, " rows"],
    n: int,
    others: Int64[np.ndarray, " e"],
    values: Float64[np.ndarray, " e"],
    loop: Bool[np.ndarray, " e"],
) -> tuple[Int64[np.ndarray, "rows d"], Float64[np.ndarray, "rows d"]]:
    """Return the neighbours of each node, and the weights, as rows of equal length without links with itself."""
    if loop.any():
        rows = np.repeat(np.arange(len(counts)), counts)[~loop]
        counts, others, values = np.bincount(rows, minlength=len(counts)), others[~loop], values[~loop]
    d = max(1, counts.max(initial=0))
    filled = np.arange(d) < counts[:, None]
    near = np.repeat((np.arange(len(counts)) % max(n, 1))[:, None], d, axis=1)
    weights = np.zeros(near.shape)
    near[filled], weights[filled] = others, values
    return near, weights
