"""Graphs as files, read whole or not at all."""

import os
from collections.abc import Callable

import networkx as nx

from compgraph.arguments import checked
from compgraph.connect.graphml_file import from_graphml
from compgraph.connect.json_file import from_json
from compgraph.errors import FileFormatError, unknown_name
from compgraph.storage import expanded, read_regular, settle

READERS: dict[str, Callable[..., nx.DiGraph]] = {".json": from_json, ".graphml": from_graphml}


@checked
def load(path: str | os.PathLike[str]) -> nx.DiGraph:
    """Read a component graph from a ``.json`` or ``.graphml`` file.

    Parameters
    ----------
    path
        The file; ``~`` is the home folder.

    Returns
    -------
    networkx.DiGraph
        Exactly the graph that was saved, a ``group`` attribute on its nodes included where groups were saved.

    Raises
    ------
    BadRequest
        When it is no path, or empty.
    UnknownName
        When the suffix is neither of the two.
    FileFormatError
        When the file is missing, no regular file, above 1 GiB, truncated, damaged, of another format or schema
        version. Nothing in the file is executed or unpickled.

    Notes
    -----
    A file that `save` wrote has a checksum of its content. One of another program, or of an earlier version, has none:
    it is read all the same, and the logger ``compgraph`` says so. Where a save into the same folder was interrupted it
    is finished first.

    Examples
    --------
    >>> graph = nx.DiGraph(schema="compgraph/2")
    >>> where = {"layer": "fc1", "side": "in", "depth": 1, "index": 0, "method": "pca"}
    >>> graph.add_node("a", **where, strength=2.0, share=1.0, label="a")
    >>> import tempfile
    >>> import compgraph as cg
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     found = cg.load(cg.save(graph, f"{folder}/graph.json"))
    >>> nx.utils.graphs_equal(found, graph)
    True
    """
    file = expanded(path)
    if file.suffix.lower() not in READERS:
        raise unknown_name("readable graph format", file.suffix, READERS)
    settle(file.parent)
    data = read_regular(path)
    try:
        return READERS[file.suffix.lower()](data, source=repr(str(path)))
    except FileFormatError as error:
        raise FileFormatError(f"{str(path)!r} is not a component graph: {error}") from error
