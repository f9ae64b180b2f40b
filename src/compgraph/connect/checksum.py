"""A checksum over what a stored graph says, so that a damaged file does not load as another graph."""

import hashlib
import json
import logging

import networkx as nx

from compgraph.arguments import checked
from compgraph.errors import FileFormatError

# No other text begins so: a checksum is recognised even where its name was damaged.
PREFIX = "compgraph-sha256:"
_LOG = logging.getLogger("compgraph")


@checked
def checksum(graph: nx.DiGraph) -> str:
    """Return the checksum of a graph: of its content, and so the same in every format and order.

    Parameters
    ----------
    graph
        A component graph.

    Returns
    -------
    str
        SHA-256 of the graph as one line of JSON, keys, nodes and edges sorted, after a prefix that says so.

    Examples
    --------
    >>> graph = nx.DiGraph(schema="compgraph/2")
    >>> checksum(graph)[:25]
    'compgraph-sha256:c1564047'
    """
    nodes = sorted(({**data, "id": node} for node, data in graph.nodes(data=True)), key=lambda node: node["id"])
    edges = [{**data, "source": source, "target": target} for source, target, data in graph.edges(data=True)]
    edges.sort(key=lambda edge: (edge["source"], edge["target"]))
    document = {"graph": graph.graph, "nodes": nodes, "edges": edges}
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return PREFIX + hashlib.sha256(text.encode("ascii")).hexdigest()


def verify(graph: nx.DiGraph, stated: object, *, name: str, source: str) -> None:
    """Raise when a graph is not the one that its checksum was made of; say so where there is none.

    Parameters
    ----------
    graph
        As it was read, and checked.
    stated
        The checksum that was read beside it, or None.
    name
        What the checksum is called there.
    source
        What was read, for people.

    Raises
    ------
    FileFormatError
        When the two differ.
    """
    if stated is None:
        _LOG.warning(
            "%s has no checksum, so damage to it would not be seen: it is of another program, or of compgraph before "
            "0.2. compgraph.save(graph, path) writes it with one.",
            source,
        )
    elif stated != checksum(graph):
        raise FileFormatError(
            f"its content is not what its checksum {stated!r:.80} was made of: the file was damaged, or edited. Take "
            f"another copy; if you edited it yourself, remove its {name!r}."
        )
