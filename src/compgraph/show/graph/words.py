"""The sentences a picture needs: what a node is, what an edge is, what a column holds."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import networkx as nx

from compgraph.arguments import checked
from compgraph.show.graph.layout import Stack

# Controls, line separators, marks that reverse the reading direction, lone surrogates, non-characters of XML.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")


@checked
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
    return one_line(text, limit)


def one_line(text: str, limit: int | None = None) -> str:
    """Return what `printable` does, at once: for texts of every edge.

    Parameters
    ----------
    text, limit
        As there.

    Returns
    -------
    str
        A printable line.
    """
    safe = text
    if not (text.isascii() and text.isprintable()):
        safe = _UNSAFE.sub(lambda match: match.group().encode("unicode_escape").decode("ascii"), text)
    if limit is None or len(safe) <= limit:
        return safe
    return safe[: limit // 2] + "…" + safe[len(safe) - (limit - 1) // 2 :]


Readers = Mapping[tuple[int, str], tuple[str, ...]]
"""Depth and name of a layer to the layers that read from it."""
_NAMED = 2  # names in one phrase; more are counted


def readers_of(graph: nx.DiGraph) -> Readers:
    """Tell for every layer which layers read from it.

    Parameters
    ----------
    graph
        A component graph.

    Returns
    -------
    dict of (int, str) to tuple of str
        Depth and name of each layer to those its edges lead to, in the order of the data. Of a layer without edges to
        others it is the only layer of the next depth, where there is only one.
    """
    layers: dict[int, dict[str, set[tuple[int, str]]]] = {}
    for data in sorted((data for _, data in graph.nodes(data=True)), key=lambda each: (each["depth"], each["layer"])):
        layers.setdefault(data["depth"], {}).setdefault(data["layer"], set())
    for source, target, kind in graph.edges(data="kind"):
        if kind == "between":
            here, there = graph.nodes[source], graph.nodes[target]
            layers[here["depth"]][here["layer"]].add((there["depth"], there["layer"]))
    found = {}
    next_names: tuple[str, ...] = ()
    for depth, names in reversed(layers.items()):
        only = next_names if len(next_names) == 1 else ()
        for name, read in names.items():
            found[depth, name] = tuple(dict.fromkeys(layer for _, layer in sorted(read))) or only
        next_names = tuple(names)
    return found


def named(names: Sequence[str], *, several: str) -> str:
    """Name one or two things, and count more.

    Parameters
    ----------
    names
        At least one.
    several
        What they are, in the plural.

    Returns
    -------
    str
        Such as ``"a"``, ``"a, b"`` or ``"3 layers"``.
    """
    return ", ".join(names) if len(names) <= _NAMED else f"{len(names)} {several}"


def heading(stack: Stack, readers: Readers) -> tuple[str, str]:
    """Say in two words what a stack of nodes holds: who does what.

    Parameters
    ----------
    stack
        The nodes of one space.
    readers
        See `readers_of`.

    Returns
    -------
    (str, str)
        Such as ``("fc1", "writes")``, ``("fc2", "reads fc1")`` or, of an output, ``("mask", "output of head")``.
    """
    if stack.side == "out":
        if stack.outputs and stack.outputs != (stack.layer,):
            return named(stack.outputs, several="outputs"), f"output of {stack.layer}"
        return stack.layer, "writes"
    reading = readers.get((stack.depth, stack.layer), ())
    if not reading:
        return stack.layer, "is read"
    return named(reading, several="layers"), f"read{'s' * (len(reading) == 1)} {stack.layer}"


def name_node(data: Mapping[str, Any]) -> str:
    """Return what a picture calls a node.

    Parameters
    ----------
    data
        Its attributes.

    Returns
    -------
    str
        Its label, after the name of the output that it belongs to where its layer goes by another.
    """
    output, label = data.get("output"), str(data["label"])
    return f"{output}: {label}" if isinstance(output, str) and output != data["layer"] else label


def describe_node(graph: nx.DiGraph, node: str, readers: Readers) -> str:
    """Say what a node is.

    Parameters
    ----------
    graph
        A component graph.
    node
        A node id.
    readers
        See `readers_of`.

    Returns
    -------
    str
        Such as ``"component 3 of what fc1 writes, plsr, 12.3 % of the space's total strength"``.
    """
    data = graph.nodes[node]
    layer, output = data["layer"], data.get("output")
    if data["side"] == "in":
        reading = readers.get((data["depth"], layer), ())
        who = named(reading, several="layers") if reading else "the next layer"
        space = f"what {who} read{'s' * (len(reading) <= 1)} from {layer}"
    elif isinstance(output, str) and output != layer:
        space = f"the output {output}, which {layer} writes"
    else:
        space = f"what {layer} writes"
    share = f"{100 * data['share']:.1f} % of the space's total strength"
    return f"component {data['index']} of {space}, {data['method']}, {share}"


def read_together(graph: nx.DiGraph) -> set[str]:
    """Return the nodes of spaces that are reached from several: their weights sum to 1 over all of these together.

    Parameters
    ----------
    graph
        A component graph.

    Returns
    -------
    set of str
        Node ids.
    """
    home = {node: (data["depth"], data["side"], data["layer"]) for node, data in graph.nodes(data=True)}
    sources: dict[tuple[int, str, str], set[tuple[int, str, str]]] = {}
    for source, target in graph.edges:
        sources.setdefault(home[target], set()).add(home[source])
    return {node for node, space in home.items() if len(sources.get(space, ())) > 1}


def describe_edge(labels: tuple[str, str], data: Mapping[str, Any], *, together: bool = False) -> str:
    """Say what an edge is.

    Parameters
    ----------
    labels
        Of its source and target.
    data
        Its attributes in the graph.
    together
        Whether its target is among `read_together`.

    Returns
    -------
    str
        The two labels (long ones shortened), the signed effect, the weight (share of all squared effect between the
        two spaces, or on the target's space), the kind and the rule.
    """
    ends = " → ".join(one_line(label, 60) for label in labels)
    whole = "all that reaches the target's space" if together else "this pair of spaces"
    share = f"weight {data['weight']:.4g} of {whole}"
    kind = "between layers" if data["kind"] == "between" else "within a layer"
    return f"{ends}: effect {data['effect']:+.4g}, {share}, {kind}, rule {data['rule']}"


def recipe(graph: nx.DiGraph) -> str:
    """Return what a graph is made of: which components, joined by which weights.

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
