"""Graphs as bytes: JSON and GraphML, exact both ways, read without executing anything."""

import io
import json
import re
from collections.abc import Mapping
from typing import NoReturn
from xml.etree.ElementTree import ParseError

import networkx as nx

from compgraph.connect.graph import ordered_nodes
from compgraph.connect.schema import check_graph
from compgraph.errors import FileFormatError, GraphError

_NOT_IN_XML = re.compile("[\x00-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]")


def to_json(graph: nx.DiGraph) -> bytes:
    """Serialise a component graph as JSON, in canonical order.

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
    document = {"graph": dict(graph.graph), "nodes": nodes, "edges": edges}
    return json.dumps(document, allow_nan=False, indent=1).encode()


def _record(place: Mapping[str, str], attributes: Mapping[str, object]) -> dict[str, object]:
    for name in place:
        if name in attributes:
            raise GraphError(
                f"{' -> '.join(map(repr, place.values()))} has an attribute {name!r}, a name that the JSON of a graph "
                "needs for itself; give it another name."
            )
    return {**place, **attributes}


def to_graphml(graph: nx.DiGraph) -> bytes:
    """Serialise a component graph as GraphML, for Gephi, Cytoscape, yEd and igraph.

    Parameters
    ----------
    graph
        A component graph.

    Returns
    -------
    bytes
        UTF-8 XML.

    Raises
    ------
    GraphError
        When the graph does not follow the schema, or holds text that XML cannot carry.

    Examples
    --------
    >>> graph = nx.DiGraph(schema="compgraph/2")
    >>> where = {"layer": "fc1", "side": "in", "depth": 1, "index": 0, "method": "pca"}
    >>> graph.add_node("a", **where, strength=2.0, share=1.0, label="a")
    >>> to_graphml(graph).count(b"<node ")
    1
    """
    check_graph(graph)
    stream = io.BytesIO()
    try:
        nx.write_graphml_xml(_canonical(graph), stream)
        survived = nx.utils.graphs_equal(from_graphml(stream.getvalue()), graph)
    except (FileFormatError, UnicodeEncodeError):
        survived = False
    if not survived:
        raise GraphError(
            f"GraphML cannot hold this graph exactly: {_lost(graph)} has control characters, half of a surrogate pair, "
            "or is empty. Save it as .json."
        )
    return stream.getvalue()


def _lost(graph: nx.DiGraph) -> str:
    """Name the first text that XML cannot carry."""
    places = [("the graph", graph.graph), *((f"node {node!r}", data) for node, data in graph.nodes(data=True))]
    places += [(f"edge {ends[0]!r} -> {ends[1]!r}", data) for *ends, data in graph.edges(data=True)]
    for what, attributes in places:
        for name, value in attributes.items():
            if isinstance(value, str) and (not value or _NOT_IN_XML.search(value)):
                return f"{name} {value!r:.80} of {what}"
    return "a node's id"


def _canonical(graph: nx.DiGraph) -> nx.DiGraph:
    ordered = nx.DiGraph(**graph.graph)
    ordered.add_nodes_from((node, graph.nodes[node]) for node in ordered_nodes(graph))
    rank = {node: position for position, node in enumerate(ordered)}
    ordered.add_edges_from(sorted(graph.edges(data=True), key=lambda e: (rank[e[0]], rank[e[1]])))
    return ordered


def from_json(data: bytes) -> nx.DiGraph:
    """Read the JSON that `to_json` writes.

    Parameters
    ----------
    data
        Content of a file.

    Returns
    -------
    networkx.DiGraph
        A checked component graph.

    Raises
    ------
    FileFormatError
        When the content is not JSON, repeats a key, holds NaN, or is not a component graph.

    Examples
    --------
    >>> graph = nx.DiGraph(schema="compgraph/2")
    >>> where = {"layer": "fc1", "side": "in", "depth": 1, "index": 0, "method": "pca"}
    >>> graph.add_node("a", **where, strength=2.0, share=1.0, label="a")
    >>> nx.utils.graphs_equal(from_json(to_json(graph)), graph)
    True
    """
    try:
        document = json.loads(data, object_pairs_hook=_unique_keys, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise FileFormatError(f"not readable as JSON: {error}.") from error
    graph = nx.DiGraph()
    try:
        graph.graph.update(document["graph"])
        graph.add_nodes_from((node.pop("id"), node) for node in document["nodes"])
        known = len(graph)
        graph.add_edges_from((edge.pop("source"), edge.pop("target"), edge) for edge in document["edges"])
    except (KeyError, TypeError, AttributeError, ValueError, nx.NetworkXError) as error:
        raise FileFormatError(f"JSON, but not of a component graph: {type(error).__name__}: {error}.") from error
    expected = (len(document["nodes"]), len(document["nodes"]), len(document["edges"]))
    if (known, len(graph), graph.number_of_edges()) != expected:
        raise FileFormatError("the file repeats a node or an edge, or has an edge to a node it does not list.")
    return graph


def _unique_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object repeats a key")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def from_graphml(data: bytes) -> nx.DiGraph:
    """Read the GraphML that `to_graphml` writes.

    Parameters
    ----------
    data
        Content of a file.

    Returns
    -------
    networkx.DiGraph
        The graph as written.

    Raises
    ------
    FileFormatError
        When the content is not GraphML, or declares entities.

    Examples
    --------
    >>> graph = nx.DiGraph(schema="compgraph/2")
    >>> where = {"layer": "fc1", "side": "in", "depth": 1, "index": 0, "method": "pca"}
    >>> graph.add_node("a", **where, strength=2.0, share=1.0, label="a")
    >>> from_graphml(to_graphml(graph)).nodes["a"]["strength"]
    2.0
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FileFormatError("not readable as GraphML: it is not UTF-8.") from error
    if "\0" in text or re.search("<!(DOCTYPE|ENTITY)", text, re.IGNORECASE):
        raise FileFormatError("the XML declares a DOCTYPE or entities, which a graph has no use for; refused.")
    try:
        graph = nx.read_graphml(io.BytesIO(data), node_type=str)
    except (ParseError, nx.NetworkXError, ValueError, KeyError, LookupError) as error:
        raise FileFormatError(f"not readable as GraphML: {error}.") from error
    graph.graph.pop("node_default", None)
    graph.graph.pop("edge_default", None)
    return graph
