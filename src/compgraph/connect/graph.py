"""The component graph: how it is built and in which order it is read."""

from collections.abc import Iterable, Mapping
from urllib.parse import quote

import networkx as nx
import numpy as np

from compgraph.arguments import checked
from compgraph.connect.edges import EdgeMatrix
from compgraph.connect.schema import SCHEMA, check_graph
from compgraph.decompose import Components
from compgraph.errors import GraphError
from compgraph.statistics import Identity, Space

# Weights this far below the largest between the same spaces are rounding noise of matrices that are diagonal in exact
# arithmetic, such as the two sides of one set of principal components.
NOISE = 1e-12


@checked
def node_id(space: Space, index: int) -> str:
    """Return the id of a component: unique, printable, without colons, and never taken apart again.

    Parameters
    ----------
    space
        Where the component lives.
    index
        Its number within the space, from 0.

    Returns
    -------
    str
        Such as ``"fc1/out/3"``; unusual characters of the layer name are percent-encoded.

    Examples
    --------
    >>> node_id(Space("fc1", "out", 1), 3)
    'fc1/out/3'
    """
    # Half of a surrogate pair, which names from a file system can hold, has no UTF-8.
    return f"{quote(space.layer, safe='', errors='surrogatepass')}/{space.side}/{index}"


@checked
def build_graph(parts: Mapping[Space, Components], matrices: Iterable[EdgeMatrix]) -> nx.DiGraph:
    """Build the component graph.

    Parameters
    ----------
    parts
        Components of every space, as `compgraph.components` returns them.
    matrices
        Edges between pairs of spaces, as `compgraph.edges` returns them.

    Returns
    -------
    networkx.DiGraph
        One node per component with ``layer, side, depth, index, method, strength, share, label``, and ``block`` and
        ``part`` where the method finds them; one edge
        per non-zero entry of a matrix with ``weight, effect, kind, rule``; directed the way data flows. The attributes
        ``model, data, options, version`` of the graph say what it was made of, where the components know.

    Raises
    ------
    GraphError
        When a matrix names a space or a number of components that ``parts`` does not have.

    Notes
    -----
    Cost O(nodes + edges). Edges whose weight is below 1e-12 of the largest between their spaces are left out.

    Examples
    --------
    >>> import torch
    >>> import compgraph as cg
    >>> model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Tanh(), torch.nn.Linear(2, 1))
    >>> stats = cg.collect(model, torch.eye(3))
    >>> parts = cg.components(stats, "pca")
    >>> graph = cg.build_graph(parts, cg.edges(stats, parts))
    >>> next(iter(graph.nodes)), graph.nodes["input/in/0"]["method"]
    ('input/in/0', 'pca')
    """
    identity: Identity | None = getattr(parts, "identity", None)
    graph = nx.DiGraph(schema=SCHEMA, **({} if identity is None else identity.in_words()))
    ids = {space: [node_id(space, index) for index in range(len(part))] for space, part in parts.items()}
    for space in sorted(parts):
        for index, node in enumerate(ids[space]):
            graph.add_node(node, **_node_attributes(parts[space], index))
    for matrix in matrices:
        _require_fit(matrix, parts)
        kept = np.argwhere(matrix.weight > NOISE * matrix.weight.max(initial=0.0)).tolist()
        sources, targets = ids[matrix.source], ids[matrix.target]
        graph.add_edges_from((sources[a], targets[b], _edge_attributes(matrix, a, b)) for a, b in kept)
    check_graph(graph)
    return graph


def _node_attributes(part: Components, index: int) -> dict[str, object]:
    space, axis = part.space, part.axes[index]
    found = {"block": part.block, "part": part.part}
    unit = np.flatnonzero(axis)
    # A component along one feature is best known by the number of that feature.
    number = f"unit {unit[0]}" if len(unit) == 1 and len(axis) > 1 else str(index)
    return {
        "layer": space.layer,
        "side": space.side,
        "depth": space.depth,
        "index": index,
        "method": part.method,
        "strength": float(part.strength[index]),
        "share": float(part.share[index]),
        "label": f"{space.layer} {space.side} {number}",
        **{name: int(each[index]) for name, each in found.items() if each is not None},
        **({"output": part.output} if part.output else {}),
    }


def _edge_attributes(matrix: EdgeMatrix, a: int, b: int) -> dict[str, object]:
    return {
        "weight": float(matrix.weight[a, b]),
        "effect": float(matrix.effect[a, b]),
        "kind": matrix.kind,
        "rule": matrix.rule,
    }


def _require_fit(matrix: EdgeMatrix, parts: Mapping[Space, Components]) -> None:
    for space, count in zip((matrix.source, matrix.target), matrix.effect.shape, strict=True):
        have = len(parts[space].axes) if space in parts else 0
        if have != count:
            raise GraphError(
                f"the edges from {matrix.source} to {matrix.target} expect {count} components in {space}, which has "
                f"{have}; build edges and graph from the same components."
            )


@checked
def ordered_nodes(graph: nx.DiGraph) -> list[str]:
    """Return the nodes in canonical order, which does not depend on the order of insertion.

    Parameters
    ----------
    graph
        A component graph.

    Returns
    -------
    list of str
        Sorted by depth, ``"out"`` before ``"in"``, layer, index, id: the nodes of a space stand together.

    Examples
    --------
    >>> graph = nx.DiGraph(schema="compgraph/2")
    >>> where = {"layer": "fc1", "depth": 1, "index": 0, "method": "pca", "strength": 2.0, "share": 1.0}
    >>> graph.add_nodes_from([("a", {"side": "in", "label": "a"}), ("b", {"side": "out", "label": "b"})], **where)
    >>> list(graph), ordered_nodes(graph)
    (['a', 'b'], ['b', 'a'])
    """

    def key(node: str) -> tuple[int, bool, str, int, str]:
        attributes = graph.nodes[node]
        return (attributes["depth"], attributes["side"] == "in", attributes["layer"], attributes["index"], node)

    return sorted(graph.nodes, key=key)


@checked
def spaces_of(graph: nx.DiGraph) -> dict[Space, list[str]]:
    """Return the nodes of every space, in canonical order.

    Parameters
    ----------
    graph
        A component graph.

    Returns
    -------
    dict
        Space to node ids; spaces in the order in which data flows, those of one depth and side by layer.

    Examples
    --------
    >>> graph = nx.DiGraph(schema="compgraph/2")
    >>> where = {"layer": "fc1", "side": "in", "depth": 1, "index": 0, "method": "pca"}
    >>> graph.add_node("a", **where, strength=2.0, share=1.0, label="a")
    >>> spaces_of(graph)
    {Space(layer='fc1', side='in', depth=1): ['a']}
    """
    found: dict[Space, list[str]] = {}
    for node in ordered_nodes(graph):
        attributes = graph.nodes[node]
        found.setdefault(Space(attributes["layer"], attributes["side"], attributes["depth"]), []).append(node)
    return found
