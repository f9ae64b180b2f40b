"""What flows through a component graph: how much of each component goes where, and for which task."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real

import networkx as nx

from compgraph.arguments import checked
from compgraph.check import TaskProfile
from compgraph.check.profile.task_profile import require_profile_of
from compgraph.connect import check_graph, ordered_nodes
from compgraph.errors import BadRequest, GraphError
from compgraph.group import Partition
from compgraph.records import brief, freeze, rebuilt
from compgraph.show.graph.palette import task_colours

SMALLEST = 0.005
"""Bands that are thinner than this at both ends are hidden unless asked for, as a share of a space."""


@dataclass(frozen=True, slots=True)
class Band:
    """A link, as wide as what it carries.

    Attributes
    ----------
    source, target
        The two components, in the direction in which data flows.
    leaving
        Width of each task's strip where the band leaves its source, as a share of the source's space. After the tasks
        stands what belongs to none of them.
    arriving
        The same where it arrives, as a share of the target's space.
    """

    source: str
    target: str
    leaving: tuple[float, ...]
    arriving: tuple[float, ...]


@dataclass(frozen=True, slots=True, repr=False)
class Flow:
    """What a flow diagram shows.

    Attributes
    ----------
    tasks
        Names of the tasks, in the order of the strips.
    height
        Node id to its share of its space, the height of its box.
    split
        Node id to the height that belongs to each task, and to none of them last.
    bands
        The links shown, in canonical order of source and target.
    hidden
        Share of all flow, from 0 to 1, in the bands left out.
    shades
        Colour of each task.
    """

    tasks: tuple[str, ...]
    height: Mapping[str, float]
    split: Mapping[str, tuple[float, ...]]
    bands: tuple[Band, ...]
    hidden: float
    shades: tuple[str, ...]

    __repr__ = brief
    __reduce__ = rebuilt

    def __post_init__(self) -> None:
        freeze(self, "height", "split")

    @property
    def crossing(self) -> float:
        """Share of all flow shown that arrives at a component which mostly serves another task, or none."""
        home = {node: split.index(max(split)) for node, split in self.split.items()}
        whole = sum(sum(band.arriving) for band in self.bands)
        strays = sum(sum(band.arriving) - band.arriving[home[band.target]] for band in self.bands)
        return strays / whole if whole > 0 else 0.0


@checked
def task_flow(
    graph: nx.DiGraph,
    profile: TaskProfile,
    *,
    smallest: float | int = SMALLEST,
    groups: Partition | None = None,
) -> Flow:
    r"""Divide the importance of every component over its links, and every link over the tasks.

    With :math:`h` the share of a component in its space, :math:`w` the weights of the graph and :math:`p_{it}` the
    share of task ``t`` in source ``i``, a band is

    .. math:: a_{ij} = h_j \frac{w_{ij}}{\sum_i w_{ij}}, \quad l_{ij} = h_i \frac{a_{ij}}{\sum_j a_{ij}}

    wide where it arrives and where it leaves, and its strips are :math:`p_{it} a_{ij}` and :math:`p_{it} l_{ij}`.

    Parameters
    ----------
    graph
        A component graph.
    profile
        Task shares of its nodes, from `compgraph.task_profile`. What it lacks, or no task moves, belongs to no task.
    smallest
        Bands thinner than this at both ends are left out: from 0 (none) to below 1. More gives a calmer picture.
    groups
        Its partition, for the colours of tasks that its groups are named after.

    Returns
    -------
    Flow
        The strips of a band sum to the band. Bands that leave a box sum to its height, and so do those that arrive,
        but for the ones left out.

    Raises
    ------
    GraphError
        When the graph does not follow the schema, or the profile names a node that it does not have.
    BadRequest
        When shares of a node are negative, not finite or above 1 together, or ``smallest`` is out of range.

    Notes
    -----
    Dimensionless. A band says how much of what the target does comes from the source, as far as the weights say so
    (for squared standardised regression coefficients: explained variance), and weights of any scale give the same
    bands. That the strips keep the task shares of the source is an attribution, not a measurement of the link.
    O(n log n + m log m) for n nodes and m edges.

    References
    ----------
    Schmidt, M. (2008). The Sankey diagram in energy and material flow management.
    https://doi.org/10.1111/j.1530-9290.2008.00004.x

    Examples
    --------
    >>> nodes = {"a": ("out", 1.0), "b": ("in", 0.75), "c": ("in", 0.25)}
    >>> graph = nx.DiGraph(schema="compgraph/2")
    >>> for i, (node, (side, share)) in enumerate(nodes.items()):
    ...     where = {"layer": "fc", "side": side, "depth": 0, "index": i, "method": "pca", "label": node}
    ...     graph.add_node(node, **where, share=share, strength=share)
    >>> graph.add_weighted_edges_from([("a", "b", 0.5), ("a", "c", 0.5)], effect=1.0, kind="within", rule="given")
    >>> profile = TaskProfile({}, {"a": {"left": 0.8, "right": 0.2}}, {"a": "left"})
    >>> [(band.target, [round(part, 3) for part in band.leaving]) for band in task_flow(graph, profile).bands]
    [('b', [0.6, 0.15, 0.0]), ('c', [0.2, 0.05, 0.0])]
    """
    check_graph(graph)
    require_profile_of(graph, profile)
    _require_shares(graph, profile)
    if isinstance(smallest, bool) or not isinstance(smallest, Real) or not 0 <= smallest < 1:
        raise BadRequest(f"smallest={smallest!r}: a share of a space, from 0 to below 1, is needed.")
    nodes = ordered_nodes(graph)
    tasks = tuple(dict.fromkeys(task for node in nodes for task in profile.share.get(node, {})))
    height = {node: max(graph.nodes[node]["share"], 0.0) for node in nodes}
    parts = {node: _divided(profile.share.get(node, {}), tasks) for node in nodes}
    arriving = _arriving(graph, nodes, height)
    sums: dict[str, float] = {}
    for (source, _), width in arriving.items():
        sums[source] = sums.get(source, 0.0) + width
    leaving = {ends: height[ends[0]] * width / sums[ends[0]] for ends, width in arriving.items()}
    shown = [ends for ends in arriving if max(leaving[ends], arriving[ends]) >= smallest]
    total = sum(arriving.values()) + sum(leaving.values())
    visible = sum(arriving[ends] + leaving[ends] for ends in shown)
    return Flow(
        tasks,
        height,
        {node: _strips(height[node], parts[node]) for node in nodes},
        tuple(
            Band(*ends, _strips(leaving[ends], parts[ends[0]]), _strips(arriving[ends], parts[ends[0]]))
            for ends in shown
        ),
        1 - visible / total if len(shown) < len(arriving) else 0.0,
        tuple(task_colours(tasks, groups).values()),
    )


def _arriving(graph: nx.DiGraph, nodes: list[str], height: Mapping[str, float]) -> dict[tuple[str, str], float]:
    """Divide the height of every target over the links that arrive there, in canonical order."""
    rank = {node: position for position, node in enumerate(nodes)}
    weights = {target: graph.in_degree(target, weight="weight") for target in nodes}
    ends = sorted(graph.edges, key=lambda edge: (rank[edge[0]], rank[edge[1]]))
    found = {(a, b): height[b] * graph.edges[a, b]["weight"] / weights[b] for a, b in ends if weights[b] > 0}
    return {edge: width for edge, width in found.items() if width > 0}


def _divided(shares: Mapping[str, float], tasks: tuple[str, ...]) -> tuple[float, ...]:
    """Return the part of every task, and last what no task has; parts sum to 1."""
    known = [shares.get(task, 0.0) for task in tasks]
    return (*known, 1.0 - sum(known) if sum(known) < 1 - 1e-9 else 0.0)


def _strips(width: float, parts: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(width * part for part in parts)


def _require_shares(graph: nx.DiGraph, profile: TaskProfile) -> None:
    for node, shares in profile.share.items():
        if node not in graph:
            raise GraphError(
                f"the profile has the node {node!r}, which is not among the {len(graph)} nodes of the graph; "
                "take both from the same components."
            )
        values = list(shares.values())
        if not all(math.isfinite(value) and value >= 0 for value in values) or sum(values) > 1 + 1e-6:
            raise BadRequest(
                f"the task shares of node {node!r} are {dict(shares)}; numbers of at least 0 that sum to at most 1 "
                "are needed."
            )
