"""Sentences about a choice of sites."""

from collections.abc import Iterator

from compgraph.observe.run.activations import instead
from compgraph.observe.run.rows import grid_of
from compgraph.observe.run.seen import Trace
from compgraph.observe.site_graph import SiteGraph

SHOWN = 3  # pairs with other positions that a note lists


def averaged(graph: SiteGraph) -> Iterator[str]:
    """Say where sites that face each other have other positions.

    Parameters
    ----------
    graph
        The sites.

    Yields
    ------
    str
        A sentence, where there is something to say.
    """
    said: dict[str, None] = {}
    for arrow in graph.arrows:
        ends = [graph.taps[number] for number in (arrow.source, arrow.target)]
        own = [grid_of(tap.shape, tap.axis) for tap in ends]
        if any(grid != arrow.grid for grid in own):
            where = " and ".join(f"{tap.name!r} {grid}" for tap, grid in zip(ends, own, strict=True))
            said[f"of {where} are averaged to {arrow.grid or 'one row per sample'}"] = None
    if said:
        first, more = list(said)[:SHOWN], len(said) - SHOWN
        others = f", and so are those of {more} other pairs," if more > 0 else ""
        yield f"Positions {', '.join(first)}{others} where they face."


def no_output(record: Trace) -> str:
    """Say why nothing that a model returns can be followed.

    Parameters
    ----------
    record
        Of the model.

    Returns
    -------
    str
        For an error.
    """
    troubles = (
        "; ".join(f"{each.spot.place or 'output'} {each.spot.problem}" for each in record.outputs.values()) or "nothing"
    )
    first = next(iter(record.outputs.values()), None)
    advice = "" if first is None else f" {instead(first.name, first.spot.problem, first.spot.shape)}"
    return (
        f"the model returns no activations: {troubles}. Needed is at least one floating-point tensor with an entry for "
        f"each sample.{advice}"
    )
