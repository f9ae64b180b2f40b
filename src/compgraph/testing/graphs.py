"""Small component graphs with groups that are known, and with names that try to break out of every format."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import networkx as nx
import numpy as np

from compgraph.connect import SCHEMA
from compgraph.group import Partition

HOSTILE = (
    "</script><script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)> ' quote",
    "back\\slash \\N \\",
    "a:b->c{d}[e];",
    "two\nlines\ttab",
    "emoji \U0001f600 and \u202eoverride",
    "x" * 2000,
    "<b>html</b> &lt; &amp;",
    "$\\frac{1}{",
    "&",
)
UNWRITABLE = ("NUL\0 bell\a", "half of a pair \ud83d")
"""Names that some formats cannot hold, which may then refuse them in words."""


def layered(layers: Sequence[str] = ("input", "fc1", "head"), *, width: int = 3, noise: float = 0.3) -> nx.DiGraph:
    """Link the spaces of a chain of layers; component ``i`` of each is in group ``i % 2``.

    Parameters
    ----------
    layers
        Their names. All have an ``"in"`` space but the last of several, all but the first an ``"out"`` space.
    width
        Components of each space.
    noise
        Weight of a link between groups, beside that of one within.

    Returns
    -------
    networkx.DiGraph
        A component graph of seed 0.
    """
    rng, last = np.random.default_rng(0), len(layers) - 1
    spaces = [(depth, side) for depth in range(len(layers)) for side in ("out", "in")]
    spaces = [
        (depth, side)
        for depth, side in spaces
        if (depth or side == "in") and (depth < last or side == "out" or not last)
    ]
    graph = nx.DiGraph(schema=SCHEMA)
    for depth, side in spaces:
        for index in range(width):
            place = {"layer": layers[depth], "side": side, "depth": depth, "index": index, "method": "pca"}
            label = f"{layers[depth]} {side} {index}"
            graph.add_node(f"{depth}/{side}/{index}", **place, strength=1.0, share=1.0 / width, label=label)
    task = np.arange(width) % 2
    for (a, left), (b, right) in pairwise(spaces):
        strong = np.where(task[:, None] == task, 1.0, noise) if a != b else np.eye(width)
        weights = strong * rng.uniform(0.5, 1.5, strong.shape)
        for i, j in np.argwhere(weights > 0).tolist():
            weight = float(weights[i, j] / weights.sum())
            about = {"effect": weight**0.5, "kind": "within" if a == b else "between", "rule": "plsr"}
            graph.add_edge(f"{a}/{left}/{i}", f"{b}/{right}/{j}", weight=weight, **about)
    return graph


def groups_of(graph: nx.DiGraph) -> Partition:
    """Return the groups of a graph of `layered`.

    Parameters
    ----------
    graph
        The graph.

    Returns
    -------
    Partition
        Two groups, as though an algorithm had found them.
    """
    assignment = {node: index % 2 for node, index in graph.nodes(data="index")}
    return Partition(assignment, 0.4, 0.01, 0.97, "planted", {}, 0)


def shuffled(graph: nx.DiGraph) -> nx.DiGraph:
    """Return a graph whose nodes and edges were inserted in another order.

    Parameters
    ----------
    graph
        The graph.

    Returns
    -------
    networkx.DiGraph
        Equal to it.
    """
    rng = np.random.default_rng(4)
    nodes, edges = list(graph.nodes(data=True)), list(graph.edges(data=True))
    other = nx.DiGraph(**graph.graph)
    other.add_nodes_from(nodes[i] for i in rng.permutation(len(nodes)))
    other.add_edges_from(edges[i] for i in rng.permutation(len(edges)))
    return other


def shuffled_groups(groups: Partition) -> Partition:
    """Return a partition whose nodes are listed in another order.

    Parameters
    ----------
    groups
        The partition.

    Returns
    -------
    Partition
        The same groups.
    """
    return replace(groups, assignment=dict(list(groups.assignment.items())[::-1]))
