"""A pass under way: batches in, statistics out, of one reading of rows or of two at once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Int64
from torch import nn

from compgraph.observe.budget import Kept
from compgraph.observe.data.call import Call
from compgraph.observe.gradients.pullback import Pullback
from compgraph.observe.pruning import without
from compgraph.observe.run.trace import Hook, hooked
from compgraph.observe.site_graph import SiteGraph
from compgraph.observe.sums.checkpoint import Checkpoint
from compgraph.observe.sums.gather import Gatherer
from compgraph.observe.sums.handed_on import handed_on
from compgraph.observe.sums.input_sample import InputSample
from compgraph.observe.sums.numbers import Numbers
from compgraph.statistics import Identity, Look, Statistics
from compgraph.statistics.identity import described
from compgraph.version import VERSION

MANY = 2**19  # rows that nobody keeps but all of them


class OnePass:
    """A pass; nothing in it grows with the number of rows.

    Parameters
    ----------
    model
        Run in the caller's mode.
    graphs
        The sites, for each reading of rows.
    first
        The first batch.
    kept
        What is kept.
    device
        Where the model runs.
    elements
        Numbers that all modules give for one sample.
    observe
        Of a graph of sites, a model and calls gives statistics again.
    """

    def __init__(
        self,
        model: nn.Module,
        graphs: Sequence[SiteGraph],
        first: Call,
        kept: Kept,
        *,
        device: torch.device,
        elements: int,
        observe: Callable[..., Statistics],
    ) -> None:
        self.model, self.kept, self.device, self.elements = model, kept, device, elements
        self.observe = observe
        self.rows = Numbers()
        self.at_once = kept.budget.samples_at_once(elements)
        self.whole = first.whole
        self.gatherers = [
            Gatherer(
                graph,
                sample=kept.sample,
                seed=kept.seed,
                chunk=kept.budget.rows_at_once(tap.width for tap in graph.taps),
                double=kept.double,
            )
            for graph in graphs
        ]
        # Who asks for every row means all inputs.
        room = None if kept.sample > MANY else kept.budget.inputs_for_gradients(elements)
        self.inputs = InputSample.for_calls(first, capacity=kept.sample, seed=kept.seed, most=room)
        self.checkpoint: Checkpoint | None = None

    @property
    def n(self) -> int:
        """Samples so far."""
        return self.rows.n

    def take(self, index: int, call: Call, ids: Int64[np.ndarray, " n"]) -> None:
        """Take in one batch, or its inputs alone where a checkpoint has the rest.

        Parameters
        ----------
        index, call, ids
            As for `add`.
        """
        if self.checkpoint is None:
            self.add(index, call, ids)
            return
        known = self.checkpoint.ahead - self.n
        if 0 < known < call.size:
            self.take(index, call.rows(slice(0, known)), ids[:known])
            self.take(index, call.rows(slice(known, call.size)), ids[known:])
            return
        self.checkpoint.seen.add(call, ids)
        if known <= 0:
            self.add(index, call, ids)
            self.checkpoint.write(self.n, self.gatherers)
            return
        self.add(index, call, ids, again=True)
        if self.n == self.checkpoint.ahead:
            self.checkpoint.restore(self.gatherers, self.device)

    def go_on_from(self, checkpoint: Checkpoint, first: Call) -> None:
        """Write a file now and then, and go on from it where it is there.

        Parameters
        ----------
        checkpoint
            The file.
        first
            The first batch.
        """
        self.checkpoint = checkpoint
        for number, gatherer in enumerate(self.gatherers):
            gatherer.handed_on = handed_on(self.model, gatherer.graph, first) | checkpoint.handed_on(number)

    def add(self, index: int, call: Call, ids: Int64[np.ndarray, " n"], *, again: bool = False) -> None:
        """Take in one batch, in parts where it is large.

        Parameters
        ----------
        index
            Its number, for messages.
        call
            The batch.
        ids
            Numbers of its samples.
        again
            Whether it is in the sums of a checkpoint: inputs are taken in, and the model runs only where sites hand
            them on.
        """
        call = replace(call, whole=True) if self.whole else call
        if call.size > self.at_once and not call.whole:
            half = call.size // 2
            self.add(index, call.rows(slice(0, half)), ids[:half], again=again)
            self.add(index, call.rows(slice(half, call.size)), ids[half:], again=again)
            return
        for gatherer in self.gatherers:
            gatherer.begin(index, ids)
        try:
            self._run(call.private(self.device), again=again)
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error) or call.size < 2 or call.whole:
                raise
            for gatherer in self.gatherers:
                gatherer.cancel()
            self.at_once = call.size // 2
            smaller = True
        else:
            smaller = False
        if smaller:  # outside the handler, whose error holds on to what did not fit
            self.add(index, call, ids, again=again)
            return
        for gatherer in self.gatherers:
            gatherer.finish(again=again)
        self.inputs.add(call, ids)
        self.rows.add(ids)

    @staticmethod
    def _inputs(gatherer: Gatherer, call: Call) -> None:
        given = call.tensors
        for number, tap in enumerate(gatherer.graph.taps):
            if tap.kind == "input" and tap.place not in given and tap.name not in gatherer.graph.named:
                gatherer.lose(number)  # an optional argument, which this batch does without
            elif tap.kind == "input":
                gatherer.arrive(number, tap.checked(given.get(tap.place), call.size))

    def _run(self, call: Call, *, again: bool) -> None:
        size, hooks = call.size, dict[nn.Module, list[Hook]]()
        for gatherer in self.gatherers:
            self._inputs(gatherer, call)
            for number, tap in enumerate(gatherer.graph.taps):
                if tap.kind == "module" and (not again or number in gatherer.handed_on):
                    hooks.setdefault(tap.module, []).append(_reading(gatherer, number, size))
        if again and not any(each.handed_on for each in self.gatherers):
            return
        with hooked({module: _all(each) for module, each in hooks.items()}):
            returned = call.run(self.model)
        for gatherer in self.gatherers:
            for number, tap in enumerate(gatherer.graph.taps):
                if tap.kind == "output" and (not again or number in gatherer.handed_on):
                    gatherer.arrive(number, tap.pick(returned, size))

    def result(self, reading: int, *, asked: Look, notes: Sequence[str], model: Mapping[str, str] | None) -> Statistics:
        """Return the statistics of all batches.

        Parameters
        ----------
        reading
            Number of the graph of sites.
        asked
            What the pass was asked for.
        notes
            To be added to those of the graph.
        model
            Hashes of its parameters and buffers, where the statistics are to know what they are of.

        Returns
        -------
        Statistics
            Without the arrows along which nothing moved on any kept input, and the sites that nobody named and that
            never vary.
        """
        gatherer = self.gatherers[reading]
        lost = [gatherer.graph.taps[number].name for number in sorted(gatherer.lost)]
        gatherer.graph = graph = without(gatherer.graph, gatherer.lost)
        moments, crossed = gatherer.moments()
        probe, identity = self._probe(graph), None
        if model is not None:
            identity = Identity(model, self.rows.set(), self._options(gatherer, asked), VERSION)
        full = Statistics(
            graph.pairs,
            moments,
            gatherer.samples(),
            self.n,
            notes=tuple(dict.fromkeys((*notes, *graph.notes, *self.inputs.notes))),
            probe=probe,
            asked=asked,
            returned={name: graph.space(number, "out") for name, number in graph.outputs.items()},
            crossed=crossed,
            identity=identity,
        )
        return probe.settled(full, lost=lost)

    def made_of(self, model: Mapping[str, str], asked: Look) -> dict[str, Any]:
        """Return what a pass has to have in common with another one to go on from it, as JSON can hold it."""
        sites = [[[tap.name, list(tap.shape[1:]), tap.axis] for tap in each.graph.taps] for each in self.gatherers]
        arrows = [[[each.source, each.target, list(each.grid)] for each in one.graph.arrows] for one in self.gatherers]
        options = [self._options(each, asked) for each in self.gatherers]
        first = {"first_row": self.kept.first_row, "version": VERSION}
        return {"model": dict(model), "options": options, **first, "sites": sites, "arrows": arrows}

    def _options(self, gatherer: Gatherer, asked: Look) -> dict[str, Any]:
        """Return what decides the numbers beside model and data."""
        given = described({name: value for name, value in asked.options.items() if value is not None})
        kept = {"sample": self.kept.sample, "seed": self.kept.seed, "inputs": self.inputs.reservoir.capacity}
        return {**given, **kept, "block": gatherer.chunk, "precision": "float64" if self.kept.double else "auto"}

    def _probe(self, graph: SiteGraph) -> Pullback:
        return Pullback(self.model, graph, self.inputs, elements=self.elements, kept=self.kept, observe=self.observe)


def out_of_memory(error: BaseException) -> bool:
    """Tell whether an error says that memory ran out.

    Parameters
    ----------
    error
        Raised by a run of a model.

    Returns
    -------
    bool
        For the errors of torch on all devices, and of Python.
    """
    text = str(error).lower()
    return (
        isinstance(error, torch.OutOfMemoryError | MemoryError) or "out of memory" in text or "can't allocate" in text
    )


def _reading(gatherer: Gatherer, number: int, size: int) -> Hook:
    tap = gatherer.graph.taps[number]

    def hook(_module: nn.Module, _args: object, output: object) -> None:
        gatherer.arrive(number, tap.pick(output, size))

    return hook


def _all(hooks: Sequence[Hook]) -> Hook:
    def hook(module: nn.Module, args: tuple[object, ...], output: object) -> None:
        for each in hooks:
            each(module, args, output)

    return hook
