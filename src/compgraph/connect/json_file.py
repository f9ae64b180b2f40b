"""Graphs as JSON, exact both ways."""

import json
from collections.abc import Mapping
from typing import Any

import networkx as nx

from compgraph.arguments import checked
from compgraph.connect.checksum import checksum, verify
from compgraph.connect.graph import ordered_nodes
from compgraph.connect.schema import check_graph
from compgraph.errors import FileFormatError, GraphError
from compgraph.storage import parse_json

_CHECKSUM = "checksum"
_PARTS = {"graph": dict, "nodes": list, "edges": list}


def to_json(graph: nx.DiGraph) -> bytes:
    """Serialise a component graph as JSON, in canonical order and with a checksum.

    Parameters
    ----------
    graph
        A component graph.

    Returns
    -------
    bytes
        UTF-8; floats are written with all their digits.

    Raises
    ------
    GraphError
        When the graph does not follow the schema, or an attribute has a name that JSON needs for itself.

    Examples
    --------
    >>> graph = nx.DiGraph(schema="compgraph/2")
    >>> where = {"layer": "fc1", "side": "in", "depth": 1, "index": 0, "method": "pca"}
    >>> graph.add_node("a", **where, strength=2.0, share=1.0, label="a")
    >>> b'"schema": "compgraph/2"' in to_json(graph)
    True
    """
    check_graph(graph)
    nodes = [_record({"id": node}, graph.nodes[node]) for node in ordered_nodes(graph)]
    rank = {node["id"]: position for position, node in enumerate(nodes)}
    edges = [
        _record({"source": source, "target": target}, attributes)
        for source, target, attributes in sorted(graph.edges(data=True), key=lambda e: (rank[e[0]], rank[e[1]]))
    ]
    document = {"graph": dict(graph.graph), "nodes": nodes, "edges": edges, _CHECKSUM: checksum(graph)}
    return json.dumps(document, allow_nan=False, indent=1).encode()


def _record(place: Mapping[str, str], attributes: Mapping[str, object]) -> dict[str, object]:
    for name in place:
        if name in attributes:
            raise GraphError(
                f"{' -> '.join(map(repr, place.values()))} has an attribute {name!r}, a name that the JSON of a graph "
                "needs for itself; give it another name."
            )
    return {**place, **attributes}


@checked
def from_json(data: bytes, *, source: str = "the JSON") -> nx.DiGraph:
    """Read the JSON that `to_json` writes.

    Parameters
    ----------
    data
        Content of a file.
    source
        What it is called where the logger ``compgraph`` says that it has no checksum.

    Returns
    -------
    networkx.DiGraph
        A checked component graph.

    Raises
    ------
    FileFormatError
        When the content is not JSON, repeats a key, has a number that is not finite, is not a component graph, or is
        not the one its checksum was made of.

    Examples
    --------
    >>> graph = nx.DiGraph(schema="compgraph/2")
    >>> where = {"layer": "fc1", "side": "in", "depth": 1, "index": 0, "method": "pca"}
    >>> graph.add_node("a", **where, strength=2.0, share=1.0, label="a")
    >>> nx.utils.graphs_equal(from_json(to_json(graph)), graph)
    True
    """
    document = parse_json(data)
    stated, parts = _parts(document)
    graph = nx.DiGraph()
    try:
        graph.graph.update(parts["graph"])
        graph.add_nodes_from((node.pop("id"), node) for node in parts["nodes"])
        known = len(graph)
        graph.add_edges_from((edge.pop("source"), edge.pop("target"), edge) for edge in parts["edges"])
    except (KeyError, TypeError, AttributeError, ValueError, nx.NetworkXError) as error:
        raise FileFormatError(f"JSON, but not of a component graph: {type(error).__name__}: {error}.") from error
    expected = (len(parts["nodes"]), len(parts["nodes"]), len(parts["edges"]))
    if (known, len(graph), graph.number_of_edges()) != expected:
        raise FileFormatError("the file repeats a node or an edge, or has an edge to a node it does not list.")
    try:
        check_graph(graph)
    except GraphError as error:
        raise FileFormatError(str(error)) from error
    verify(graph, stated, name=_CHECKSUM, source=source)
    return graph


def _parts(document: object) -> tuple[object, dict[str, Any]]:
    if not isinstance(document, dict):
        raise FileFormatError(f"JSON, but not of a component graph: a {type(document).__name__}, not an object.")
    stated = document.pop(_CHECKSUM, None)
    unknown = [name for name in document if name not in _PARTS]
    if unknown:
        raise FileFormatError(f"JSON with {unknown[0]!r:.80} beside {', '.join(_PARTS)} and {_CHECKSUM}; remove it.")
    for name, kind in _PARTS.items():
        if not isinstance(document.get(name), kind):
            raise FileFormatError(
                f"JSON, but not of a component graph: {name!r} is not {'an object' if kind is dict else 'a list'}."
            )
    return stated, document
