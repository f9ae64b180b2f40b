"""Where the boxes and bands of a flow diagram lie; a task's components stand together."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import networkx as nx

from compgraph.show.flow.bands import Flow
from compgraph.show.flow.ribbons import Box, Ribbon, Strip, ribbons_of, stacked
from compgraph.show.graph.detours import Arrow, Detour, detours
from compgraph.show.graph.layout import Stack, stacks

BOX, PART = 0.02, 0.6
"""Width of a box: in the width of the picture, and at most this part of the way from one column to the next."""
GAPS, LARGEST_GAP = 0.4, 0.05
"""Room between the boxes of the tallest layer, in heights of a space: all of it, and one gap at most."""
HEAD = 0.2
"""Room for the heading of a layer that others stand beside, in heights of a space."""
PASSING, APART = 0.12, 0.03
"""Most room for the bands of one arrow where they run around a column, and room beside them, in heights of a space."""
REACH = 0.15
"""Part of the gap beside a column within which a band around it is level."""


SCALE = 0.2
"""Length of the bar that tells the scale, in heights of a space."""


@dataclass(frozen=True, slots=True)
class Shapes:
    """Everything there is to draw.

    Attributes
    ----------
    stacks
        The layers, column by column and from top to bottom.
    heads
        Where the heading of each stands, downwards: at the top of the picture, or above a layer that has others beside
        it.
    boxes
        Node id to box, in the order of the columns and from top to bottom.
    ribbons
        In the order of the flow's bands.
    box
        Width of a box.
    height
        From the upper end of the picture, at 0, to the lower one.
    """

    stacks: tuple[Stack, ...]
    heads: tuple[float, ...]
    boxes: dict[str, Box]
    ribbons: tuple[Ribbon, ...]
    box: float
    height: float

    @property
    def n_columns(self) -> int:
        """How many columns there are."""
        return len({stack.x for stack in self.stacks})

    @property
    def step(self) -> float:
        """Least distance of two columns."""
        return _step(self.stacks)

    @property
    def around(self) -> bool:
        """Whether bands run around columns."""
        return any(ribbon.passing is not None for ribbon in self.ribbons)


def flow_shapes(graph: nx.DiGraph, found: Flow) -> Shapes:
    """Place the boxes of a flow and its bands.

    Parameters
    ----------
    graph
        The component graph the flow is of.
    found
        The flow.

    Returns
    -------
    Shapes
        Boxes of a layer stand by dominant task, then by index. Bands leave a box in the order of their targets
        and arrive in that of their sources, so that two bands of one box never cross near it. Bands that pass a column
        run around it, at most ``PASSING`` high for two layers.

    Notes
    -----
    O(n log n + m log m) for n boxes and m bands.
    """
    table = stacks(graph)
    most = max((len(stack.nodes) for stack in table), default=1)
    gap = min(GAPS / max(most - 1, 1), LARGEST_GAP)
    tall = [sum(found.height[node] for node in stack.nodes) + gap * (len(stack.nodes) - 1) for stack in table]
    extent = max((stack.x for stack in table), default=0.0) or 1.0
    table = tuple(replace(stack, x=stack.x / extent) for stack in table)
    stack_of = {node: number for number, stack in enumerate(table) for node in stack.nodes}
    tops, height = _tops(table, tall)
    thickness = _thickness(found, stack_of)
    ways = _ways(table, tops, tall, thickness)
    ends = [(way.level - thickness[arrow] / 2 - APART, way.level + thickness[arrow] / 2) for arrow, way in ways.items()]
    down = -min([0.0, *(top for top, _ in ends)])
    tops, height = [top + down for top in tops], max([height, *(bottom for _, bottom in ends)]) + down
    ways = {arrow: replace(way, level=way.level + down) for arrow, way in ways.items()}
    box = min(BOX, PART * _step(table))
    boxes = _boxes(table, tops, found, gap, box)
    heads = tuple(top if stack.shared else 0.0 for stack, top in zip(table, tops, strict=True))
    return Shapes(table, heads, boxes, ribbons_of(found, boxes, stack_of, ways, thickness), box, height)


def _tops(table: Sequence[Stack], tall: Sequence[float]) -> tuple[list[float], float]:
    """Centre every layer in its slot, as high as the taller of its sides, and the slots of a depth in the picture."""
    slots: defaultdict[int, dict[int, float]] = defaultdict(dict)
    for stack, size in zip(table, tall, strict=True):
        slots[stack.depth][stack.row] = max(slots[stack.depth].get(stack.row, 0.0), size)
    total = {depth: sum(slot.values()) + HEAD * (len(slot) - 1) for depth, slot in slots.items()}
    height = max(total.values(), default=1.0)
    tops = []
    for stack, size in zip(table, tall, strict=True):
        slot = slots[stack.depth]
        above = sum(slot[row] + HEAD for row in range(stack.row))
        tops.append((height - total[stack.depth]) / 2 + above + (slot[stack.row] - size) / 2)
    return tops, height


def _thickness(found: Flow, stack_of: Mapping[str, int]) -> dict[tuple[int, int], float]:
    widths: defaultdict[tuple[int, int], float] = defaultdict(float)
    for band in found.bands:
        widths[stack_of[band.source], stack_of[band.target]] += sum(band.arriving)
    return {arrow: min(width, PASSING) for arrow, width in sorted(widths.items())}


def _ways(
    table: Sequence[Stack],
    tops: Sequence[float],
    tall: Sequence[float],
    thickness: Mapping[tuple[int, int], float],
) -> dict[tuple[int, int], Detour]:
    """Lead the arrows that pass columns around these; places across are then where the level stretch ends."""
    extents: dict[float, tuple[float, float]] = {}
    for stack, top, size in zip(table, tops, tall, strict=True):
        upper, lower = extents.get(stack.x, (top, top + size))
        extents[stack.x] = min(upper, top - HEAD * stack.shared), max(lower, top + size)
    middle = [top + size / 2 for top, size in zip(tops, tall, strict=True)]
    arrows = {
        (a, b): Arrow(table[a].x, table[b].x, (middle[a] + middle[b]) / 2, width) for (a, b), width in thickness.items()
    }
    box = min(BOX, PART * _step(table))
    reach = REACH * (_step(table) - box)
    return {
        arrow: Detour(way.start - reach, way.stop + box + reach, way.level)
        for arrow, way in detours(arrows, extents, gap=APART).items()
    }


def _step(table: Sequence[Stack]) -> float:
    return min((after - before for before, after in pairwise(sorted({stack.x for stack in table}))), default=1.0)


def _boxes(table: Sequence[Stack], tops: Sequence[float], found: Flow, gap: float, width: float) -> dict[str, Box]:
    number = {x: place for place, x in enumerate(sorted({stack.x for stack in table}))}
    boxes: dict[str, Box] = {}
    for stack, place in zip(table, tops, strict=True):
        top = place
        for node in sorted(stack.nodes, key=lambda node: _dominant(found.split[node])):  # stable: then by index
            boxes[node] = Box(node, number[stack.x], stack.x, width, _box_strips(found.split[node], top))
            top += found.height[node] + gap
    return boxes


def _dominant(split: tuple[float, ...]) -> int:
    return split.index(max(split))


def _box_strips(split: tuple[float, ...], top: float) -> tuple[Strip, ...]:
    present = [task for task, width in enumerate(split) if width > 0]
    return stacked(split, present or [len(split) - 1], top)


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
