"""The bands of a flow diagram as shapes: where they leave, how they run around what they pass, where they arrive."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from compgraph.show.flow.bands import Band, Flow
from compgraph.show.graph.detours import Detour
from compgraph.show.graph.routes import curve


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
        Number of its column, from the left; layers of one depth share it.
    x, width
        Left edge, and how wide it is; the picture is 1 wide between the left edges of its outermost boxes.
    strips
        Its tasks, from top to bottom without gaps; at least one.
    """

    node: str
    column: int
    x: float
    width: float
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
    """A band, with its strips in the same order wherever it goes.

    Attributes
    ----------
    band
        What it shows.
    start, stop
        Where it leaves and where it arrives, horizontally.
    leaving, arriving
        Its strips there, one for each task that has any of it.
    passing
        Where it runs level, around columns between the two: two places across, and the strips there. None where it
        passes no column.
    """

    band: Band
    start: float
    stop: float
    leaving: tuple[Strip, ...]
    arriving: tuple[Strip, ...]
    passing: tuple[float, float, tuple[Strip, ...]] | None = None

    def outline(self, number: int) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
        """Return the outline of one strip.

        Parameters
        ----------
        number
            Of the strip, from the top.

        Returns
        -------
        tuple of list of (float, float)
            Its upper edge from left to right and its lower edge from right to left, as cubic Bézier splines.
        """
        here, there = self.leaving[number], self.arriving[number]
        stations = [(self.start, here), (self.stop, there)]
        if self.passing is not None:
            left, right, strips = self.passing
            stations[1:1] = [(left, strips[number]), (right, strips[number])]
        upper = curve(tuple((x, strip.top) for x, strip in stations))
        return upper, curve(tuple((x, strip.bottom) for x, strip in reversed(stations)))


def stacked(widths: tuple[float, ...], tasks: list[int], top: float) -> tuple[Strip, ...]:
    """Lay strips one below another.

    Parameters
    ----------
    widths
        Of every task.
    tasks
        Those that get a strip.
    top
        Where the first begins.

    Returns
    -------
    tuple of Strip
        Without gaps.
    """
    strips = []
    for task in tasks:
        strips.append(Strip(task, top, top + widths[task]))
        top += widths[task]
    return tuple(strips)


def ribbons_of(
    found: Flow,
    boxes: Mapping[str, Box],
    stack_of: Mapping[str, int],
    ways: Mapping[tuple[int, int], Detour],
    thickness: Mapping[tuple[int, int], float],
) -> tuple[Ribbon, ...]:
    """Place the ends of all bands, and what runs around columns.

    Parameters
    ----------
    found
        The flow.
    boxes
        Of its components.
    stack_of
        Number of each component's layer.
    ways
        Level stretch of the arrows between two layers that need one.
    thickness
        Of those arrows.

    Returns
    -------
    tuple of Ribbon
        In the order of the flow's bands. Those of one arrow run side by side, in proportion to their widths.
    """
    order = {node: position for position, node in enumerate(boxes)}
    used: defaultdict[tuple[object, ...], float] = defaultdict(float)
    left, right, around = {}, {}, {}
    # A source without height still has tasks where its bands arrive.
    present = {band: [task for task, width in enumerate(band.arriving) if width > 0] for band in found.bands}
    for band in sorted(found.bands, key=lambda band: order[band.target]):
        left[band] = stacked(band.leaving, present[band], boxes[band.source].top + used["from", band.source])
        used["from", band.source] += sum(band.leaving)
    for band in sorted(found.bands, key=lambda band: order[band.source]):
        right[band] = stacked(band.arriving, present[band], boxes[band.target].top + used["to", band.target])
        used["to", band.target] += sum(band.arriving)
    whole: defaultdict[tuple[int, int], float] = defaultdict(float)
    for band in found.bands:
        whole[stack_of[band.source], stack_of[band.target]] += sum(band.arriving)
    for band in sorted(found.bands, key=lambda band: (order[band.source], order[band.target])):
        arrow = stack_of[band.source], stack_of[band.target]
        if arrow in ways:
            way, widths = ways[arrow], tuple(thickness[arrow] * part / whole[arrow] for part in band.arriving)
            top = way.level - thickness[arrow] / 2 + used["around", arrow]
            around[band] = way.start, way.stop, stacked(widths, present[band], top)
            used["around", arrow] += sum(widths)
    return tuple(
        Ribbon(
            band,
            boxes[band.source].x + boxes[band.source].width,
            boxes[band.target].x,
            left[band],
            right[band],
            around.get(band),
        )
        for band in found.bands
    )
