"""One call saves a graph in any format: the suffix of the path decides."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import networkx as nx

from compgraph.connect import check_graph, to_graphml, to_json, write_atomically
from compgraph.errors import BadRequest, unknown_name
from compgraph.group import Partition
from compgraph.show.graph.dot import dot_text
from compgraph.show.graph.groups_on_nodes import groups_of, require_groups, with_groups
from compgraph.show.graph.html import html_page
from compgraph.show.graph.render import render

Exporter = Callable[[nx.DiGraph, Partition | None], str | bytes]
"""What turns a graph and its groups (or none) into the content of a file; text is written as UTF-8."""


def _stored(serialise: Callable[[nx.DiGraph], bytes], graph: nx.DiGraph, groups: Partition | None) -> bytes:
    return serialise(graph if groups is None else with_groups(graph, groups))


_EXPORTERS: dict[str, Exporter] = {
    ".html": html_page,
    ".dot": dot_text,
    ".json": partial(_stored, to_json),
    ".graphml": partial(_stored, to_graphml),
    **{suffix: partial(render, suffix=suffix) for suffix in (".svg", ".png", ".pdf")},
}


def register_exporter(suffix: str, exporter: Exporter) -> None:
    """Teach `save` a format.

    Parameters
    ----------
    suffix
        Such as ``".tex"``; upper and lower case are the same. An earlier exporter of that suffix is replaced.
    exporter
        Function of (graph, groups or None) that returns the content of the file as str or bytes.

    Raises
    ------
    BadRequest
        When the suffix is not a dot followed by letters or digits.

    Examples
    --------
    >>> register_exporter(".txt", lambda graph, groups: " ".join(graph))
    >>> ".txt" in registered_exporters()
    True
    """
    if not (suffix.startswith(".") and suffix[1:].isalnum()):
        raise BadRequest(f"the suffix {suffix!r} came; a dot followed by letters or digits is needed, such as '.tex'.")
    _EXPORTERS[suffix.lower()] = exporter


def registered_exporters() -> tuple[str, ...]:
    """Return the suffixes `save` knows.

    Returns
    -------
    tuple of str
        Sorted.

    Examples
    --------
    >>> ".html" in registered_exporters()
    True
    """
    return tuple(sorted(_EXPORTERS))


def save(graph: nx.DiGraph, path: str | os.PathLike[str], *, groups: Partition | None = None) -> Path:
    """Save a component graph in the format that the suffix names.

    Parameters
    ----------
    graph
        A component graph; it is not changed.
    path
        Ends in ``.html`` (interactive, one file, works offline), ``.dot``, ``.svg``, ``.png``, ``.pdf``, ``.json``
        (exact), ``.graphml`` (exact) or a registered suffix.
    groups
        Its partition. Without one, groups found on the nodes (of a graph that was saved with groups) are used.

    Returns
    -------
    pathlib.Path
        Where it was written.

    Raises
    ------
    GraphError
        When the graph does not follow the schema or a node has no group.
    UnknownName
        When no exporter has the suffix.
    MissingTool
        When an installed graphviz fails or takes too long.
    OutputError
        When the path cannot be written; what was there before is untouched.

    Notes
    -----
    The same graph and groups give the same bytes, whatever the order of insertion; images only as long as the
    same drawing program is installed.

    Examples
    --------
    >>> graph = nx.DiGraph(schema="compgraph/2")
    >>> where = {"layer": "fc1", "side": "in", "depth": 1, "index": 0, "method": "pca"}
    >>> graph.add_node("a", **where, strength=2.0, share=1.0, label="a")
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     page = save(graph, f"{folder}/graph.html").read_text()
    >>> page[:15]
    '<!DOCTYPE html>'
    """
    check_graph(graph)
    suffix = Path(path).suffix.lower()
    if suffix not in _EXPORTERS:
        raise unknown_name("exporter for the suffix", suffix, _EXPORTERS)
    if groups is None:
        groups = groups_of(graph)
    else:
        require_groups(graph, groups)
    content = _EXPORTERS[suffix](graph, groups)
    return write_atomically(path, content.encode() if isinstance(content, str) else content)
