"""Groups and graph in one: a copy of the graph that carries its partition, and the way back."""

import math

import networkx as nx

from compgraph.connect import ordered_nodes
from compgraph.errors import GraphError
from compgraph.group import Partition


def with_groups(graph: nx.DiGraph, groups: Partition) -> nx.DiGraph:
    """Copy a component graph and write its groups onto the copy.

    Parameters
    ----------
    graph
        A component graph; it is not changed.
    groups
        A partition of its nodes.

    Returns
    -------
    networkx.DiGraph
        The copy: every node has an int ``group``, and ``group_name`` where the group has a name; the graph has
        ``group_quality``, ``group_p_value``, ``group_stability``, ``group_algorithm`` and ``group_seed``, those that
        are NaN left out.

    Raises
    ------
    GraphError
        When a node has no group, naming the first one.

    Examples
    --------
    >>> graph = nx.DiGraph(schema="compgraph/2")
    >>> where = {"layer": "fc1", "side": "in", "depth": 1, "index": 0, "method": "pca"}
    >>> graph.add_node("a", **where, strength=2.0, share=1.0, label="a")
    >>> found = Partition({"a": 0}, 0.4, 0.05, 1.0, "louvain", {}, 0)
    >>> with_groups(graph, found).nodes["a"]["group"]
    0
    """
    require_groups(graph, groups)
    copy = graph.copy()
    for node in copy:
        group = copy.nodes[node]["group"] = int(groups.assignment[node])
        copy.nodes[node].pop("group_name", None)
        if group in groups.names:
            copy.nodes[node]["group_name"] = groups.names[group]
    numbers = {"quality": groups.quality, "p_value": groups.p_value, "stability": groups.stability}
    copy.graph.update({f"group_{name}": float(value) for name, value in numbers.items() if math.isfinite(value)})
    copy.graph.update(group_algorithm=groups.algorithm, group_seed=int(groups.seed))
    return copy


def groups_of(graph: nx.DiGraph) -> Partition | None:
    """Return the partition that `with_groups` wrote onto a graph.

    Parameters
    ----------
    graph
        A component graph, such as one read from a file.

    Returns
    -------
    Partition or None
        None unless every node has an int group; numbers that were not written are NaN, parameters are empty.

    Examples
    --------
    >>> graph = nx.DiGraph(schema="compgraph/2")
    >>> where = {"layer": "fc1", "side": "in", "depth": 1, "index": 0, "method": "pca"}
    >>> graph.add_node("a", **where, strength=2.0, share=1.0, label="a")
    >>> found = Partition({"a": 0}, 0.4, 0.05, 1.0, "louvain", {}, 0)
    >>> groups_of(graph) is None, dict(groups_of(with_groups(graph, found)).assignment)
    (True, {'a': 0})
    """
    assignment = {node: graph.nodes[node].get("group") for node in ordered_nodes(graph)}
    if not assignment or any(type(group) is not int for group in assignment.values()):
        return None
    quality, p_value, stability = (_number(graph, f"group_{name}") for name in ("quality", "p_value", "stability"))
    named = {group: graph.nodes[node].get("group_name") for node, group in assignment.items()}
    names = {group: name for group, name in named.items() if type(name) is str}
    algorithm, seed = str(graph.graph.get("group_algorithm", "unknown")), graph.graph.get("group_seed", 0)
    seed = seed if type(seed) is int else 0
    return Partition(assignment, quality, p_value, stability, algorithm, {}, seed, names=names)


def _number(graph: nx.DiGraph, name: str) -> float:
    value = graph.graph.get(name)
    return float(value) if isinstance(value, int | float) else math.nan


def require_groups(graph: nx.DiGraph, groups: Partition) -> None:
    """Raise unless the groups are those of the graph's nodes, all of them and no others.

    Parameters
    ----------
    graph
        A component graph.
    groups
        What should be a partition of its nodes.

    Raises
    ------
    GraphError
        Naming the first node without a group, or the first that is not in the graph, and how many there are.
    """
    missing = [node for node in ordered_nodes(graph) if node not in groups.assignment]
    if missing:
        raise GraphError(
            f"node {missing[0]!r} has no group, {len(missing)} of {len(graph)} nodes have none; "
            "group this very graph with compgraph.communities."
        )
    foreign = [node for node in groups.assignment if node not in graph]
    if foreign:
        raise GraphError(
            f"the groups have node {foreign[0]!r}, which is not in the graph ({len(foreign)} such nodes); "
            "group this very graph with compgraph.communities."
        )
