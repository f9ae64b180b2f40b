"""Weights in which every component counts alike: the links between two spaces, scaled to even totals."""

from collections.abc import Hashable
from dataclasses import dataclass
from numbers import Real
from typing import Any

import networkx as nx
import numpy as np
from jaxtyping import Float64, Int

from compgraph.errors import GraphError

SWEEPS = 1000
TOLERANCE = 1e-6  # largest relative error of a row's total


@dataclass(frozen=True, slots=True)
class Links:
    """The links between two spaces, as a dense matrix.

    Parameters
    ----------
    source, target
        Layer, side and depth of the rows and of the columns.
    rows, columns
        Positions of their nodes in the order of the graph.
    weights
        One weight per pair; 0 where there is no link. Symmetric when an undirected graph links a space to itself.
    """

    source: tuple[object, ...]
    target: tuple[object, ...]
    rows: Int[np.ndarray, " k"]
    columns: Int[np.ndarray, " l"]
    weights: Float64[np.ndarray, "k l"]


def balanced(graph: nx.Graph, weight: str = "weight") -> nx.Graph:
    r"""Scale the weights between each two spaces so that every node has the same total there.

    .. math:: V_{ij} = u_i W_{ij} v_j, \qquad \sum_j V_{ij} = 1 / k, \quad \sum_i V_{ij} = 1 / l

    for the ``k`` sources and ``l`` targets that have links in the block ``W``.

    Parameters
    ----------
    graph
        Directed or undirected, with finite weights of at least 0. Nodes of one space share ``layer``, ``side`` and
        ``depth``; without these, all are in one space.
    weight
        The edge attribute to read and write.

    Returns
    -------
    networkx.Graph
        A copy, of the graph's own kind; other attributes as they were. Each block weighs 1. Nodes without links in a
        block stay without.

    Raises
    ------
    GraphError
        When a weight is missing, negative or not finite.

    Notes
    -----
    A node with much weight draws its neighbours into its group whatever they do; after balancing only the pattern of
    the links counts. The price: weak nodes, often noise, count as much as strong ones.

    Zeros can make even totals impossible (two sources whose only link is to the same one of two targets), and
    near-zeros can put them out of reach of 1,000 sweeps. Such a block becomes
    :math:`D_r^{-1/2} W D_c^{-1/2}`, with the totals of its rows and columns on the diagonals, divided by its sum:
    totals closer to even than they were, and defined for every pattern.

    Time O(k l) a block and sweep, mostly tens of sweeps; memory O(k l).

    References
    ----------
    Sinkhorn, R., Knopp, P. (1967). Concerning nonnegative matrices and doubly stochastic matrices.
    https://doi.org/10.2140/pjm.1967.21.343
    """
    names, result = list(graph), graph.copy()
    for block in links_of(graph, weight):
        even = balanced_block(block.weights)
        for i, j in np.argwhere(block.weights > 0).tolist():
            result.edges[names[block.rows[i]], names[block.columns[j]]][weight] = float(even[i, j])
    return result


def balanced_block(weights: Float64[np.ndarray, "k l"]) -> Float64[np.ndarray, "k l"]:
    """Return a block with even totals, as `balanced` describes.

    Parameters
    ----------
    weights
        Finite and not negative.

    Returns
    -------
    numpy.ndarray
        Sums to 1, or to 0 when there is no weight. Symmetric when ``weights`` is.
    """
    result = np.zeros_like(weights)
    if not weights.any():
        return result
    shares = weights / weights.max()
    linked = np.ix_(shares.sum(axis=1) > 0, shares.sum(axis=0) > 0)
    active = shares[linked]
    scales = _sinkhorn(active)
    if scales is None:
        scales = 1 / np.sqrt(active.sum(axis=1)), 1 / np.sqrt(active.sum(axis=0))
    even = scales[0][:, None] * active * scales[1]
    result[linked] = even / even.sum()
    return (result + result.T) / 2 if np.array_equal(weights, weights.T) else result


def links_of(graph: nx.Graph, weight: str) -> tuple[Links, ...]:
    """Return one matrix for each two spaces that are linked.

    Parameters
    ----------
    graph
        Directed or undirected.
    weight
        The edge attribute to read.

    Returns
    -------
    tuple of Links
        Spaces in the order of their first nodes. Links of weight 0 make no block.

    Raises
    ------
    GraphError
        When a weight is missing, negative or not finite.
    """
    spaces: dict[tuple[object, ...], list[int]] = {}
    place: dict[Hashable, tuple[int, int]] = {}
    number: dict[tuple[object, ...], int] = {}
    for position, (node, attributes) in enumerate(graph.nodes(data=True)):
        space = tuple(attributes.get(name) for name in ("layer", "side", "depth"))
        members = spaces.setdefault(space, [])
        place[node] = number.setdefault(space, len(number)), len(members)
        members.append(position)
    keys, sizes = list(spaces), [len(members) for members in spaces.values()]
    found: dict[tuple[int, int], np.ndarray] = {}
    for source, target, value in graph.edges(data=weight):
        if _checked(value, (source, target), weight) == 0:
            continue
        a, b = place[source], place[target]
        if not graph.is_directed():
            a, b = min(a, b), max(a, b)
        if (a[0], b[0]) not in found:
            found[a[0], b[0]] = np.zeros((sizes[a[0]], sizes[b[0]]))
        found[a[0], b[0]][a[1], b[1]] = value
        if a[0] == b[0] and not graph.is_directed():
            found[a[0], b[0]][b[1], a[1]] = value
    positions = [np.array(members) for members in spaces.values()]
    return tuple(Links(keys[a], keys[b], positions[a], positions[b], found[a, b]) for a, b in sorted(found))


def _sinkhorn(
    weights: Float64[np.ndarray, "k l"],
) -> tuple[Float64[np.ndarray, " k"], Float64[np.ndarray, " l"]] | None:
    """Return the scales of rows and columns that give even totals; None when they are not found."""
    n_rows, n_columns = weights.shape
    u, v = np.ones(n_rows), np.ones(n_columns)
    # Where the pattern cannot be balanced the scales run off to 0 and infinity.
    with np.errstate(all="ignore"):
        for _ in range(SWEEPS):
            sums = weights @ v
            if np.all(np.abs(n_rows * u * sums - 1) <= TOLERANCE):
                return u, v
            u = 1 / (n_rows * sums)
            v = 1 / (n_columns * (u @ weights))
    return None


def _checked(value: Any, link: tuple[Hashable, Hashable], weight: str) -> float:
    if isinstance(value, Real) and 0 <= float(value) < float("inf"):
        return float(value)
    raise GraphError(
        f"link {link} has {weight}={value!r}. Give every link a finite weight of at least 0, or remove it."
    )
