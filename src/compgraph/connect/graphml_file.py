"""Graphs as GraphML, for Gephi, Cytoscape, yEd and igraph; exact both ways."""

import io
import re

import networkx as nx

from compgraph.arguments import checked
from compgraph.connect.checksum import PREFIX, checksum, verify
from compgraph.connect.graph import ordered_nodes
from compgraph.connect.graphml_reader import read_graphml
from compgraph.connect.schema import check_graph
from compgraph.errors import FileFormatError, GraphError

# A graph may have a checksum of its own.
_CHECKSUM = "compgraph_checksum"
_NOT_IN_XML = re.compile("[\x00-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]")
# What networkx would take for something else than an attribute of the graph.
_RESERVED = ("id", "node_default", "edge_default", _CHECKSUM)


def to_graphml(graph: nx.DiGraph) -> bytes:
    """Serialise a component graph as GraphML, with a checksum among the attributes of the graph.

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
    for name, value in graph.graph.items():
        if name in _RESERVED or (isinstance(value, str) and value.startswith(PREFIX)):
            raise GraphError(
                f"the graph has the attribute {name!r} = {value!r:.80}, which the GraphML of a graph needs for itself; "
                f"remove it with del graph.graph[{name!r}], or give it another name."
            )
    stream = io.BytesIO()
    try:
        nx.write_graphml_xml(_canonical(graph), stream)
        survived = nx.utils.graphs_equal(from_graphml(stream.getvalue()), graph)
    except (FileFormatError, UnicodeEncodeError):
        survived = False
    if not survived:
        raise GraphError(
            f"GraphML cannot hold this graph exactly: {_lost(graph)} has control characters or half of a surrogate "
            "pair. Save it as .json."
        )
    return stream.getvalue()


def _lost(graph: nx.DiGraph) -> str:
    """Name the first text that XML cannot carry."""
    places = [("the graph", graph.graph), *((f"node {node!r}", data) for node, data in graph.nodes(data=True))]
    places += [(f"edge {ends[0]!r} -> {ends[1]!r}", data) for *ends, data in graph.edges(data=True)]
    for what, attributes in places:
        for name, value in attributes.items():
            if isinstance(value, str) and _NOT_IN_XML.search(value):
                return f"{name} {value!r:.80} of {what}"
    return "a node's id, or the name of an attribute,"


def _canonical(graph: nx.DiGraph) -> nx.DiGraph:
    ordered = nx.DiGraph(**graph.graph, **{_CHECKSUM: checksum(graph)})
    ordered.add_nodes_from((node, graph.nodes[node]) for node in ordered_nodes(graph))
    rank = {node: position for position, node in enumerate(ordered)}
    ordered.add_edges_from(sorted(graph.edges(data=True), key=lambda e: (rank[e[0]], rank[e[1]])))
    return ordered


@checked
def from_graphml(data: bytes, *, source: str = "the GraphML") -> nx.DiGraph:
    """Read the GraphML that `to_graphml` writes, or another program.

    Parameters
    ----------
    data
        Content of a file.
    source
        What it is called where the logger ``compgraph`` says that it has no checksum.

    Returns
    -------
    networkx.DiGraph
        A checked component graph, without the checksum.

    Raises
    ------
    FileFormatError
        When the content is not GraphML, declares entities, has parts that a graph of nodes and edges has not, repeats
        one, is not a component graph, or is not the one its checksum was made of.

    Examples
    --------
    >>> graph = nx.DiGraph(schema="compgraph/2")
    >>> where = {"layer": "fc1", "side": "in", "depth": 1, "index": 0, "method": "pca"}
    >>> graph.add_node("a", **where, strength=2.0, share=1.0, label="a")
    >>> from_graphml(to_graphml(graph)).nodes["a"]["strength"]
    2.0
    """
    graph = read_graphml(data)
    stated = graph.graph.pop(_CHECKSUM, None)
    misnamed = [name for name, value in graph.graph.items() if isinstance(value, str) and value.startswith(PREFIX)]
    if misnamed:
        raise FileFormatError(
            f"its checksum is called {misnamed[0]!r:.80} in place of {_CHECKSUM!r}: the file is damaged."
        )
    try:
        check_graph(graph)
    except GraphError as error:
        raise FileFormatError(str(error)) from error
    verify(graph, stated, name=_CHECKSUM, source=source)
    return graph
