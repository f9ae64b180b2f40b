"""What every picture of a component graph shows: order, places, colours, widths and words, computed once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import networkx as nx

from compgraph.connect import ordered_nodes
from compgraph.group import Partition
from compgraph.records import brief
from compgraph.show.graph.finding import contents, named_by_outputs, summary, title
from compgraph.show.graph.layout import Stack, layered_positions, stacks
from compgraph.show.graph.palette import FAINT, NEUTRAL, colour, shown_groups
from compgraph.show.graph.routes import Place, Route, routes_of
from compgraph.show.graph.widths import pen_width, readable_threshold, relative_weights
from compgraph.show.graph.words import (
    Readers,
    describe_edge,
    describe_node,
    heading,
    name_node,
    read_together,
    readers_of,
)


@dataclass(frozen=True, slots=True)
class Mark:
    """A node of the picture.

    Attributes
    ----------
    node
        Its id in the graph.
    label
        Its name, as the graph has it, after the name of its output.
    index
        Its number within its space.
    group
        Where groups are shown.
    place
        Across and down, in points.
    share
        Its part of its space, cut to [0, 1].
    shade
        Its colour as ``#RRGGBB``.
    words
        What it is.
    """

    node: str
    label: str
    index: int
    group: int | None
    place: tuple[float, float]
    share: float
    shade: str
    words: str


@dataclass(frozen=True, slots=True)
class Line:
    """An edge of the picture.

    Attributes
    ----------
    source, target
        Positions of its ends among the marks.
    relative
        Its weight over that of the strongest edge between the same two spaces.
    width
        Of the pen, in points.
    shade
        The colour of the group that both ends are in, or of none.
    labels
        Of its ends.
    data
        Its attributes in the graph.
    together
        Whether several spaces reach its target's, so that weights sum to 1 over all of them.
    route
        Places between which it runs level, around the layers that it passes; none where it runs straight. To them and
        from them it swings with level ends: a cubic Bézier curve whose control points lie half way across.
    """

    source: int
    target: int
    relative: float
    width: float
    shade: str
    labels: tuple[str, str]
    data: Mapping[str, object]
    together: bool = False
    route: tuple[tuple[float, float], ...] = ()

    @property
    def words(self) -> str:
        """What it is."""
        return describe_edge(self.labels, self.data, together=self.together)


@dataclass(frozen=True, slots=True)
class Headed:
    """The nodes of a space, and what stands above them.

    Attributes
    ----------
    stack
        Its nodes and place.
    subject, verb
        Who does what there.
    top, bottom
        Between which heights it has its column for itself: all of the picture where no layer stands beside it, else
        from its uppermost to its lowest node. The heading stands above.
    """

    stack: Stack
    subject: str
    verb: str
    top: float
    bottom: float


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the legend.

    Attributes
    ----------
    group
        Its number.
    name
        The task that it serves where that is known, else its number in words.
    size
        How many nodes it has.
    shade
        Its colour.
    """

    group: int
    name: str
    size: int
    shade: str


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Scene:
    """A picture before it is drawn: every renderer draws the same one.

    Attributes
    ----------
    title, summary, contents
        What stands above it, from the largest to the smallest.
    columns
        From left to right, and from top to bottom in a column.
    marks
        The nodes in canonical order.
    lines
        The edges in the order of their ends.
    legend
        The groups shown; empty where none are.
    threshold
        Relative weight below which an interactive picture hides edges at first.
    """

    title: str
    summary: str
    contents: str
    columns: tuple[Headed, ...]
    marks: tuple[Mark, ...]
    lines: tuple[Line, ...]
    legend: tuple[Entry, ...]
    threshold: float

    __repr__ = brief


def scene(graph: nx.DiGraph, groups: Partition | None = None) -> Scene:
    """Compute what a picture of a component graph shows.

    Parameters
    ----------
    graph
        A component graph.
    groups
        Its partition; one that is not reliable is reported in the summary and not coloured.

    Returns
    -------
    Scene
        The same for every order of insertion.

    Notes
    -----
    O(n log n + m log m) for n nodes and m edges.

    Examples
    --------
    >>> graph = nx.DiGraph(schema="compgraph/2")
    >>> space = {"layer": "fc", "side": "out", "depth": 1, "method": "pca", "strength": 1.0, "share": 0.5}
    >>> graph.add_node("a", **space, index=0, label="fc out 0")
    >>> graph.add_node("b", **space, index=1, label="fc out 1")
    >>> [mark.words for mark in scene(graph).marks][1]
    "component 1 of what fc writes, pca, 50.0 % of the space's total strength"
    """
    groups = None if groups is None else named_by_outputs(graph, groups)
    nodes, readers = ordered_nodes(graph), readers_of(graph)
    group_of, relative = shown_groups(groups), relative_weights(graph)
    shades = {node: colour(group_of[node]) if node in group_of else NEUTRAL for node in nodes}
    table, places = stacks(graph, groups), layered_positions(graph, groups)
    routes = routes_of(graph, table, places)
    return Scene(
        title(graph, groups),
        summary(graph, groups),
        contents(graph, groups),
        _headed(table, readers, places, routes),
        _marks(graph, groups, readers, group_of, shades, places),
        _lines(graph, nodes, group_of, relative, shades, routes),
        _legend(groups, group_of),
        readable_threshold(relative, len(nodes)),
    )


def _headed(
    table: tuple[Stack, ...], readers: Readers, places: Mapping[str, Place], routes: Mapping[tuple[str, str], Route]
) -> tuple[Headed, ...]:
    heights = [y for _, y in places.values()] + [y for route in routes.values() for _, y in route] or [0.0]
    made = []
    for stack in table:
        own = [places[node][1] for node in stack.nodes] if stack.shared else heights
        made.append(Headed(stack, *heading(stack, readers), min(own), max(own)))
    return tuple(made)


def _marks(
    graph: nx.DiGraph,
    groups: Partition | None,
    readers: Readers,
    group_of: Mapping[str, int],
    shades: Mapping[str, str],
    places: Mapping[str, Place],
) -> tuple[Mark, ...]:
    names = {} if groups is None else {group: groups.name(group) for group in set(group_of.values())}
    made = []
    for node in shades:
        data, group = graph.nodes[node], group_of.get(node)
        words = describe_node(graph, node, readers) + ("" if group is None else f", {names[group]}")
        share = min(max(data["share"], 0.0), 1.0)
        made.append(Mark(node, name_node(data), data["index"], group, places[node], share, shades[node], words))
    return tuple(made)


def _lines(
    graph: nx.DiGraph,
    nodes: Sequence[str],
    group_of: Mapping[str, int],
    relative: Mapping[tuple[str, str], float],
    shades: Mapping[str, str],
    routes: Mapping[tuple[str, str], Route],
) -> tuple[Line, ...]:
    rank, several = {node: position for position, node in enumerate(nodes)}, read_together(graph)
    name = {node: name_node(data) for node, data in graph.nodes(data=True)}
    made = []
    for source in nodes:
        group = group_of.get(source)
        for target, data in sorted(graph.adj[source].items(), key=lambda reached: rank[reached[0]]):
            share, route = relative[source, target], routes.get((source, target), ())
            shade = FAINT if group is None or group != group_of[target] else shades[source]
            ends, labels, together = (rank[source], rank[target]), (name[source], name[target]), target in several
            made.append(Line(*ends, share, pen_width(share), shade, labels, data, together, route))
    return tuple(made)


def _legend(groups: Partition | None, group_of: Mapping[str, int]) -> tuple[Entry, ...]:
    if groups is None:
        return ()
    members = list(group_of.values())
    return tuple(
        Entry(group, groups.name(group), members.count(group), colour(group)) for group in sorted(set(members))
    )
