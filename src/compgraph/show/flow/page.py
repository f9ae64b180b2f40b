"""The flow diagram as one page that opens without a network connection: a drawing, a legend and their code."""

from html import escape
from pathlib import Path
from string import Template

import networkx as nx

from compgraph.arguments import checked
from compgraph.check import TaskProfile
from compgraph.group import Partition
from compgraph.show.flow.bands import SMALLEST, Flow, task_flow
from compgraph.show.flow.ribbons import Box, Ribbon
from compgraph.show.flow.shapes import SCALE, Shapes, flow_shapes, spread
from compgraph.show.flow.words import (
    colours,
    describe_band,
    describe_boxes,
    hidden_bands,
    legend,
    past_columns,
    reading,
)
from compgraph.show.graph.words import heading, printable, read_together, readers_of, recipe

_COLUMN, _SPACE = 190.0, 460.0
"""Least width of a column, and height of a space, in points."""
_SCREEN = 1.5
"""Height of what a screen shows well, in heights of a space."""
_SIDE, _TOP = 70.0, 48.0
_STEP = 13.0
"""Least distance of the labels in a column, in points."""


@checked
def flow_html(
    graph: nx.DiGraph,
    profile: TaskProfile,
    *,
    title: str | None = None,
    smallest: float | int = SMALLEST,
    groups: Partition | None = None,
) -> str:
    """Return the interactive flow diagram of a component graph as HTML text.

    Every box and band says what it is when pointed at, and every box when the arrow keys reach it; the bands of the
    chosen box and the strips of the chosen task stand out. The page loads nothing: its content security policy
    forbids it, and names are escaped.

    Parameters
    ----------
    graph
        A component graph.
    profile
        Task shares of its nodes, from `compgraph.task_profile`.
    title
        Heading; by default the components and the weights.
    smallest
        Bands thinner than this at both ends are left out, as a share of a space; the page says how much they are.
    groups
        Its partition, for the colours of tasks that its groups are named after.

    Returns
    -------
    str
        A whole document. What it shows is there without JavaScript too.

    Raises
    ------
    GraphError, BadRequest
        As `compgraph.show.task_flow`.

    Notes
    -----
    About 6 kB, 400 bytes a box and 500 bytes a band; at most 2 / ``smallest`` bands lie between two spaces.

    Examples
    --------
    >>> graph = nx.DiGraph(schema="compgraph/2")
    >>> where = {"layer": "fc1", "depth": 1, "index": 0, "method": "pca", "strength": 2.0, "share": 1.0}
    >>> graph.add_nodes_from([("a", {"side": "out", "label": "a"}), ("b", {"side": "in", "label": "b"})], **where)
    >>> graph.add_edge("a", "b", weight=1.0, effect=0.5, kind="within", rule="given")
    >>> profile = TaskProfile({}, {"a": {"left": 0.8, "right": 0.2}}, {"a": "left"})
    >>> flow_html(graph, profile)[:15]
    '<!DOCTYPE html>'
    """
    found = task_flow(graph, profile, smallest=smallest, groups=groups)
    shapes = flow_shapes(graph, found)
    template = Template(Path(__file__).with_name("flow.html").read_text(encoding="utf-8"))
    width = _COLUMN * max(shapes.n_columns, 4)
    scale = (width, _SPACE)
    note = f"{past_columns(shapes.around)} {hidden_bands(found, smallest)}".strip()
    return template.substitute(
        title=_safe(recipe(graph) if title is None else title),
        summary=_safe(f"{len(shapes.boxes)} components, {len(shapes.ribbons)} bands. {note}".strip()),
        reading="</p>\n<p>".join(_safe(line) for line in reading()),
        legend="\n".join(_buttons(found)),
        # What is taller than a screen is scrolled, in place of shrunk.
        size=' class="tall"' if shapes.height > _SCREEN else "",
        viewbox=f"0 0 {width + 2 * _SIDE + 24:g} {_SPACE * shapes.height + _TOP + 12:g}",
        columns="\n".join([*_headings(graph, shapes, scale), *_bar(shapes, scale)]),
        bands="\n".join(_bands(graph, found, shapes, scale)),
        boxes="\n".join([*_boxes(graph, found, shapes, scale), *_indices(graph, shapes, scale)]),
    )


def _buttons(found: Flow) -> list[str]:
    return [
        f'<button type="button" aria-pressed="false" data-only="{task}">'
        f'<span class="swatch" style="background:{shade}"></span>{_safe(name, limit=60)}</button>'
        for task, (name, shade) in enumerate(legend(found))
    ]


def _safe(text: str, *, limit: int | None = None) -> str:
    return escape(printable(text, limit=limit))


def _point(x: float, y: float, scale: tuple[float, float]) -> str:
    return f"{_SIDE + scale[0] * x:.1f} {_TOP + scale[1] * y:.2f}"


def _headings(graph: nx.DiGraph, shapes: Shapes, scale: tuple[float, float]) -> list[str]:
    readers, lines = readers_of(graph), []
    for stack, top in zip(shapes.stacks, shapes.heads, strict=True):
        x, down = _SIDE + scale[0] * (stack.x + shapes.box / 2), scale[1] * top
        lines += [
            f'<text x="{x:.1f}" y="{down + 16 * (row + 1):.4g}">{_safe(part, limit=20)}</text>'
            for row, part in enumerate(heading(stack, readers))
        ]
    return lines


def _indices(graph: nx.DiGraph, shapes: Shapes, scale: tuple[float, float]) -> list[str]:
    """Write the index of every component beside its box, or none in a column that has no room for all."""
    lines, step = [], _STEP / scale[1]
    for number in range(shapes.n_columns):
        boxes = [box for box in shapes.boxes.values() if box.column == number]
        places = spread([(box.top + box.bottom) / 2 for box in boxes], step, shapes.height)
        for box, y in zip(boxes if places[0] >= 0 else [], places, strict=False):
            x, down = _SIDE + scale[0] * box.x - 5, _TOP + scale[1] * y + 4
            words = graph.nodes[box.node]["index"]
            lines.append(f'<text class="index" aria-hidden="true" x="{x:.1f}" y="{down:.1f}">{words}</text>')
    return lines


def _bar(shapes: Shapes, scale: tuple[float, float]) -> list[str]:
    """Draw a bar that tells how much of a space a height is."""
    x, bottom = _SIDE + scale[0] * (1 + shapes.box) + 37, _TOP + scale[1] * shapes.height
    top = bottom - scale[1] * SCALE
    return [
        f'<path class="bar" d="M{x:.1f} {top:.2f}V{bottom:.2f}"/>',
        *(
            f'<text x="{x:.1f}" y="{top - up:.1f}">{words}</text>'
            for up, words in ((22, f"{100 * SCALE:.0f} %"), (7, "of a space"))
        ),
    ]


def _bands(graph: nx.DiGraph, found: Flow, shapes: Shapes, scale: tuple[float, float]) -> list[str]:
    number = {node: position for position, node in enumerate(shapes.boxes)}
    shades, lines, several = colours(found), [], read_together(graph)
    for ribbon in shapes.ribbons:
        ends = f'data-from="{number[ribbon.band.source]}" data-to="{number[ribbon.band.target]}"'
        described = describe_band(graph, found, ribbon.band, together=ribbon.band.target in several)
        words = "\n".join(_safe(line) for line in described.split("\n"))
        strips = "".join(
            f'<path data-task="{strip.task}" fill="{shades[strip.task]}" d="{_outline(ribbon, place, scale)}"/>'
            for place, strip in enumerate(ribbon.leaving)
        )
        lines.append(f'<g class="band" {ends}><title>{words}</title>{strips}</g>')
    return lines


def _outline(ribbon: Ribbon, place: int, scale: tuple[float, float]) -> str:
    upper, lower = ([_point(x, y, scale) for x, y in edge] for edge in ribbon.outline(place))
    return f"M{upper[0]}C{' '.join(upper[1:])}L{lower[0]}C{' '.join(lower[1:])}Z"


def _boxes(graph: nx.DiGraph, found: Flow, shapes: Shapes, scale: tuple[float, float]) -> list[str]:
    words, lines = describe_boxes(graph, found, readers_of(graph)), []
    shades, wide = colours(found), f'width="{scale[0] * shapes.box:.1f}"'
    for number, (node, box) in enumerate(shapes.boxes.items()):
        tip = "\n".join(_safe(line) for line in words[node].split("\n"))
        strips = "".join(
            f'<rect data-task="{strip.task}" fill="{shades[strip.task]}" {_place(box, strip.top, scale)} {wide} '
            f'height="{scale[1] * (strip.bottom - strip.top):.2f}"/>'
            for strip in box.strips
        )
        tall = max(scale[1] * (box.bottom - box.top), 2.0)
        frame = f'<rect class="frame" {_place(box, box.top, scale)} {wide} height="{tall:.2f}"/>'
        focus = f'tabindex="{0 if number == 0 else -1}" role="img" data-column="{box.column}"'
        lines.append(f'<g class="box" {focus}><title>{tip}</title>{strips}{frame}</g>')
    return lines


def _place(box: Box, y: float, scale: tuple[float, float]) -> str:
    return f'x="{_SIDE + scale[0] * box.x:.1f}" y="{_TOP + scale[1] * y:.2f}"'
