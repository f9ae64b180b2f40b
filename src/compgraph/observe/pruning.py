"""What a pass has shown to be no part of the graph of sites, left out with a word."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

from compgraph.observe.site_graph import Arrow, SiteGraph
from compgraph.statistics import Statistics
from compgraph.statistics.restriction import restricted

FEWEST = 2  # rows among which something can vary


@runtime_checkable
class Judge(Protocol):
    """Asks a model which arrows nothing moves along."""

    def still_quiet(self) -> tuple[set[Arrow], set[Arrow]]:
        """Return the arrows along which no kept input moves anything, and those along which only finite steps do."""
        ...


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks against sites and arrows.

    Attributes
    ----------
    constant
        Sites that never vary.
    still
        Arrows along which no derivative leads on any kept input.
    """

    constant: frozenset[int]
    still: frozenset[Arrow]


def settled(
    full: Statistics, graph: SiteGraph, probe: Judge, *, lost: Collection[str] = ()
) -> tuple[SiteGraph, Statistics]:
    """Leave out what the data do not move.

    Parameters
    ----------
    full
        Statistics of all sites of the graph that every batch has.
    graph
        The sites.
    probe
        Asks the model on the kept inputs.
    lost
        Sites that not every batch has, which are in no pair.

    Returns
    -------
    tuple
        The graph and its statistics. Who names layers means to see them, and keeps those that are constant and arrows
        without a derivative. All is as it was where nothing would be left.
    """
    judged, against = _judged(graph, full, probe)
    gone = against.constant
    arrows = [each for each in judged.arrows if each not in against.still and not {each.source, each.target} & gone]
    ends = {each.target for each in arrows}
    unread = [number for number in judged.outputs.values() if number not in ends | gone]
    kept = _ahead(arrows, [number for number in judged.outputs.values() if number in ends - gone])
    if not kept:
        return judged, full
    behind = {each.target for each in arrows} - {each.target for each in kept}
    said = _sentences(judged, against, unread, behind=behind, lost=lost)
    notes = tuple(dict.fromkeys((*full.notes, *said)))
    if len(kept) == len(judged.arrows) and not unread:
        return judged, replace(full, notes=notes)
    gone |= frozenset(unread)
    taps = tuple(replace(tap, output="") if number in gone else tap for number, tap in enumerate(judged.taps))
    less = replace(judged, taps=taps, arrows=tuple(kept)).with_depths()
    ends_of = {(pair.source.layer, pair.target.layer) for pair in less.pairs}
    return less, replace(restricted(full, ends_of, tuple(less.outputs)), notes=notes)


def without(graph: SiteGraph, lost: Collection[int]) -> SiteGraph:
    """Leave sites out of a graph.

    Parameters
    ----------
    graph
        The sites.
    lost
        Numbers of those that not every batch has.

    Returns
    -------
    SiteGraph
        Without their arrows; they are no outputs any more.
    """
    if not lost:
        return graph
    taps = tuple(replace(tap, output="") if number in lost else tap for number, tap in enumerate(graph.taps))
    arrows = tuple(each for each in graph.arrows if not {each.source, each.target} & set(lost))
    return replace(graph, taps=taps, arrows=arrows).with_depths()


def _judged(graph: SiteGraph, full: Statistics, probe: Judge) -> tuple[SiteGraph, Evidence]:
    """Return the graph, arrows that only finite steps follow marked as blind, and what speaks against its parts."""
    quiet, blind = probe.still_quiet()
    if graph.named:
        arrows = tuple(replace(each, blind=each.blind or each in blind) for each in graph.arrows)
        return replace(graph, arrows=arrows), Evidence(frozenset(), frozenset(quiet))
    constant = frozenset(_constant(graph, full))
    still = quiet | blind
    seeing = [each for each in graph.arrows if not each.blind and each not in still]
    if {each.target for each in seeing} & (set(graph.outputs.values()) - constant):
        still |= {each for each in graph.arrows if each.blind}
    return graph, Evidence(constant, frozenset(still))


def _constant(graph: SiteGraph, full: Statistics) -> Iterator[int]:
    """Yield the sites that never vary over all rows."""
    if min((each.n for each in full.moments.values()), default=0) < FEWEST:
        return
    for arrow, pair in zip(graph.arrows, graph.pairs, strict=True):
        moments = full.moments[pair]
        for number, scatter in ((arrow.source, moments.xx), (arrow.target, moments.yy)):
            if not scatter.diagonal().any():
                yield number


def _ahead(arrows: Sequence[Arrow], outputs: Collection[int]) -> list[Arrow]:
    """Return the arrows that lead to an output."""
    ahead = set(outputs)
    for each in sorted(arrows, key=lambda arrow: -arrow.target):  # sources come before their targets
        ahead |= {each.source} if each.target in ahead else set()
    return [each for each in arrows if each.target in ahead]


def _sentences(
    graph: SiteGraph, against: Evidence, unread: Sequence[int], *, behind: Iterable[int], lost: Collection[str]
) -> Iterable[str]:
    def names(numbers: Iterable[int]) -> str:
        return ", ".join(graph.taps[number].name for number in sorted(numbers))

    for listed, why in (
        (names(against.constant), "they never vary over the data"),
        (", ".join(lost), "not every batch has them"),
        (names(behind), "no output depends on them over the data"),
    ):
        if listed:
            yield f"Left out, as {why}: {listed}."
    gone = against.constant
    still = [each for each in graph.arrows if each in against.still and not {each.source, each.target} & gone]
    if still:
        listed = ", ".join(f"{graph.taps[each.source].name} -> {graph.taps[each.target].name}" for each in still)
        yield f"No arrow, as no derivative leads along it on any kept input: {listed}."
    if unread:
        listed = ", ".join(graph.taps[number].output for number in unread)
        yield f"Left out of what the model returns, as no derivative leads from the data to it: {listed}."
