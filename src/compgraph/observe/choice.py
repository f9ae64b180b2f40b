"""From a trace to the graph of sites: which tensors, which of their axes, and what is left out, all of it said."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from torch import nn

from compgraph.errors import BadRequest, ShapeError, SiteError, UnknownSite
from compgraph.observe.budget import SKETCH, WIDE, Budget, cost, in_words
from compgraph.observe.candidates import Candidates, Place, settled
from compgraph.observe.data.call import Call
from compgraph.observe.default_sites import default_sites
from compgraph.observe.feeding import feeding
from compgraph.observe.request import resolve
from compgraph.observe.run.activations import Selector, instead
from compgraph.observe.run.rows import RowMode, grid_of
from compgraph.observe.run.seen import Trace
from compgraph.observe.run.tap import Tap
from compgraph.observe.site_graph import SiteGraph, averaged, graph_of_sites

COUNTED = 1024  # rows kept at most when it is judged what fits; who asks for all of few rows may have them


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked of a choice of sites.

    Attributes
    ----------
    layers
        Selectors by name or glob; empty for no wish.
    axis
        Axis of features by site, as the model has it; one for all under the empty name.
    budget
        Memory.
    sample
        Rows that are kept.
    """

    layers: Mapping[str, Selector]
    axis: Mapping[str, int]
    budget: Budget
    sample: int


class Choice:
    """The sites of a model, before it is settled what a row is.

    Parameters
    ----------
    model
        Run a few times on a few samples.
    record
        Of the model on the first batch.
    call
        That batch.
    wish
        What was asked for.

    Raises
    ------
    UnknownSite, SiteError
        When a named module is not there or cannot be tapped, or the model returns nothing that can be followed.
    """

    def __init__(self, model: nn.Module, record: Trace, call: Call, wish: Wish) -> None:
        self._model, self._record, self._call, self._wish = model, record, call, wish
        self._candidates = Candidates(model, record, call)
        self._notes: list[str] = []
        # A selector for an output is no wish for layers.
        self._named = set(wish.layers) - set(record.outputs)
        inner = self._wished() if self._named else self._chosen()
        inputs = [Place(each, each.spot, "input") for each in record.inputs.values() if not each.problem]
        self._say_start(inputs, inner)
        self._places = [*inputs, *inner, *self._returned()]
        self._require_known_axes()
        self._guesses: dict[str, int] = {}
        self._axes = [self._axis(each) for each in self._places]

    @property
    def has_positions(self) -> bool:
        """Whether a site has several rows for a sample when positions are rows."""
        return any(grid_of(place.tap(axis).shape, place.tap(axis).axis) for place, axis in self._read())

    def graph(self, rows: RowMode) -> SiteGraph:
        """Return the graph of sites under one reading of rows.

        Parameters
        ----------
        rows
            What a row is.

        Returns
        -------
        SiteGraph
            From the model's inputs to its outputs.

        Raises
        ------
        SiteError
            When fewer than two sites are left.
        ShapeError
            When a named site has too many features, or all that was named together.
        """
        notes = [*self._notes]
        if rows == "position" and self._guesses:
            listed = ", ".join(f"{name} (axis {axis})" for name, axis in self._guesses.items())
            notes.append(
                f"Nothing in the model says which axis holds the features of {listed}; if it is another one, give "
                "axis={name: number}."
            )
        taps = [place.tap(axis if rows == "position" else None) for place, axis in self._read()]
        taps = self._affordable([_sketched(tap, notes) for tap in taps], notes)
        feeds = feeding(self._model, self._candidates.few(), taps)
        kept, feeds = _merged(taps, feeds, self._record)
        graph = graph_of_sites(kept, feeds, notes=notes, named=self._named)
        if len(graph.taps) < 2:
            raise SiteError(
                f"only the site {graph.taps[0].name!r} is left, and a graph needs two. Name layers with layers=[...]; "
                f"compgraph.sites(model, example) lists them. {' '.join(notes)}"
            )
        beside = [tap.name for tap in kept if tap.name not in {each.name for each in graph.taps}]
        said = [f"Left out, as no output depends on them: {', '.join(beside)}."] * bool(beside)
        returned = tuple(tap.output for tap in taps if tap.kind == "output")
        return replace(graph, notes=(*graph.notes, *said, *averaged(graph)), returned=returned)

    def _read(self) -> Iterator[tuple[Place, int | None]]:
        yield from zip(self._places, self._axes, strict=True)

    def _chosen(self) -> list[Place]:
        chosen = default_sites(self._record, self._candidates)
        found = []
        for number in chosen.numbers:
            place = self._candidates.places[number]
            name = chosen.names.get(number, place.seen.name)
            around = self._record.seen[name]
            found.append(place if name == place.seen.name else Place(around, around.spot, "module"))
        names = ", ".join(each.seen.name for each in found) or "none has weights"
        self._notes += [f"Layers were chosen automatically: {names}.", *chosen.left_out]
        return found

    def _wished(self) -> list[Place]:
        names = resolve(self._record, self._wish.layers)
        asked = [name for name in self._wish.layers if name in names]
        if asked != [name for name in names if name in asked]:
            self._notes.append(f"Layers were put in order of execution: {', '.join(names)}.")
        return [self._candidates.standing_for(self._record.seen[name]) for name in names]

    def _say_start(self, inputs: Sequence[Place], inner: Sequence[Place]) -> None:
        known = {place.spot.place for place in inputs}
        others = {name: each for name, each in self._call.tensors.items() if name not in known}
        if others and not inputs:
            given = ", ".join(
                f"{str(each.dtype).removeprefix('torch.')} {tuple(each.shape)}" for each in others.values()
            )
            start = inner[0].seen.name if inner else "the output"
            self._notes.append(
                f"The model reads {given}, no floating-point activations, so the graph starts at {start!r}."
            )

    def _returned(self) -> list[Place]:
        places = []
        lost = []
        for each in self._record.outputs.values():
            spot = each.spot
            if spot.problem:
                lost.append(f"{spot.place or 'output'} ({spot.problem})")
            else:
                places.append(Place(each, spot, "output"))
        if not places:
            raise SiteError(_no_output(self._record))
        if lost:
            self._notes.append(f"Left out of what the model returns: {', '.join(lost)}.")
        return places

    def _axis(self, place: Place) -> int | None:
        spot, name = place.spot, place.seen.name
        if spot.flat:
            return None
        given = self._wish.axis.get(name, self._wish.axis.get("") if len(spot.shape) > 2 else None)
        if given is not None:
            return _checked_axis(name, spot.shape, spot.samples, given)
        known = settled(spot)
        if known is not None:
            return known
        number = self._candidates.number.get((name, spot.place))
        if number is None:
            number = self._candidates.number.get((place.seen.as_is, spot.place), 0)
        if number in self._candidates.known_axes:
            return self._candidates.known_axes[number]
        self._guesses[name] = self._candidates.guessed_axis(number)
        return self._guesses[name]

    def _require_known_axes(self) -> None:
        known = [place.seen.name for place in self._places]
        unknown = [name for name in self._wish.axis if name and name not in known]
        if unknown:
            raise UnknownSite(
                f"axis names {', '.join(map(repr, unknown))}, and the sites are {', '.join(map(repr, known))}."
            )

    def _affordable(self, taps: list[Tap], notes: list[str]) -> list[Tap]:
        budget = self._wish.budget
        for tap in taps:
            if tap.width == 0 or (tap.name in self._named or tap.output):
                budget.require_moment(tap)
        wide = [tap for tap in taps if not budget.moment_fits(tap.width)]
        kept = [tap for tap in taps if tap not in wide]
        while (needed := _cost(kept, self._wish.sample)) > budget.total:
            free = [tap for tap in kept if not (tap.output or tap.name in self._named)]
            if not free:
                raise ShapeError(
                    f"the sites {', '.join(tap.name for tap in kept)} need {in_words(needed)} together, of a budget of "
                    f'{in_words(budget.total)}. Name fewer of them, or give memory="{-(-needed // 10**9)}GB".'
                )
            widest = max(free, key=lambda tap: tap.width)
            kept.remove(widest)
            wide.append(widest)
        if wide:
            names = ", ".join(f"{tap.name} ({tap.width} features)" for tap in wide)
            notes.append(f"Left out, as their moments would not fit into memory={in_words(budget.total)}: {names}.")
        return kept


def _merged(
    taps: Sequence[Tap], feeds: Mapping[int, Mapping[int, tuple[bool, bool]]], record: Trace
) -> tuple[list[Tap], dict[int, dict[int, tuple[bool, bool]]]]:
    """Let a module whose tensor is an output as it is, and is read by nothing else, be that output."""
    new = list(taps)
    gone: set[int] = set()
    for number, tap in enumerate(taps):
        if tap.kind != "output" or tap.select is not None or len(feeds[number]) != 1:
            continue
        (source,) = feeds[number]
        readers = [target for target, sources in feeds.items() if source in sources]
        own = taps[source].select is None and taps[source].name in record.outputs[tap.name].reads
        if own and readers == [number]:
            new[source] = replace(taps[source], output=tap.output, buckets=tap.buckets)
            gone.add(number)
    kept = [number for number in range(len(taps)) if number not in gone]
    place = {old: now for now, old in enumerate(kept)}
    moved = {place[t]: {place[s]: marks for s, marks in feeds[t].items()} for t in kept}
    return [new[number] for number in kept], moved


def _sketched(tap: Tap, notes: list[str]) -> Tap:
    if not tap.output or tap.width <= WIDE:
        return tap
    notes.append(
        f"Output {tap.output!r} has {tap.width} features, which are sketched: each is added, with a random sign, to "
        f"one of {SKETCH} sums."
    )
    return replace(tap, buckets=SKETCH)


def _cost(taps: Sequence[Tap], sample: int) -> int:
    widths = [tap.width for tap in taps]
    # Before the arrows are known: two for every site.
    return cost(widths, [pair for pair in pairwise(widths) for _ in range(2)], min(sample, COUNTED))


def _checked_axis(name: str, shape: tuple[int, ...], samples: int, given: int) -> int:
    axis = given + len(shape) if given < 0 else given
    if not 0 <= axis < len(shape) or axis == samples:
        raise BadRequest(
            f"axis={given} was given for {name!r}, which gives {shape} with its samples along axis {samples}; needed "
            "is another of its axes."
        )
    return axis


def _no_output(record: Trace) -> str:
    """Say why nothing that a model returns can be followed."""
    troubles = (
        "; ".join(f"{each.spot.place or 'output'} {each.spot.problem}" for each in record.outputs.values()) or "nothing"
    )
    first = next(iter(record.outputs.values()), None)
    advice = "" if first is None else f" {instead(first.name, first.spot.problem, first.spot.shape)}"
    return (
        f"the model returns no activations: {troubles}. Needed is at least one floating-point tensor with an entry for "
        f"each sample.{advice}"
    )
