"""The sentences a picture needs: what a node is, what an edge is, what a column holds, what was found."""

import math
import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import networkx as nx

from compgraph.group import Partition
from compgraph.show.graph.layout import Column
from compgraph.show.graph.palette import shown_groups

# Controls, line separators, marks that reverse the reading direction, lone surrogates, non-characters of XML.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")


def printable(text: str, *, limit: int | None = None) -> str:
    r"""Return ``text`` as one line that no renderer chokes on or is misled by.

    Control characters, lone surrogates, non-characters and marks that reverse the reading direction become their
    escapes, so two different names stay different.

    Parameters
    ----------
    text
        Anything a user named a layer.
    limit
        Longest result in characters; the middle of a longer text gives way to an ellipsis.

    Returns
    -------
    str
        A printable line.

    Examples
    --------
    >>> print(printable("two\nlines"), printable("encoder.block.11.attention", limit=12))
    two\nlines encode…ntion
    """
    safe = _UNSAFE.sub(lambda match: match.group().encode("unicode_escape").decode("ascii"), text)
    if limit is None or len(safe) <= limit:
        return safe
    return safe[: limit // 2] + "…" + safe[len(safe) - (limit - 1) // 2 :]


def next_layers(graph: nx.DiGraph) -> dict[int, str]:
    """Tell for every depth which layer reads from it.

    Parameters
    ----------
    graph
        A component graph.

    Returns
    -------
    dict of int to str
        Depth to the layer of the next depth present; the deepest one is absent.
    """
    layers = {data["depth"]: data["layer"] for _, data in graph.nodes(data=True)}
    depths = sorted(layers)
    return {here: layers[there] for here, there in pairwise(depths)}


def heading(column: Column, readers: dict[int, str]) -> tuple[str, str]:
    """Say in two words what a column holds: who does what.

    Parameters
    ----------
    column
        A column of the picture.
    readers
        Depth to the layer that reads from it, see `next_layers`.

    Returns
    -------
    (str, str)
        Such as ``("fc1", "writes")`` or ``("fc2", "reads fc1")``.
    """
    layers = ", ".join(column.layers)
    if column.side == "out":
        return layers, "writes"
    reader = readers.get(column.depth)
    return (layers, "is read") if reader is None else (reader, f"reads {layers}")


def describe_node(graph: nx.DiGraph, node: str, readers: Mapping[int, str]) -> str:
    """Say what a node is.

    Parameters
    ----------
    graph
        A component graph.
    node
        A node id.
    readers
        Depth to the layer that reads from it, see `next_layers`.

    Returns
    -------
    str
        Such as ``"component 3 of what fc1 writes, plsr, 12.3 % of the space's total strength"``.
    """
    data = graph.nodes[node]
    if data["side"] == "out":
        space = f"what {data['layer']} writes"
    else:
        space = f"what {readers.get(data['depth'], 'the next layer')} reads from {data['layer']}"
    share = f"{100 * data['share']:.1f} % of the space's total strength"
    return f"component {data['index']} of {space}, {data['method']}, {share}"


def describe_edge(labels: tuple[str, str], data: Mapping[str, Any]) -> str:
    """Say what an edge is.

    Parameters
    ----------
    labels
        Of its source and target.
    data
        Its attributes in the graph.

    Returns
    -------
    str
        The two labels (long ones shortened), the signed effect, the weight (share of all squared effect between the
        two spaces), the kind and the rule.
    """
    ends = " → ".join(printable(label, limit=60) for label in labels)
    share = f"weight {data['weight']:.4g} of this pair of spaces"
    kind = "between layers" if data["kind"] == "between" else "within a layer"
    return f"{ends}: effect {data['effect']:+.4g}, {share}, {kind}, rule {data['rule']}"


def title(graph: nx.DiGraph) -> str:
    """Return the heading of a picture: which components, joined by which weights.

    Parameters
    ----------
    graph
        A component graph.

    Returns
    -------
    str
        One line.
    """
    methods = sorted({method for _, method in graph.nodes(data="method")})
    rules = sorted({data["rule"] for _, _, data in graph.edges(data=True) if data["kind"] == "between"})
    weights = f", {' and '.join(rules)} weights" if rules else ""
    return f"Component graph: {' and '.join(methods)} components{weights}"


def summary(graph: nx.DiGraph, groups: Partition | None = None) -> str:
    """Return the line below the heading: how much there is and what was found in it.

    Parameters
    ----------
    graph
        A component graph.
    groups
        Its partition, or none when it was not grouped.

    Returns
    -------
    str
        One line; it says plainly when no reliable groups were found.
    """
    size = f"{_count(graph.number_of_nodes(), 'node')}, {_count(graph.number_of_edges(), 'edge')}"
    if groups is None:
        return f"{size}, not grouped"
    p_value = "p not tested" if math.isnan(groups.p_value) else f"p = {groups.p_value:.3g}"
    evidence = f"{p_value}, stability {groups.stability:.2f}, {groups.algorithm}"
    if not shown_groups(groups):
        return f"{size}, no reliable groups ({evidence})"
    return f"{size}, {groups.n_groups} groups ({evidence})"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
