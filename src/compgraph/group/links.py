"""A graph read once: one matrix of weights for each two spaces that are linked."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

import networkx as nx
import numpy as np
from jaxtyping import Float64, Int64

from compgraph.decompose.factorisations import power_of_two
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

    def adjacency(self) -> Float64[np.ndarray, "n n"]:
        """Return the weights between any two nodes, whatever the direction.

        Returns
        -------
        numpy.ndarray
            Symmetric, rows in the order of the nodes.
        """
        lower, higher, weights = self.pairs()
        total = np.zeros((len(self.nodes), len(self.nodes)))
        total[lower, higher] = weights
        total[higher, lower] = weights
        return total


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
    spaces: dict[Place, list[int]] = {}
    number: dict[Place, int] = {}
    home: dict[Hashable, tuple[int, int]] = {}
    for position, node in enumerate(names):
        place = tuple(graph.nodes[node].get(name) for name in ("layer", "side", "depth"))
        members = spaces.setdefault(place, [])
        home[node] = number.setdefault(place, len(number)), len(members)
        members.append(position)
    sizes = [len(members) for members in spaces.values()]
    found: dict[tuple[int, int], np.ndarray] = {}
    for source, target, value in graph.edges(data=weight):
        if _checked(value, (source, target), weight) == 0:
            continue
        a, b = home[source], home[target]
        if not graph.is_directed():
            a, b = min(a, b), max(a, b)
        matrix = found.setdefault((a[0], b[0]), np.zeros((sizes[a[0]], sizes[b[0]])))
        matrix[a[1], b[1]] = value
        if a[0] == b[0] and not graph.is_directed():
            matrix[b[1], a[1]] = value
    positions = tuple(np.array(each, dtype=np.int64) for each in spaces.values())
    return Links(names, tuple(spaces), positions, {key: found[key] for key in sorted(found)}, graph.is_directed())


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


def _checked(value: Any, link: tuple[Hashable, Hashable], weight: str) -> float:
    if isinstance(value, Real) and 0 <= float(value) < float("inf"):
        return float(value)
    raise GraphError(
        f"link {link} has {weight}={value!r}. Give every link a finite weight of at least 0, or remove it."
    )
