"""What a flow diagram says in words and colours, on paper and on the page alike."""

from collections import defaultdict

import networkx as nx

from compgraph.show.flow.bands import Band, Flow
from compgraph.show.graph.palette import NEUTRAL
from compgraph.show.graph.words import Readers, describe_edge, describe_node, name_node, printable

NO_TASK = "no task"
"""The name of what belongs to none of the tasks."""
_STRONGEST = 5


def colours(found: Flow) -> list[str]:
    """Return the colour of every task as ``#RRGGBB``, and last that of no task.

    Parameters
    ----------
    found
        The flow.

    Returns
    -------
    list of str
        One more than there are tasks.
    """
    return [*found.shades, NEUTRAL]


def legend(found: Flow) -> list[tuple[str, str]]:
    """Return the names in the legend and their colours.

    Parameters
    ----------
    found
        The flow.

    Returns
    -------
    list of (str, str)
        The tasks, and what belongs to none where there is any of it.
    """
    entries = list(zip([*found.tasks, NO_TASK], colours(found), strict=True))
    return entries if any(split[-1] > 0 for split in found.split.values()) else entries[:-1]


def reading() -> tuple[str, str, str]:
    """Return the lines that say how to read the picture.

    Returns
    -------
    (str, str, str)
        About boxes, bands and strips. With PLSR components and weights, widths are shares of explained variance.
    """
    return (
        "Box: a component, as high as its share of its space (PLSR: of the variance explained there).",
        "Band: by link weight (PLSR: explained variance), its part of the target's height and of the source's.",
        "Strips: a band takes the task shares of its source, an attribution and not measured link by link.",
    )


def past_columns(around: bool) -> str:
    """Say what bands do that pass a layer.

    Parameters
    ----------
    around
        Whether there are any.

    Returns
    -------
    str
        A sentence; empty where there are none.
    """
    return "Bands that pass a layer run around it, narrower there than at their ends." if around else ""


def hidden_bands(found: Flow, smallest: float | int) -> str:
    """Say how much the picture leaves out.

    Parameters
    ----------
    found
        The flow.
    smallest
        Width below which bands were left out, as a share of a space.

    Returns
    -------
    str
        A sentence; empty when nothing is hidden.
    """
    if found.hidden <= 0:
        return ""
    return f"Bands below {100 * smallest:.3g} % of a space are hidden: {100 * found.hidden:.2g} % of all flow."


def describe_band(graph: nx.DiGraph, found: Flow, band: Band, *, together: bool = False) -> str:
    """Say what a band is.

    Parameters
    ----------
    graph
        The component graph.
    found
        Its flow.
    band
        One of its bands.
    together
        Whether its target is among `compgraph.show.graph.words.read_together`.

    Returns
    -------
    str
        Three lines: the edge, how much of its two ends it carries, and for which tasks.
    """
    labels = name_node(graph.nodes[band.source]), name_node(graph.nodes[band.target])
    carried = f"{_percent(sum(band.arriving))} of the target's space, {_percent(sum(band.leaving))} of the source's"
    words = describe_edge(labels, graph.edges[band.source, band.target], together=together)
    return f"{words}\ncarries {carried}\n{_tasks(found, band.arriving)}"


def describe_boxes(graph: nx.DiGraph, found: Flow, readers: Readers) -> dict[str, str]:
    """Say what every box is, what it consists of and where its widest bands lead.

    Parameters
    ----------
    graph
        The component graph.
    found
        Its flow.
    readers
        See `compgraph.show.graph.words.readers_of`.

    Returns
    -------
    dict of str to str
        Node id to a few lines.
    """
    into, out_of = defaultdict(list), defaultdict(list)
    for band in found.bands:
        into[band.target].append((sum(band.arriving), band.source))
        out_of[band.source].append((sum(band.leaving), band.target))
    return {
        node: "\n".join(
            [
                printable(name_node(graph.nodes[node]), limit=60),
                printable(describe_node(graph, node, readers), limit=240),
                _tasks(found, split),
                *_ends(graph, "from", into[node]),
                *_ends(graph, "to", out_of[node]),
            ]
        )
        for node, split in found.split.items()
    }


def _ends(graph: nx.DiGraph, word: str, bands: list[tuple[float, str]]) -> list[str]:
    widest = sorted(bands, key=lambda band: -band[0])[:_STRONGEST]  # stable: canonical order among equals
    named = [f"{printable(name_node(graph.nodes[node]), limit=40)} {_percent(width)}" for width, node in widest]
    return [f"{word} {', '.join(named)}"] if named else []


def _tasks(found: Flow, strips: tuple[float, ...]) -> str:
    named = zip([*found.tasks, NO_TASK], strips, strict=True)
    return ", ".join(f"{printable(name, limit=30)} {_percent(width)}" for name, width in named if width > 0)


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %" if share < 0.0995 else f"{100 * share:.0f} %"
