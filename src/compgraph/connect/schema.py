"""What makes a graph a component graph: the attributes it must have, and those it may have."""

import math
import re
from collections.abc import Mapping

import networkx as nx

from compgraph.errors import GraphError

_TWO_HALVES = re.compile("[\ud800-\udbff][\udc00-\udfff]")
_BITS = 1024  # about the largest number that is a float as well
SCHEMA = "compgraph/2"
"""The version that is written."""
READ = ("compgraph/1", SCHEMA)
"""The versions that are read."""
NODE_TYPES = {
    "layer": str,
    "side": str,
    "depth": int,
    "index": int,
    "method": str,
    "strength": float,
    "share": float,
    "label": str,
}
EDGE_TYPES = {"weight": float, "effect": float, "kind": str, "rule": str}


def check_graph(graph: nx.DiGraph) -> None:
    """Raise unless ``graph`` follows the schema "compgraph/2", or "compgraph/1" where it says so.

    Every node has ``layer, side, depth, index, method, strength, share, label``, every edge ``weight, effect, kind,
    rule``. Several layers may share a depth. In version 2 a node of what the model returns may say so by its
    ``output``, the name of that output; edges of the kind ``"between"`` go to a larger depth, past any number of
    layers, and those of the kind ``"within"`` stay in one layer. Graph, nodes and edges may have other attributes, of
    plain type str, int or float: every file keeps them, and no version forbids them.

    Parameters
    ----------
    graph
        The graph to check; it is not changed.

    Raises
    ------
    GraphError
        Naming the node or edge, the attribute, what it is and what it should be.

    Examples
    --------
    >>> graph = nx.DiGraph(schema="compgraph/2")
    >>> where = {"layer": "fc1", "side": "out", "depth": 1, "index": 0, "method": "pca", "output": "mask"}
    >>> graph.add_node("a", **where, strength=2.0, share=1.0, label="a")
    >>> check_graph(graph)
    >>> graph.nodes["a"]["side"] = "left"
    >>> check_graph(graph)
    Traceback (most recent call last):
        ...
    compgraph.errors.GraphError: node 'a' has the side 'left'; a side is 'out' or 'in'.
    """
    if not isinstance(graph, nx.DiGraph) or graph.is_multigraph():
        raise GraphError(f"a component graph is a networkx.DiGraph, not a {type(graph).__name__}.")
    schema = graph.graph.get("schema")
    if schema not in READ:
        raise GraphError(
            f"graph.graph['schema'] is {schema!r}; this version reads {' and '.join(map(repr, READ))}. "
            f"Write {SCHEMA!r} there, or use the version of compgraph that made the graph."
        )
    _check_plain("the graph", graph.graph)
    for node, attributes in graph.nodes(data=True):
        _check_node(node, attributes)
    for source, target, attributes in graph.edges(data=True):
        _check_edge(f"edge {source!r} -> {target!r}", attributes)
    if schema != READ[0]:
        _check_outputs(graph)
        _check_directions(graph)


def _check_node(node: object, attributes: Mapping[str, object]) -> None:
    if type(node) is not str:
        raise GraphError(f"node {node!r} has an id of type {type(node).__name__}; ids are str.")
    _check_text(f"node {node!r}", node)
    _check_attributes(f"node {node!r}", attributes, NODE_TYPES)
    if attributes["side"] not in ("out", "in"):
        raise GraphError(f"node {node!r} has the side {attributes['side']!r}; a side is 'out' or 'in'.")


def _check_edge(what: str, attributes: Mapping[str, object]) -> None:
    _check_attributes(what, attributes, EDGE_TYPES)
    if attributes["kind"] not in ("within", "between"):
        raise GraphError(f"{what} has the kind {attributes['kind']!r}; a kind is 'within' or 'between'.")
    weight = attributes["weight"]
    if isinstance(weight, float) and weight < 0:
        raise GraphError(f"{what} has the negative weight {weight}; signs belong in 'effect'.")


def _check_attributes(what: str, attributes: Mapping[str, object], types: Mapping[str, type]) -> None:
    for name, kind in types.items():
        if name not in attributes:
            raise GraphError(f"{what} lacks the attribute {name!r}; it has {', '.join(attributes) or 'none'}.")
        if type(attributes[name]) is not kind:
            came = type(attributes[name]).__name__
            raise GraphError(f"{what} has {name!r} of type {came}; plain {kind.__name__} is needed.")
    _check_plain(what, attributes)


def _check_plain(what: str, attributes: Mapping[str, object]) -> None:
    for name, value in attributes.items():
        # Nearly all are passed at once: every edge has several.
        if type(name) is str and name.isascii() and type(value) is float and math.isfinite(value):
            continue
        if type(name) is str and name.isascii() and type(value) is str and value.isascii():
            continue
        if type(name) is not str:
            raise GraphError(f"{what} has an attribute called {name!r:.80}; names are str.")
        _check_text(what, name)
        if type(value) not in (str, int, float):
            raise GraphError(f"{what} has {name!r} of type {type(value).__name__}; only str, int and float are stored.")
        if isinstance(value, float) and not math.isfinite(value):
            raise GraphError(f"{what} has {name!r} = {value}; a finite number is needed.")
        if isinstance(value, int) and value.bit_length() > _BITS:
            raise GraphError(f"{what} has {name!r} of {value.bit_length():,} bits; a number has at most {_BITS:,}.")
        if isinstance(value, str):
            _check_text(f"{what} has {name!r}: it", value)


def _check_text(what: str, text: str) -> None:
    if not text.isascii() and _TWO_HALVES.search(text):
        # A file would hold the one character that they are halves of.
        raise GraphError(
            f"{what} has the text {text!r:.80} with both halves of a surrogate pair; write the character itself, as "
            "text.encode('utf-16', 'surrogatepass').decode('utf-16') gives it."
        )


def _check_outputs(graph: nx.DiGraph) -> None:
    for node, data in graph.nodes(data=True):
        if "output" not in data:
            continue
        if type(data["output"]) is not str:
            came = type(data["output"]).__name__
            raise GraphError(f"node {node!r} has 'output' of type {came}; the name of an output is a plain str.")
        if data["side"] != "out":
            raise GraphError(
                f"node {node!r} has the output {data['output']!r} but the side 'in'; what a model returns is on the "
                "side 'out'. Remove 'output' from this node."
            )


def _check_directions(graph: nx.DiGraph) -> None:
    """Depth is the longest way from an input, so that what is read at one depth is written at a larger one."""
    for source, target, kind in graph.edges(data="kind"):
        here, there = graph.nodes[source], graph.nodes[target]
        what = f"edge {source!r} -> {target!r} of the kind {kind!r}"
        if kind == "between" and here["depth"] >= there["depth"]:
            raise GraphError(
                f"{what} goes from depth {here['depth']} to depth {there['depth']}; depth must grow along it."
            )
        if kind == "within" and (here["layer"], here["depth"]) != (there["layer"], there["depth"]):
            raise GraphError(
                f"{what} goes from layer {here['layer']!r} to layer {there['layer']!r}; it must stay in one layer."
            )
