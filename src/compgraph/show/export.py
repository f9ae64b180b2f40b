"""One call saves a graph in any format: the suffix of the path decides."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import networkx as nx

from compgraph.arguments import checked
from compgraph.connect import check_graph, to_graphml, to_json
from compgraph.errors import BadRequest, unknown_name
from compgraph.group import Partition
from compgraph.show.graph.dot import dot_text
from compgraph.show.graph.groups_on_nodes import groups_of, require_groups, with_groups
from compgraph.show.graph.html import html_page
from compgraph.show.graph.render import render
from compgraph.storage import expanded, write_atomically

Exporter = Callable[[nx.DiGraph, Partition | None], str | bytes]
"""What turns a graph and its groups (or none) into the content of a file; text is written as UTF-8."""


def _stored(serialise: Callable[[nx.DiGraph], bytes], graph: nx.DiGraph, groups: Partition | None) -> bytes:
    return serialise(graph if groups is None else with_groups(graph, groups))


# They keep groups on the nodes as they are, where none are given.
_EXACT = {".json": partial(_stored, to_json), ".graphml": partial(_stored, to_graphml)}
EXPORTERS: dict[str, Exporter] = {
    ".html": html_page,
    ".dot": dot_text,
    **_EXACT,
    **{suffix: partial(render, suffix=suffix) for suffix in (".svg", ".png", ".pdf")},
}


@checked
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
    >>> register_exporter(".txt", lambda graph, groups: " ".join(sorted(graph)))
    >>> ".txt" in registered_exporters()
    True
    """
    require_suffix(suffix)
    EXPORTERS[suffix.lower()] = exporter


def require_suffix(suffix: str) -> None:
    """Refuse what no file could end in.

    Parameters
    ----------
    suffix
        Such as ``".tex"``.

    Raises
    ------
    BadRequest
        When it is not a dot followed by letters or digits.
    """
    if not (suffix.startswith(".") and suffix[1:].isalnum()):
        raise BadRequest(f"the suffix {suffix!r} came; a dot followed by letters or digits is needed, such as '.tex'.")


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
    return tuple(sorted(EXPORTERS))


@checked
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
        Its partition. Without one, groups found on the nodes (of a graph that was saved with groups) are used: by the
        attribute ``group``, an int from 0 that all nodes have or none.

    Returns
    -------
    pathlib.Path
        Where it was written.

    Raises
    ------
    BadRequest
        When the path is none, or the groups are no `Partition`.
    GraphError
        When the graph does not follow the schema, a node has no group, or what the nodes have as groups are none.
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
    suffix = expanded(path).suffix.lower()
    if suffix not in EXPORTERS:
        raise unknown_name("exporter for the suffix", suffix, EXPORTERS)
    return write_atomically(path, exported(graph, suffix, groups))


def exported(graph: nx.DiGraph, suffix: str, groups: Partition | None) -> bytes:
    """Return what `save` writes.

    Parameters
    ----------
    graph
        A component graph.
    suffix
        A registered one.
    groups
        Its partition, or None.

    Returns
    -------
    bytes
        Content of the file.

    Raises
    ------
    GraphError
        When the graph does not follow the schema, a node has no group, or what the nodes have as groups are none.
    """
    check_graph(graph)
    exporter = EXPORTERS[suffix]
    if groups is not None:
        require_groups(graph, groups)
    elif exporter not in _EXACT.values():
        groups = groups_of(graph)
    content = exporter(graph, groups)
    # Half of a surrogate pair in a name is written as its escape, as all pages do.
    return content.encode(errors="backslashreplace") if isinstance(content, str) else content
