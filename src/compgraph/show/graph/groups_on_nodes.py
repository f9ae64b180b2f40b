"""Groups and graph in one: a copy of the graph that carries its partition, and the way back."""

import math
from collections.abc import Mapping

import networkx as nx

from compgraph.arguments import checked
from compgraph.connect import ordered_nodes
from compgraph.errors import BadRequest, GraphError
from compgraph.group import Partition


@checked
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


@checked
def groups_of(graph: nx.DiGraph) -> Partition | None:
    """Return the partition that `with_groups` wrote onto a graph.

    Parameters
    ----------
    graph
        A component graph, such as one read from a file.

    Returns
    -------
    Partition or None
        None where no node has a group; numbers that were not written are NaN, parameters are empty.

    Raises
    ------
    GraphError
        When some nodes have a group and others none, or a group is no int from 0, naming the first such node.

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
    if all(group is None for group in assignment.values()):
        return None
    _require_numbers(assignment)
    quality, p_value, stability = (_number(graph, f"group_{name}") for name in ("quality", "p_value", "stability"))
    named = {group: graph.nodes[node].get("group_name") for node, group in assignment.items()}
    names = {group: name for group, name in named.items() if type(name) is str}
    algorithm, seed = str(graph.graph.get("group_algorithm", "unknown")), graph.graph.get("group_seed", 0)
    seed = seed if type(seed) is int else 0
    return Partition(assignment, quality, p_value, stability, algorithm, {}, seed, names=names)


def _require_numbers(assignment: Mapping[str, object]) -> None:
    remedy = "Groups are ints from 0 on all nodes; mend the attribute 'group', or remove it from all of them."
    lacking = [node for node, group in assignment.items() if group is None]
    if lacking:
        raise GraphError(
            f"node {lacking[0]!r} has no attribute 'group', {len(lacking)} of {len(assignment)} nodes have none. "
            f"{remedy}"
        )
    for node, group in assignment.items():
        if type(group) is not int or group < 0:
            raise GraphError(f"node {node!r} has the group {group!r:.80}. {remedy}")


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
    BadRequest
        When they are no `Partition`.
    GraphError
        Naming the first node without a group, or the first that is not in the graph, and how many there are.
    """
    if not isinstance(groups, Partition):
        raise BadRequest(
            f"groups is a {type(groups).__name__}; a Partition is needed, as compgraph.communities(graph) returns. "
            'Groups of your own go onto the nodes: networkx.set_node_attributes(graph, {node: 0, ...}, "group").'
        )
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
