"""A graph read once: one matrix of weights for each two spaces that are linked."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

import networkx as nx
import numpy as np
from jaxtyping import Float64, Int64

from compgraph.decompose.linear_algebra.factorisations import power_of_two
from compgraph.errors import GraphError
from compgraph.records import brief

ORDINARY = (2.0**-100, 2.0**100)  # sizes of weights that are left as they are
Place = tuple[object, ...]
"""Layer, side and depth of a space."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Links:
    """The links of a graph as dense matrices.

    Attributes
    ----------
    nodes
        Node ids; positions below are in this order.
    places
        Layer, side and depth of every space, in the order of their first nodes.
    members
        Positions of the nodes of every space.
    matrices
        Numbers of two spaces, sorted, to their weights; 0 where there is no link. Of an undirected graph a space comes
        before those of later first nodes, and its links with itself are symmetric.
    directed
        Whether the graph is.
    """

    nodes: tuple[Hashable, ...]
    places: tuple[Place, ...]
    members: tuple[Int64[np.ndarray, " _"], ...]
    matrices: Mapping[tuple[int, int], Float64[np.ndarray, "_ _"]]
    directed: bool

    __repr__ = brief

    def in_one_layer(self, source: int, target: int) -> bool:
        """Tell whether two spaces are sides of one layer.

        Parameters
        ----------
        source, target
            Numbers of spaces.

        Returns
        -------
        bool
            True for a space and itself.
        """
        (layer, _, depth), (other, _, other_depth) = self.places[source], self.places[target]
        return (layer, depth) == (other, other_depth)

    def with_matrices(self, matrices: Mapping[tuple[int, int], Float64[np.ndarray, "_ _"]]) -> "Links":
        """Return the same nodes with other links.

        Parameters
        ----------
        matrices
            In the shape of those there are.

        Returns
        -------
        Links
            Shares all else.
        """
        return replace(self, matrices=matrices)

    def near_one(self) -> "Links":
        """Return the same links in a unit in which sums of their squares are within double precision.

        Returns
        -------
        Links
            These, where the largest weight is between 1e-30 and 1e30; else divided by a power of two, which is exact.
            Groups, modularity and memberships are the same in every unit.
        """
        return self if ORDINARY[0] < self.unit < ORDINARY[1] else self.times(1 / self.unit)

    @property
    def unit(self) -> float:
        """The power of two at or below the largest weight; 1 without any."""
        return max(map(power_of_two, self.matrices.values()), default=1.0)

    def times(self, factor: float) -> "Links":
        """Return links that are so many times as heavy.

        Parameters
        ----------
        factor
            Above 0.

        Returns
        -------
        Links
            These, where it is 1.
        """
        if factor == 1:
            return self
        return self.with_matrices({key: weights * factor for key, weights in self.matrices.items()})

    def pairs(self) -> tuple[Int64[np.ndarray, " m"], Int64[np.ndarray, " m"], Float64[np.ndarray, " m"]]:
        """Return every two linked nodes once, whatever the direction: reciprocal links are summed.

        Returns
        -------
        tuple of numpy.ndarray
            Lower and higher position, sorted, and positive weights.
        """
        lower, higher, values = [], [], []
        for (a, b), weights in self.matrices.items():
            once = np.triu(weights) if a == b and not self.directed else weights
            i, j = np.nonzero(once > 0)
            ends = np.stack([self.members[a][i], self.members[b][j]])
            lower.append(ends.min(axis=0))
            higher.append(ends.max(axis=0))
            values.append(once[i, j])
        if not values:
            none = np.empty(0, dtype=np.int64)
            return none, none, np.empty(0)
        keys, which = np.unique(np.concatenate(lower) * len(self.nodes) + np.concatenate(higher), return_inverse=True)
        return *np.divmod(keys, len(self.nodes)), np.bincount(which, np.concatenate(values))


def links_of(graph: nx.Graph, weight: str, nodes: Sequence[Any] | None = None) -> Links:
    """Read the links of a graph.

    Parameters
    ----------
    graph
        Directed or undirected. Nodes of one space share ``layer``, ``side`` and ``depth``; without these, all are in
        one space.
    weight
        The edge attribute to read.
    nodes
        All nodes in the order that counts; by default the graph's own.

    Returns
    -------
    Links
        Links of weight 0 make no matrix.

    Raises
    ------
    GraphError
        When a weight is missing, negative or not finite.
    """
    names = tuple(graph if nodes is None else nodes)
    number: dict[Place, int] = {}
    where = (tuple(map(graph.nodes[node].get, ("layer", "side", "depth"))) for node in names)
    home = np.fromiter((number.setdefault(place, len(number)) for place in where), np.int64, len(names))
    members = tuple(np.flatnonzero(home == space) for space in range(len(number)))
    local = np.empty_like(home)
    for each in members:
        local[each] = np.arange(len(each))
    ends, values = _read(graph, weight, {node: position for position, node in enumerate(names)})
    if not graph.is_directed():
        # Space by space, so that all links between two spaces lie in one matrix.
        ends = np.take_along_axis(ends, np.lexsort((local[ends], home[ends]), axis=0), axis=0)
    key = home[ends[0]] * len(members) + home[ends[1]]
    matrices: dict[tuple[int, int], np.ndarray] = {}
    for pair in np.unique(key).tolist():
        a, b = divmod(pair, len(members))
        rows, columns = local[ends[:, key == pair]]
        matrix = matrices[a, b] = np.zeros((len(members[a]), len(members[b])))
        matrix[rows, columns] = values[key == pair]
        if a == b and not graph.is_directed():
            matrix[columns, rows] = values[key == pair]
    return Links(names, tuple(number), members, matrices, graph.is_directed())


def _read(
    graph: nx.Graph, weight: str, position: Mapping[Hashable, int]
) -> tuple[Int64[np.ndarray, "2 m"], Float64[np.ndarray, " m"]]:
    """Return the ends and weights of all links of positive weight."""
    edges = list(graph.edges(data=weight))
    if not are_weights([value for *_, value in edges]):
        for source, target, value in edges:
            _require_weight(value, (source, target), weight)
    values = np.fromiter((value for *_, value in edges), np.float64, len(edges))
    ends = [np.fromiter((position[edge[i]] for edge in edges), np.int64, len(edges)) for i in (0, 1)]
    return np.stack(ends)[:, values > 0], values[values > 0]


def are_weights(values: Sequence[Any]) -> bool:
    """Tell whether values are plain numbers that a link can weigh; the rest needs a closer look.

    Parameters
    ----------
    values
        Anything.

    Returns
    -------
    bool
        Whether all are of type float, finite and at least 0.
    """
    if not {*map(type, values)} <= {float}:
        return False
    numbers = np.array(values, dtype=np.float64)
    return bool(((numbers >= 0) & (numbers < np.inf)).all())


def graph_of(links: Links, graph: nx.DiGraph, weight: str) -> nx.DiGraph:
    """Return links as a graph, for algorithms that know no matrices.

    Parameters
    ----------
    links
        Of a directed graph.
    graph
        Gives the nodes, in its own order, and their attributes.
    weight
        The only attribute of the edges.

    Returns
    -------
    networkx.DiGraph
        With the positive links alone.
    """
    made = nx.DiGraph(**graph.graph)
    made.add_nodes_from(graph.nodes(data=True))
    for (a, b), weights in links.matrices.items():
        sources, targets = ([links.nodes[i] for i in links.members[space]] for space in (a, b))
        for i, j in np.argwhere(weights > 0).tolist():
            made.add_edge(sources[i], targets[j], **{weight: float(weights[i, j])})
    return made


def groups_of_labels(nodes: Sequence[Any], labels: Int64[np.ndarray, " n"]) -> list[set[Any]]:
    """Return the nodes of each group.

    Parameters
    ----------
    nodes
        Node ids.
    labels
        Group of each.

    Returns
    -------
    list of set
        In the order of their first nodes.
    """
    groups: dict[int, set[Any]] = {}
    for node, label in zip(nodes, labels.tolist(), strict=True):
        groups.setdefault(label, set()).add(node)
    return list(groups.values())


def _require_weight(value: Any, link: tuple[Hashable, Hashable], weight: str) -> None:
    if not isinstance(value, Real) or not 0 <= float(value) < float("inf"):
        raise GraphError(
            f"link {link} has {weight}={value!r}. Give every link a finite weight of at least 0, or remove it."
        )
