"""What a pass has shown to be no part of the graph of sites, left out with a word."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from compgraph.observe.gradients.pullback import Pullback
from compgraph.observe.site_graph import Arrow, SiteGraph
from compgraph.observe.sums.gather import Gatherer

FEWEST = 2  # rows among which something can vary


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks against sites and arrows.

    Attributes
    ----------
    constant
        Sites that never vary.
    lost
        Sites that not every batch has.
    still
        Arrows along which no derivative leads on any kept input.
    """

    constant: frozenset[int]
    lost: frozenset[int]
    still: frozenset[Arrow]


def pruned(gatherer: Gatherer, probe: Pullback, said: list[str]) -> SiteGraph:
    """Return the graph of a pass without what the data do not move.

    Parameters
    ----------
    gatherer
        Of the pass.
    probe
        Asks the model on the kept inputs.
    said
        Takes sentences for people.

    Returns
    -------
    SiteGraph
        Who names layers means to see them, and keeps those that are constant and arrows without a derivative. The
        graph as it was where nothing would be left.
    """
    graph, against = _judged(gatherer, probe)
    gone = against.constant | against.lost
    arrows = [each for each in graph.arrows if each not in against.still and not {each.source, each.target} & gone]
    ends = {each.target for each in arrows}
    unread = [number for number in graph.outputs.values() if number not in ends | gone]
    kept = _ahead(arrows, [number for number in graph.outputs.values() if number in ends - gone])
    if not kept:
        return graph
    said += _sentences(graph, against, unread, behind={each.target for each in arrows} - {e.target for e in kept})
    if len(kept) == len(graph.arrows) and not unread:
        return graph
    gone |= frozenset(unread)
    taps = tuple(replace(tap, output="") if number in gone else tap for number, tap in enumerate(graph.taps))
    return replace(graph, taps=taps, arrows=tuple(kept)).with_depths()


def _judged(gatherer: Gatherer, probe: Pullback) -> tuple[SiteGraph, Evidence]:
    """Return the graph, arrows that only finite steps follow marked as blind, and what speaks against its parts."""
    graph = gatherer.graph
    quiet, blind = probe.still_quiet()
    lost = frozenset(gatherer.lost)
    if graph.named:
        arrows = tuple(replace(each, blind=each.blind or each in blind) for each in graph.arrows)
        return replace(graph, arrows=arrows), Evidence(frozenset(), lost, frozenset(quiet))
    constant = frozenset(gatherer.constant()) if gatherer.n_rows >= FEWEST else frozenset[int]()
    still = quiet | blind
    seeing = [each for each in graph.arrows if not each.blind and each not in still]
    if {each.target for each in seeing} & (set(graph.outputs.values()) - constant - lost):
        still |= {each for each in graph.arrows if each.blind}
    return graph, Evidence(constant - lost, lost, frozenset(still))


def _ahead(arrows: Sequence[Arrow], outputs: Collection[int]) -> list[Arrow]:
    """Return the arrows that lead to an output."""
    ahead = set(outputs)
    for each in sorted(arrows, key=lambda arrow: -arrow.target):  # sources come before their targets
        ahead |= {each.source} if each.target in ahead else set()
    return [each for each in arrows if each.target in ahead]


def _sentences(graph: SiteGraph, against: Evidence, unread: Sequence[int], *, behind: Iterable[int]) -> Iterable[str]:
    def names(numbers: Iterable[int]) -> str:
        return ", ".join(graph.taps[number].name for number in sorted(numbers))

    for numbers, why in (
        (against.constant, "they never vary over the data"),
        (against.lost, "not every batch has them"),
        (frozenset(behind), "no output depends on them over the data"),
    ):
        if numbers:
            yield f"Left out, as {why}: {names(numbers)}."
    gone = against.constant | against.lost
    still = [each for each in graph.arrows if each in against.still and not {each.source, each.target} & gone]
    if still:
        listed = ", ".join(f"{graph.taps[each.source].name} -> {graph.taps[each.target].name}" for each in still)
        yield f"No arrow, as no derivative leads along it on any kept input: {listed}."
    if unread:
        listed = ", ".join(graph.taps[number].output for number in unread)
        yield f"Left out of what the model returns, as no derivative leads from the data to it: {listed}."
