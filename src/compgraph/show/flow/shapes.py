"""Where the boxes and bands of a flow diagram lie; a task's components stand together."""

from collections import defaultdict
from dataclasses import dataclass

import networkx as nx

from compgraph.show.flow.bands import Band, Flow
from compgraph.show.graph.layout import Column, columns

BOX = 0.02
"""Width of a box; the picture is 1 wide between the left edges of its outermost boxes."""
GAPS, LARGEST_GAP = 0.4, 0.05
"""Room between the boxes of the tallest column, in heights of a space: all of it, and one gap at most."""


SCALE = 0.2
"""Length of the bar that tells the scale, in heights of a space."""


@dataclass(frozen=True, slots=True)
class Strip:
    """A stretch of a vertical line, in heights of a space, growing downwards.

    Attributes
    ----------
    task
        Number of the task it belongs to; the number after the last task stands for none.
    top, bottom
        Where it lies.
    """

    task: int
    top: float
    bottom: float


@dataclass(frozen=True, slots=True)
class Box:
    """A component.

    Attributes
    ----------
    node
        Its id.
    column
        Number of its column, from the left.
    x
        Left edge.
    strips
        Its tasks, from top to bottom without gaps; at least one.
    """

    node: str
    column: int
    x: float
    strips: tuple[Strip, ...]

    @property
    def top(self) -> float:
        """Upper edge."""
        return self.strips[0].top

    @property
    def bottom(self) -> float:
        """Lower edge."""
        return self.strips[-1].bottom


@dataclass(frozen=True, slots=True)
class Ribbon:
    """A band, with the strips at its two ends in the same order.

    Attributes
    ----------
    band
        What it shows.
    start, stop
        Where it leaves and where it arrives, horizontally.
    leaving, arriving
        Its strips there, one for each task that has any of it.
    """

    band: Band
    start: float
    stop: float
    leaving: tuple[Strip, ...]
    arriving: tuple[Strip, ...]


@dataclass(frozen=True, slots=True)
class Shapes:
    """Everything there is to draw.

    Attributes
    ----------
    columns
        What stands in each column; ``x`` is that of `compgraph.show.graph.layout.columns`.
    boxes
        Node id to box, in the order of the columns and from top to bottom.
    ribbons
        In the order of the flow's bands.
    height
        Of the tallest column.
    """

    columns: tuple[Column, ...]
    boxes: dict[str, Box]
    ribbons: tuple[Ribbon, ...]
    height: float


def flow_shapes(graph: nx.DiGraph, found: Flow) -> Shapes:
    """Place the boxes of a flow and the ends of its bands.

    Parameters
    ----------
    graph
        The component graph the flow is of.
    found
        The flow.

    Returns
    -------
    Shapes
        Boxes of a column stand by dominant task, then by index. Bands leave a box in the order of their targets
        and arrive in that of their sources, so that two bands of one box never cross near it.

    Notes
    -----
    O(n log n + m log m) for n boxes and m bands.
    """
    table = columns(graph)
    most = max((len(column.nodes) for column in table), default=1)
    gap = min(GAPS / max(most - 1, 1), LARGEST_GAP)
    tall = {column: sum(found.height[node] for node in column.nodes) for column in table}
    height = max((tall[column] + gap * (len(column.nodes) - 1) for column in table), default=1.0)
    extent = max((column.x for column in table), default=0.0) or 1.0
    boxes: dict[str, Box] = {}
    for number, column in enumerate(table):
        top = (height - tall[column] - gap * (len(column.nodes) - 1)) / 2
        for node in sorted(column.nodes, key=lambda node: _dominant(found.split[node])):  # stable: then by index
            boxes[node] = Box(node, number, column.x / extent, _box_strips(found.split[node], top))
            top += found.height[node] + gap
    return Shapes(table, boxes, _ribbons(found, boxes), height)


def _dominant(split: tuple[float, ...]) -> int:
    return split.index(max(split))


def _box_strips(split: tuple[float, ...], top: float) -> tuple[Strip, ...]:
    present = [task for task, width in enumerate(split) if width > 0]
    return _stacked(split, present or [len(split) - 1], top)


def _stacked(widths: tuple[float, ...], tasks: list[int], top: float) -> tuple[Strip, ...]:
    strips = []
    for task in tasks:
        strips.append(Strip(task, top, top + widths[task]))
        top += widths[task]
    return tuple(strips)


def _ribbons(found: Flow, boxes: dict[str, Box]) -> tuple[Ribbon, ...]:
    order = {node: position for position, node in enumerate(boxes)}
    used: defaultdict[tuple[str, str], float] = defaultdict(float)
    left, right = {}, {}
    # A source without height still has tasks where its bands arrive.
    present = {band: [task for task, width in enumerate(band.arriving) if width > 0] for band in found.bands}
    for band in sorted(found.bands, key=lambda band: order[band.target]):
        left[band] = _stacked(band.leaving, present[band], boxes[band.source].top + used["from", band.source])
        used["from", band.source] += sum(band.leaving)
    for band in sorted(found.bands, key=lambda band: order[band.source]):
        right[band] = _stacked(band.arriving, present[band], boxes[band.target].top + used["to", band.target])
        used["to", band.target] += sum(band.arriving)
    return tuple(
        Ribbon(band, boxes[band.source].x + BOX, boxes[band.target].x, left[band], right[band]) for band in found.bands
    )


def spread(places: list[float], step: float, height: float) -> list[float]:
    """Move labels apart, no further than they need to go.

    Parameters
    ----------
    places
        Where they should stand, downwards.
    step
        Their least distance.
    height
        Where the last may stand at most; that holds for all when they have room.

    Returns
    -------
    list of float
        In the same order, at least ``step`` apart.

    Examples
    --------
    >>> spread([0.0, 1.0, 1.0, 3.0], 0.5, 3.0)
    [0.0, 1.0, 1.5, 3.0]
    >>> spread([2.0, 2.0, 2.0], 0.5, 2.0)
    [1.0, 1.5, 2.0]
    """
    found = list(places)
    for i in range(1, len(found)):
        found[i] = max(found[i], found[i - 1] + step)
    lowest = height
    for i in reversed(range(len(found))):
        found[i] = min(found[i], lowest)
        lowest = found[i] - step
    return found
