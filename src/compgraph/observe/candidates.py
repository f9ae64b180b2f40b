"""Every tensor of a model that could be a site: how they feed one another, and which of their axes hold features."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from torch import nn

from compgraph.errors import SiteError
from compgraph.observe.arrows import Held
from compgraph.observe.data.call import Call
from compgraph.observe.feeding import feeding
from compgraph.observe.run.seen import Seen, Spot, Trace
from compgraph.observe.run.tap import Kind, Tap
from compgraph.observe.run.trace import first_of

FEW = 8  # samples from which arrows are read
AT_ONCE = 2**24  # numbers of all modules together that are held meanwhile, each of them a few times


@dataclass(frozen=True, slots=True)
class Place:
    """One tensor that could be a site.

    Attributes
    ----------
    seen, spot
        Where it was seen.
    kind
        Of site that it would be.
    """

    seen: Seen
    spot: Spot
    kind: Kind

    def tap(self, axis: int | None) -> Tap:
        """Return the site.

        Parameters
        ----------
        axis
            The axis of features as the model has it; None where all but the samples are features.

        Returns
        -------
        Tap
            With samples first.
        """
        order = samples_first(len(self.spot.shape), self.spot.samples)
        shape = tuple(self.spot.shape[i] for i in order)
        moved = None if axis is None else order.index(axis) if len(order) > 1 else 0
        output = (self.spot.place or "output") if self.kind == "output" else ""
        return Tap(
            name=self.seen.name,
            kind=self.kind,
            module=self.seen.module,
            place=self.spot.place,
            select=self.seen.select,
            shape=shape,
            samples=self.spot.samples,
            axis=moved,
            output=output,
        )


class Candidates:
    """All tensors of a model that could be sites, with one run in which each is held.

    Parameters
    ----------
    model
        Run once more, on a few samples.
    record
        Of the model.
    call
        Its first batch.
    """

    def __init__(self, model: nn.Module, record: Trace, call: Call) -> None:
        self._model = model
        # Two at least, to see what differs between samples.
        self._call = first_of(call, max(2, min(FEW, AT_ONCE // max(record.elements, 1))))
        self.places = tuple(_places(record))
        self._taps = [each.tap(None) for each in self.places]
        self.number = {(each.seen.name, each.spot.place): i for i, each in enumerate(self.places)}

    def few(self) -> Call:
        """Return a copy of the samples from which arrows are read, as many as can be held."""
        return first_of(self._call, self._call.size)

    @cached_property
    def held(self) -> Held | None:
        """The run; None where autograd cannot follow the model."""
        try:
            return Held(self._model, self.few(), self._taps)
        except (RuntimeError, SiteError):  # an operation without a derivative; what asks for gradients will say which
            return None

    @cached_property
    def sources(self) -> tuple[frozenset[int], ...]:
        """Numbers of those that feed each."""
        if self.held is None:
            found = feeding(self._model, self.few(), self._taps)
            return tuple(frozenset(found[i]) for i in range(len(self.places)))
        reach = self.held.reach
        return tuple(reach[i].direct | reach[i].quiet for i in range(len(self.places)))

    @cached_property
    def readers(self) -> tuple[frozenset[int], ...]:
        """Numbers of those that each feeds."""
        found: list[set[int]] = [set() for _ in self.places]
        for target, sources in enumerate(self.sources):
            for source in sources:
                found[source].add(target)
        return tuple(map(frozenset, found))

    def standing_for(self, seen: Seen) -> Place:
        """Return the tensor that stands for a module: of several, the first that something reads.

        Parameters
        ----------
        seen
            The module.

        Returns
        -------
        Place
            Such as the last state of a recurrent layer whose sequence nobody reads.
        """
        several = list(seen.spots.values()) if len(seen.spots) > 1 else []
        numbers = ((spot, self.number.get((seen.name, spot.place))) for spot in several)
        read = (spot for spot, number in numbers if number is not None and self.readers[number])
        return Place(seen, next(read, seen.spot), "module")

    def varies(self, number: int) -> bool:
        """Tell whether a tensor differs between samples; one computed from others is taken to.

        Parameters
        ----------
        number
            Of the tensor.

        Returns
        -------
        bool
            False for what all samples share, such as an embedding of positions.
        """
        if self.held is None or self.sources[number]:
            return True
        raw = self.held.raw[number].detach().movedim(self.places[number].spot.samples, 0)
        return bool((raw != raw[:1]).any()) or not self._inputs_differ()

    def _inputs_differ(self) -> bool:
        few = self.few()
        moved = (each.movedim(axis, 0) for name, each in few.tensors.items() if (axis := few.axes[name]) is not None)
        return any(bool((each != each[:1]).any()) for each in moved)

    def summands(self, number: int) -> frozenset[int]:
        """Return those that are added to something else on their way to a tensor.

        Parameters
        ----------
        number
            Of the tensor.

        Returns
        -------
        frozenset of int
            Empty where a single one feeds it.
        """
        sources = self.sources[number]
        if self.held is None or len(sources) < 2:
            return frozenset()
        return sources & self.held.added(number)

    @cached_property
    def known_axes(self) -> dict[int, int]:
        """The axis of features of each for which the model settles it."""
        found = {i: axis for i, each in enumerate(self.places) if (axis := settled(each.spot)) is not None}
        if self.held is None:
            return found
        for i, axes in self.held.axes_read().items():
            told = axes - {self.places[i].spot.samples}
            if i not in found and len(told) == 1:
                found[i] = next(iter(told))
        for i, each in enumerate(self.places):
            if i not in found:
                axis = self.held.axis_behind(i, found)
                if axis is not None and axis != each.spot.samples:
                    found[i] = axis
        return found

    def guessed_axis(self, number: int) -> int:
        """Return the axis of features where nothing settles it: that of the last tensor before with so many axes.

        Parameters
        ----------
        number
            Of the tensor.

        Returns
        -------
        int
            The last axis of three, the first after the samples of more, where none came before.
        """
        spot = self.places[number].spot
        n_axes = len(spot.shape)
        before = [self.known_axes[i] for i in range(number) if i in self.known_axes and self._alike(i, number)]
        if before:
            return before[-1]
        order = samples_first(n_axes, spot.samples)
        return order[-1] if n_axes == 3 else order[1]

    def _alike(self, one: int, other: int) -> bool:
        a, b = self.places[one].spot, self.places[other].spot
        return (len(a.shape), a.samples) == (len(b.shape), b.samples)


def settled(spot: Spot) -> int | None:
    """Return the axis of features of a tensor where its maker or its readers settle it.

    Parameters
    ----------
    spot
        From a trace.

    Returns
    -------
    int or None
        As the model has it.
    """
    if len(spot.shape) <= 2:
        return len(spot.shape) - 1 if spot.samples == 0 else 0
    told = {spot.axis} if spot.axis is not None else spot.read_along
    told = told - {spot.samples}
    return next(iter(told)) if len(told) == 1 else None


def samples_first(n_axes: int, samples: int) -> list[int]:
    """Return the order of axes that puts samples first.

    Parameters
    ----------
    n_axes
        Of a tensor.
    samples
        Its axis of samples.

    Returns
    -------
    list of int
        As ``Tensor.permute`` takes it.
    """
    return [samples, *(i for i in range(n_axes) if i != samples)]


def _places(record: Trace) -> Iterable[Place]:
    groups: tuple[tuple[Mapping[str, Seen], Kind], ...] = (
        (record.inputs, "input"),
        (record.seen, "module"),
        (record.outputs, "output"),
    )
    for group, kind in groups:
        for seen in group.values():
            same = seen.as_is and record.seen[seen.as_is].calls == 1
            if seen.calls == 1 and not same:
                yield from (Place(seen, spot, kind) for spot in seen.spots.values() if not spot.problem)
