"""What was found, in the lines that stand above a picture: how many groups, of what, how sure, how far apart."""

import math
from collections.abc import Mapping

import networkx as nx

from compgraph.group import Partition
from compgraph.group.partition import SIGNIFICANT, STABLE
from compgraph.show.graph.palette import shown_groups
from compgraph.show.graph.words import one_line, recipe

_NAMED = 4  # groups that a title names; more are counted
_LONGEST = 40  # characters of a name there


def named_by_outputs(graph: nx.DiGraph, groups: Partition) -> Partition:
    """Name groups after the outputs that belong to one of them alone, where none of them has a name.

    Parameters
    ----------
    graph
        A component graph.
    groups
        Its partition.

    Returns
    -------
    Partition
        The same where the model has a single output.

    Examples
    --------
    >>> graph = nx.DiGraph()
    >>> graph.add_node("a", output="policy"), graph.add_node("b", output="value"), graph.add_node("c")
    (None, None, None)
    >>> found = Partition({"a": 0, "b": 1, "c": 1}, 0.1, 0.01, 1.0, "louvain", {}, 0)
    >>> dict(named_by_outputs(graph, found).names)
    {0: 'policy', 1: 'value'}
    """
    inside: dict[str, set[int]] = {}
    for node, output in graph.nodes(data="output"):
        if isinstance(output, str):
            inside.setdefault(output, set()).add(groups.assignment[node])
    if groups.names or len(inside) < 2:
        return groups
    names: dict[int, list[str]] = {}
    for output, where in inside.items():
        if len(where) == 1:
            names.setdefault(min(where), []).append(output)
    return groups.named({group: ", ".join(outputs) for group, outputs in sorted(names.items())})


def crossing(graph: nx.DiGraph, assignment: Mapping[str, int]) -> float:
    """Return the part of all weight between layers that links of different groups have.

    Parameters
    ----------
    graph
        A component graph.
    assignment
        Group of every node.

    Returns
    -------
    float
        From 0 to 1; NaN where nothing is linked.

    Examples
    --------
    >>> graph = nx.DiGraph()
    >>> graph.add_edge("a", "b", weight=0.9, kind="between"), graph.add_edge("a", "c", weight=0.1, kind="between")
    (None, None)
    >>> crossing(graph, {"a": 0, "b": 0, "c": 1})
    0.1
    """
    across = total = 0.0
    for source, target, data in graph.edges(data=True):
        if data["kind"] == "between":
            total += data["weight"]
            across += data["weight"] * (assignment[source] != assignment[target])
    return across / total if total > 0 else math.nan


def title(graph: nx.DiGraph, groups: Partition | None = None) -> str:
    """Return the heading of a picture: what was found, or what is shown where nothing was sought.

    Parameters
    ----------
    graph
        A component graph.
    groups
        Its partition, or none when it was not grouped.

    Returns
    -------
    str
        One line.
    """
    if groups is None:
        return recipe(graph)
    shown = sorted(set(shown_groups(groups).values()))
    if not shown:
        return "No reliable groups"
    if not groups.names:
        return f"{len(shown)} groups"
    names = [one_line(groups.name(group), _LONGEST) for group in shown[:_NAMED]]
    more = f" and {len(shown) - _NAMED} more" * (len(shown) > _NAMED)
    return f"{len(shown)} groups: {', '.join(names)}{more}"


def summary(graph: nx.DiGraph, groups: Partition | None = None) -> str:
    """Return the line below the heading: how sure the groups are, and how far apart.

    Parameters
    ----------
    graph, groups
        As for `title`.

    Returns
    -------
    str
        One line; where groups are not reliable it says what was measured and what is needed.
    """
    if groups is None:
        return "Not grouped."
    p_value = "p not tested" if math.isnan(groups.p_value) else f"p = {groups.p_value:.3g}"
    if not shown_groups(groups):
        found = f"{groups.n_groups} groups proposed by {groups.algorithm}: " if groups.n_groups > 1 else ""
        return (
            f"{found}{p_value} (at most {SIGNIFICANT:g} is needed), stability {groups.stability:.2f} "
            f"(at least {STABLE:g})."
        )
    across = crossing(graph, groups.assignment)
    far = "" if math.isnan(across) else f" {_percent(across)} of the weight between layers crosses groups."
    return f"Reliable: {p_value}, stability {groups.stability:.2f}.{far}"


def contents(graph: nx.DiGraph, groups: Partition | None = None) -> str:
    """Return the smallest line: how much there is, and how it was made.

    Parameters
    ----------
    graph, groups
        As for `title`.

    Returns
    -------
    str
        One line.
    """
    size = f"{_count(graph.number_of_nodes(), 'node')}, {_count(graph.number_of_edges(), 'edge')}"
    made = recipe(graph).partition(": ")[2]
    by = "" if groups is None else f", {groups.algorithm} groups"
    return f"{size}: {made}{by}"


def _percent(part: float) -> str:
    return "Less than 0.1 %" if 0 < part < 0.001 else f"{100 * part:.2g} %" if part < 0.1 else f"{100 * part:.0f} %"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
