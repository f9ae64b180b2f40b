"""Strict reading of GraphML: a directed graph of nodes, edges and plain data, each of them once, and nothing else."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree as ET

import networkx as nx

from compgraph.errors import FileFormatError

Value = str | int | float
_ATTRIBUTES = {
    "graphml": (),
    "key": ("id", "for", "attr.name", "attr.type"),
    "graph": ("id", "edgedefault", "parse.*"),
    "node": ("id", "parse.*"),
    "edge": ("id", "source", "target", "directed"),
    "data": ("id", "key"),
    "default": (),
    "desc": (),
}
_CHILDREN = {
    "graphml": ("desc", "key", "graph"),
    "key": ("desc", "default"),
    "graph": ("desc", "data", "node", "edge"),
    "node": ("desc", "data"),
    "edge": ("desc", "data"),
}


def _integer(text: str) -> int:
    if not re.fullmatch(r"\s*[-+]?[0-9]+\s*", text, re.ASCII):
        raise ValueError(f"{text!r:.40} is no whole number")
    return int(text)


def _real(text: str) -> float:
    # Python would also take 1_000 and digits of other scripts.
    if not text.isascii() or "_" in text:
        raise ValueError(f"{text!r:.40} is no number")
    return float(text)


_TYPES: dict[str, Callable[[str], Value]] = {
    "string": str,
    **dict.fromkeys(("int", "integer", "long"), _integer),
    **dict.fromkeys(("float", "double"), _real),
}


@dataclass(frozen=True, slots=True)
class _Key:
    """What the data of one key are."""

    name: str
    scope: str
    read: Callable[[str], Value]
    default: Value | None


def read_graphml(data: bytes) -> nx.DiGraph:
    """Read GraphML, whoever wrote it.

    Parameters
    ----------
    data
        Content of a file.

    Returns
    -------
    networkx.DiGraph
        The graph as written; defaults are written out.

    Raises
    ------
    FileFormatError
        When it is no GraphML of one directed graph, or has anything that would be overlooked.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FileFormatError("not readable as GraphML: it is not UTF-8.") from error
    if "\0" in text or re.search("<!(DOCTYPE|ENTITY)", text, re.IGNORECASE):
        raise FileFormatError("the XML declares a DOCTYPE or entities, which a graph has no use for; refused.")
    try:
        # No entities are left that could grow, and the encoding that the text names does not count.
        root = ET.fromstring(data, ET.XMLParser(encoding="utf-8"))  # noqa: S314
        return _graph(root)
    except (ET.ParseError, ValueError, LookupError) as error:
        if isinstance(error, FileFormatError):
            raise
        raise FileFormatError(f"not readable as GraphML: {error}.") from error


def _graph(root: ET.Element) -> nx.DiGraph:
    if _tag(root) != "graphml":
        raise ValueError(f"it begins with <{_tag(root)}>, not with <graphml>")
    children = list(_children(root))
    graphs = [each for each in children if _tag(each) == "graph"]
    if len(graphs) != 1:
        raise ValueError(f"it holds {len(graphs)} graphs; one is needed")
    keys = _keys(each for each in children if _tag(each) == "key")
    inside = list(_children(graphs[0]))
    if graphs[0].get("edgedefault") != "directed":
        raise ValueError('its graph is not directed; edgedefault="directed" is needed')
    graph = nx.DiGraph()
    graph.graph.update(_data(graphs[0], inside, "graph", keys))
    for each in inside:
        if _tag(each) == "node":
            _add_node(graph, each, keys)
    for each in inside:
        if _tag(each) == "edge":
            _add_edge(graph, each, keys)
    return graph


def _add_node(graph: nx.DiGraph, element: ET.Element, keys: dict[str, _Key]) -> None:
    node = _required(element, "id")
    if node in graph:
        raise ValueError(f"node {node!r:.80} comes twice")
    graph.add_node(node)
    graph.nodes[node].update(_data(element, list(_children(element)), "node", keys))


def _add_edge(graph: nx.DiGraph, element: ET.Element, keys: dict[str, _Key]) -> None:
    source, target = _required(element, "source"), _required(element, "target")
    what = f"edge {source!r:.80} -> {target!r:.80}"
    if source not in graph or target not in graph:
        raise ValueError(f"{what} leads to a node that is not listed")
    if graph.has_edge(source, target):
        raise ValueError(f"{what} comes twice")
    if element.get("directed", "true") != "true":
        raise ValueError(f"{what} is not directed")
    data = _data(element, list(_children(element)), "edge", keys)
    if element.get("id"):
        if "id" in data:
            raise ValueError(f"{what} has two attributes 'id'")
        data["id"] = str(element.get("id"))
    graph.add_edge(source, target)
    graph.edges[source, target].update(data)


def _keys(elements: Iterator[ET.Element]) -> dict[str, _Key]:
    keys: dict[str, _Key] = {}
    for each in elements:
        identity, name = _required(each, "id"), _required(each, "attr.name")
        scope, kind = each.get("for", "all"), each.get("attr.type", "string")
        if identity in keys:
            raise ValueError(f"key {identity!r:.80} comes twice")
        if scope not in ("graph", "node", "edge", "all"):
            raise ValueError(f"key {identity!r:.80} is for {scope!r:.80}; graph, node, edge and all are read")
        if kind not in _TYPES:
            raise ValueError(f"key {identity!r:.80} has the type {kind!r:.80}; {', '.join(_TYPES)} are read")
        defaults = [child for child in _children(each) if _tag(child) == "default"]
        if len(defaults) > 1:
            raise ValueError(f"key {identity!r:.80} has two defaults")
        default = _TYPES[kind](_text(defaults[0])) if defaults else None
        keys[identity] = _Key(name, scope, _TYPES[kind], default)
    return keys


def _data(element: ET.Element, children: list[ET.Element], scope: str, keys: dict[str, _Key]) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for each in (child for child in children if _tag(child) == "data"):
        identity = _required(each, "key")
        key = keys.get(identity)
        if key is None or key.scope not in (scope, "all"):
            raise ValueError(f"<data> of a {scope} has the key {identity!r:.80}, which is none of a {scope}")
        if key.name in found:
            raise ValueError(f"a {scope} has {key.name!r:.80} twice ({element.attrib})")
        found[key.name] = key.read(_text(each))
    for key in keys.values():
        if key.scope in (scope, "all") and key.default is not None:
            found.setdefault(key.name, key.default)
    return found


def _children(element: ET.Element) -> Iterator[ET.Element]:
    """Yield the elements inside another, all of which, with all their attributes, are ones that are read."""
    outer = _tag(element)
    _require_blank(element.text, outer)
    for each in element:
        tag = _tag(each)
        if tag not in _CHILDREN.get(outer, ()):
            raise ValueError(f"<{outer}> holds <{tag:.80}>, which is not read; remove it")
        _require_blank(each.tail, outer)
        for name in each.attrib:
            # A name in braces is of another vocabulary, such as where the schema is.
            if not name.startswith("{") and not any(re.fullmatch(known, name) for known in _ATTRIBUTES[tag]):
                raise ValueError(f"<{tag}> has {name!r:.80}, which is not read; remove it")
        yield each


def _require_blank(text: str | None, outer: str) -> None:
    if text and text.strip():
        raise ValueError(f"<{outer}> holds the text {text.strip()!r:.40} between its elements")


def _tag(element: Any) -> str:
    return str(element.tag).removeprefix("{http" + "://graphml.graphdrawing.org/xmlns}")


def _text(element: ET.Element) -> str:
    if len(element):
        raise ValueError(f"<{_tag(element)}> holds elements; plain text is read")
    return element.text or ""


def _required(element: ET.Element, name: str) -> str:
    value = element.get(name)
    if value is None:
        raise ValueError(f"a <{_tag(element)}> lacks {name!r}")
    return value
