"""The graph of sites that a pass follows: which sites, which feeds which, and at which positions they face."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod

from torch import nn

from compgraph.observe.run.rows import Grid, common_grid, grid_of
from compgraph.observe.run.tap import Tap
from compgraph.statistics import Pair, Side, Space

SHOWN = 3  # pairs with other positions that a note lists
Feeds = Mapping[int, Mapping[int, tuple[bool, bool]]]
"""Number of a target to those of its sources, each with whether its arrow is quiet and whether it is blind."""


@dataclass(frozen=True, slots=True)
class Arrow:
    """One site feeds another.

    Attributes
    ----------
    source, target
        Numbers of the sites.
    grid
        Positions at which both are rows.
    quiet
        Whether the derivative was 0 on the first samples.
    blind
        Whether no derivative leads along it: the target moves with the source all the same.
    """

    source: int
    target: int
    grid: Grid
    quiet: bool = False
    blind: bool = False


@dataclass(frozen=True, slots=True)
class SiteGraph:
    """The sites of one pass and the arrows between them, which have no cycle.

    Attributes
    ----------
    taps
        In order of execution, so that sources come before their targets.
    depths
        Longest path that leads to each.
    arrows
        In the order of their pairs.
    notes
        Sentences on what was chosen and what was left out.
    named
        Names of the sites that somebody asked for, which are never left out without a word.
    returned
        Names of the outputs in the order in which the model returns them.
    """

    taps: tuple[Tap, ...]
    depths: tuple[int, ...]
    arrows: tuple[Arrow, ...]
    notes: tuple[str, ...] = ()
    named: frozenset[str] = frozenset()
    returned: tuple[str, ...] = ()

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """The pairs of facing spaces, one for each arrow."""
        return tuple(Pair(self.space(each.source, "in"), self.space(each.target, "out")) for each in self.arrows)

    @property
    def outputs(self) -> dict[str, int]:
        """Numbers of the sites that the model returns, by the name of the output, in the order of what is returned."""
        found = {tap.output: number for number, tap in enumerate(self.taps) if tap.output}
        return {name: found[name] for name in (*self.returned, *found) if name in found}

    @property
    def read(self) -> tuple[int, ...]:
        """Numbers of the sites that another one reads."""
        return tuple(sorted({arrow.source for arrow in self.arrows}))

    def grid_read(self, number: int) -> Grid:
        """Return the finest positions at which a site is read.

        Parameters
        ----------
        number
            Of a site that is read.

        Returns
        -------
        tuple of int
            The first of those with most positions, in the order of pairs.
        """
        return max((arrow.grid for arrow in self.arrows if arrow.source == number), key=prod)

    def grid_written(self, number: int) -> Grid:
        """Return the positions at which a site and all that it reads are rows.

        Parameters
        ----------
        number
            Of a site that reads another one.

        Returns
        -------
        tuple of int
            Empty for one row for each sample.
        """
        return next((arrow.grid for arrow in self.arrows if arrow.target == number), ())

    def space(self, number: int, side: Side) -> Space:
        """Return a side of a site.

        Parameters
        ----------
        number
            Of the site.
        side
            ``"out"`` or ``"in"``.

        Returns
        -------
        Space
            Of its name and depth.
        """
        return Space(self.taps[number].name, side, self.depths[number])

    def with_depths(self) -> "SiteGraph":
        """Return the graph with the longest paths of the arrows it has.

        Returns
        -------
        SiteGraph
            Arrows in the order of their pairs.
        """
        depths = [0] * len(self.taps)
        for arrow in sorted(self.arrows, key=lambda each: each.target):
            depths[arrow.target] = max(depths[arrow.target], depths[arrow.source] + 1)
        graph = replace(self, depths=tuple(depths))
        pairs = graph.pairs
        order = sorted(range(len(pairs)), key=lambda i: (pairs[i].source, pairs[i].target))
        return replace(graph, arrows=tuple(graph.arrows[i] for i in order))

    def of(self, model: nn.Module) -> "SiteGraph":
        """Return the same graph of another model of the same modules.

        Parameters
        ----------
        model
            Such as an untrained twin.

        Returns
        -------
        SiteGraph
            Its sites are in that model.
        """
        modules = dict(model.named_modules(remove_duplicate=False))
        here = {tap.name: model if tap.kind != "module" else modules[tap.name] for tap in self.taps}
        return replace(self, taps=tuple(replace(tap, module=here[tap.name]) for tap in self.taps))


def graph_of_sites(
    taps: Sequence[Tap], feeds: Feeds, *, notes: Iterable[str] = (), named: Iterable[str] = ()
) -> SiteGraph:
    """Order sites and arrows.

    Parameters
    ----------
    taps
        In order of execution.
    feeds
        What feeds what.
    notes, named
        Of the graph.

    Returns
    -------
    SiteGraph
        Of the sites that an output is computed from, and the outputs.
    """
    useful = _ahead_of_outputs(taps, feeds)
    number = {old: new for new, old in enumerate(useful)}
    kept = [taps[old] for old in useful]
    arrows: list[Arrow] = []
    for new, old in enumerate(useful):
        sources = {number[each]: marks for each, marks in feeds.get(old, {}).items() if each in number}
        # What reads several sites at once has to have rows at the same positions of all of them.
        grid = common_grid(*(grid_of(kept[each].shape, kept[each].axis) for each in (*sources, new)))
        arrows += [Arrow(each, new, grid, *marks) for each, marks in sources.items()]
    graph = SiteGraph(tuple(kept), (0,) * len(kept), tuple(arrows), tuple(notes), frozenset(named))
    return graph.with_depths()


def agreed(graphs: Sequence[SiteGraph]) -> SiteGraph:
    """Return the graph of several passes over parts of the data.

    Parameters
    ----------
    graphs
        Of the same sites and arrows.

    Returns
    -------
    SiteGraph
        Whose arrows are quiet or blind only where they are so in all.
    """
    first, *others = graphs
    marks = [[(each.quiet, each.blind) for each in graph.arrows] for graph in others]
    arrows = tuple(
        replace(arrow, quiet=all((arrow.quiet, *(q for q, _ in more))), blind=all((arrow.blind, *(b for _, b in more))))
        for arrow, *more in zip(first.arrows, *marks, strict=True)
    )
    return first if arrows == first.arrows else replace(first, arrows=arrows)


def _ahead_of_outputs(taps: Sequence[Tap], feeds: Feeds) -> list[int]:
    waiting = [number for number, tap in enumerate(taps) if tap.output]
    useful = set(waiting)
    while waiting:
        for source in set(feeds.get(waiting.pop(), {})) - useful:
            useful.add(source)
            waiting.append(source)
    return sorted(useful)


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
