"""Louvain's search on many graphs at once, with the results of networkx."""

from collections.abc import Iterable, Sequence
from functools import cache
from importlib import import_module
from typing import Any

import networkx as nx
import numpy as np
from jaxtyping import Float64, Int64
from networkx.utils import create_py_random_state

from compgraph.arguments import is_finite, shown, whole_number
from compgraph.errors import BadRequest
from compgraph.group.links import groups_of_labels
from compgraph.group.modularity.leiden import leiden_labels, pairs_of
from compgraph.group.modularity.levels import Level, merged, of_adjacency, of_pairs
from compgraph.group.modularity.moves import settled

THRESHOLD = 1e-7  # networkx's: smallest gain in modularity for which there is another level
LARGE = 2000  # nodes of a graph above which compiled code searches, where it is installed
CELLS = 2**22  # of so many pairs of nodes the weights are searched at once: some 100 MB where most are linked


def louvain_labels(
    adjacency: Float64[np.ndarray, "m n n"],
    seeds: Sequence[int],
    *,
    resolution: float | int = 1,
    threshold: float | int = THRESHOLD,
    max_level: int | None = None,
) -> Int64[np.ndarray, "m runs n"]:
    """Group the nodes of each of several graphs by modularity, from several seeds.

    Parameters
    ----------
    adjacency
        Weights between any two nodes: symmetric, finite, not negative, 0 where there is no link.
    seeds
        Of the runs on each graph.
    resolution
        Higher for more, smaller groups; 1 is ordinary modularity.
    threshold
        Groups are joined into larger ones while that gains more.
    max_level
        How often at most; None for no limit.

    Returns
    -------
    numpy.ndarray
        Group of each node, from 0. A node without links is a group of its own.

    Raises
    ------
    BadRequest
        When ``resolution`` is not above 0, ``threshold`` below 0 or ``max_level`` no whole number of at least 1.

    Notes
    -----
    The partitions are those of networkx's ``louvain_communities`` for the graph of nodes ``0..n-1`` whose edges were
    added in sorted order, and the same seed. All searches make their visits in lock step, so that NumPy's calls are
    shared: 198 searches on graphs of 90 nodes and 700 links take a fifteenth of networkx's time. Time O(links) a sweep
    over the nodes, of which there are mostly about five; memory O(nodes^2) a graph.

    References
    ----------
    Blondel, V. D. et al. (2008). Fast unfolding of communities in large networks.
    https://doi.org/10.1088/1742-5468/2008/10/P10008
    """
    _require(resolution, threshold, max_level)
    m, n = adjacency.shape[:2]
    labels = np.empty((m, len(seeds), n), dtype=np.int64)
    for part in np.array_split(np.arange(m), max(1, min(m, -(-m * n * n // CELLS)))):
        level = of_adjacency(adjacency[part], len(seeds))
        found = _searched(level, list(seeds) * len(part), resolution, threshold, max_level)
        labels[part] = found.reshape(len(part), len(seeds), n)
    return labels


def louvain_labels_of_pairs(
    lower: Int64[np.ndarray, " e"],
    higher: Int64[np.ndarray, " e"],
    weights: Float64[np.ndarray, " e"],
    n: int,
    seeds: Sequence[int | None],
    *,
    resolution: float | int = 1,
    threshold: float | int = THRESHOLD,
    max_level: int | None = None,
) -> Int64[np.ndarray, "runs n"]:
    """Group the nodes of one graph, which may be large, as `louvain_labels` or `leiden_labels` does.

    Parameters
    ----------
    lower, higher, weights
        Ends of every link, sorted, and its weight, above 0: as `Links.pairs` returns them.
    n
        Nodes.
    seeds, resolution, threshold, max_level
        As for `louvain_labels`.

    Returns
    -------
    numpy.ndarray
        Group of each node.

    Raises
    ------
    BadRequest
        As `louvain_labels`.

    Notes
    -----
    `back_end` says which of the two it is. Time and memory O(links).
    """
    _require(resolution, threshold, max_level)
    if back_end(n, threshold=threshold, max_level=max_level) == "graspologic-native":
        runs = [leiden_labels(lower, higher, weights, n, seed, resolution=resolution) for seed in seeds]
        return np.array(runs, dtype=np.int64).reshape(len(seeds), n)
    level = of_pairs(lower, higher, weights, n, len(seeds))
    return _searched(level, seeds, resolution, threshold, max_level)


def back_end(n: int, *, threshold: float | int = THRESHOLD, max_level: int | None = None) -> str:
    """Tell what searches a graph for communities by the name of Louvain.

    Parameters
    ----------
    n
        Nodes.
    threshold, max_level
        As for `louvain_labels`; compiled code has none.

    Returns
    -------
    str
        ``"graspologic-native"``, Leiden's search for the same modularity in compiled code, for more than 2,000 nodes
        where it is installed; else ``"numpy"``, which returns what networkx does.
    """
    if n <= LARGE or (threshold, max_level) != (THRESHOLD, None):
        return "numpy"
    try:
        import_module("graspologic_native")
    except ImportError:
        return "numpy"
    return "graspologic-native"


def louvain_communities(
    graph: nx.Graph,
    weight: str = "weight",
    seed: int | None = None,
    *,
    resolution: float | int = 1,
    threshold: float | int = THRESHOLD,
    max_level: int | None = None,
) -> Iterable[set[int]]:
    """Group the nodes of a graph by modularity.

    Parameters
    ----------
    graph
        Undirected, nodes ``0..n-1``, with non-negative weights.
    weight
        The edge attribute to read.
    seed
        Seed of the order in which nodes move.
    resolution, threshold, max_level
        As for `louvain_labels`.

    Returns
    -------
    iterable of set
        The groups. A node without links is a group of its own.

    Raises
    ------
    BadRequest
        As `louvain_labels`.

    Notes
    -----
    See `louvain_labels` and `back_end`. Where edges were added in another than sorted order, networkx may break ties
    otherwise.

    References
    ----------
    Blondel, V. D. et al. (2008). Fast unfolding of communities in large networks.
    https://doi.org/10.1088/1742-5468/2008/10/P10008
    """
    links, n = pairs_of(graph, weight), len(graph)
    (labels,) = louvain_labels_of_pairs(
        *links, n, [seed], resolution=resolution, threshold=threshold, max_level=max_level
    )
    return groups_of_labels(range(n), labels)


def _require(resolution: Any, threshold: Any, max_level: Any) -> None:
    if not is_finite(resolution) or resolution <= 0:
        raise BadRequest(f"resolution={shown(resolution)}: a finite number above 0 is needed.")
    if not is_finite(threshold) or threshold < 0:
        raise BadRequest(f"threshold={shown(threshold)}: a finite number of at least 0 is needed.")
    if max_level is not None:
        whole_number(max_level, "max_level", minimum=1)


def _searched(
    level: Level, seeds: Sequence[int | None], resolution: float | int, threshold: float | int, max_level: int | None
) -> Int64[np.ndarray, "searches n"]:
    """Return the group of each node in each search, whose seeds these are."""
    labels = np.tile(np.arange(level.n), (len(seeds), 1))
    going = np.flatnonzero(level.masses[level.graph] > 0)
    level = level.of_searches(going)
    quality, shuffles = level.quality(resolution), _Shuffles(seeds)
    while len(going) and max_level != 0:
        groups, moved = settled(level, shuffles.orders(going, level), resolution)
        labels[going] = np.take_along_axis(groups, labels[going], axis=1)
        level = merged(level, groups)
        better = level.quality(resolution)
        on = np.flatnonzero(moved & (better - quality > threshold))
        going, quality, level = going[on], better[on], level.of_searches(on)
        max_level = None if max_level is None else max_level - 1
    return labels


class _Shuffles:
    """The orders in which searches visit nodes: Python's shuffles, one for each level."""

    def __init__(self, seeds: Sequence[int | None]) -> None:
        self._seeds = seeds
        self._past: list[tuple[int, ...]] = [()] * len(seeds)
        # Searches that started alike on graphs of equal sizes are shuffled alike.
        self._shuffled = cache(_shuffled)

    def orders(self, searches: Int64[np.ndarray, " some"], level: Level) -> Int64[np.ndarray, "some n"]:
        """Return the next order of each of some searches."""
        found = np.zeros((len(searches), level.n), dtype=np.int64)
        sizes = level.sizes[level.graph].tolist()
        for row, search, size in zip(found, searches.tolist(), sizes, strict=True):
            self._past[search] += (size,)
            row[:size] = self._shuffled(self._seeds[search], self._past[search])
        return found


def _shuffled(seed: int | None, sizes: tuple[int, ...]) -> list[int]:
    """Return the last of several shuffles, one after the other."""
    stream, order = create_py_random_state(seed), []
    for size in sizes:
        order = list(range(size))
        stream.shuffle(order)
    return order
