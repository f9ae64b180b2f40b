"""A pass under way: batches in, statistics out, of one reading of rows or of two at once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import nn

from compgraph.observe.budget import Budget
from compgraph.observe.data.call import Call
from compgraph.observe.gradients.pullback import Pullback
from compgraph.observe.pruning import pruned
from compgraph.observe.run.trace import Hook, hooked
from compgraph.observe.site_graph import SiteGraph
from compgraph.observe.sums.gather import Gatherer
from compgraph.observe.sums.input_sample import InputSample
from compgraph.statistics import Look, Statistics

MANY = 2**19  # rows that nobody keeps but all of them


@dataclass(frozen=True, slots=True)
class Kept:
    """What a pass keeps, and how much of it.

    Attributes
    ----------
    sample, seed
        Rows kept, and what chooses them.
    first_row
        Number of the first sample.
    budget
        Memory.
    """

    sample: int
    seed: int
    first_row: int
    budget: Budget


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
    ) -> None:
        self.model, self.kept, self.device, self.elements = model, kept, device, elements
        self.next_row = kept.first_row
        self.n = 0
        self.at_once = kept.budget.samples_at_once(elements)
        self.whole = first.whole
        self.gatherers = [
            Gatherer(
                graph,
                sample=kept.sample,
                seed=kept.seed,
                chunk=kept.budget.rows_at_once(tap.width for tap in graph.taps),
            )
            for graph in graphs
        ]
        # Who asks for every row means all inputs.
        room = None if kept.sample > MANY else kept.budget.inputs_for_gradients(elements)
        self.inputs = InputSample(first, capacity=kept.sample, seed=kept.seed, most=room)

    def add(self, index: int, call: Call) -> None:
        """Take in one batch, in parts where it is large.

        Parameters
        ----------
        index
            Its number, for messages.
        call
            The batch.
        """
        call = replace(call, whole=True) if self.whole else call
        if call.size > self.at_once and not call.whole:
            half = call.size // 2
            self.add(index, call.rows(slice(0, half)))
            self.add(index, call.rows(slice(half, call.size)))
            return
        ids = np.arange(self.next_row, self.next_row + call.size, dtype=np.int64)
        for gatherer in self.gatherers:
            gatherer.begin(index, ids)
        try:
            self._run(call.private(self.device))
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
            self.add(index, call)
            return
        for gatherer in self.gatherers:
            gatherer.finish()
        self.inputs.add(call, ids)
        self.next_row += call.size
        self.n += call.size

    def _run(self, call: Call) -> None:
        size, hooks = call.size, dict[nn.Module, list[Hook]]()
        given = call.tensors
        for gatherer in self.gatherers:
            for number, tap in enumerate(gatherer.graph.taps):
                if tap.kind == "input" and tap.place not in given and tap.name not in gatherer.graph.named:
                    gatherer.lose(number)  # an optional argument, which this batch does without
                elif tap.kind == "input":
                    gatherer.arrive(number, tap.checked(given.get(tap.place), size))
                elif tap.kind == "module":
                    hooks.setdefault(tap.module, []).append(_reading(gatherer, number, size))
        with hooked({module: _all(each) for module, each in hooks.items()}):
            returned = call.run(self.model)
        for gatherer in self.gatherers:
            for number, tap in enumerate(gatherer.graph.taps):
                if tap.kind == "output":
                    gatherer.arrive(number, tap.pick(returned, size))

    def result(
        self, reading: int, *, asked: Look, notes: Sequence[str], observe: Callable[..., Statistics]
    ) -> Statistics:
        """Return the statistics of all batches.

        Parameters
        ----------
        reading
            Number of the graph of sites.
        asked
            What the pass was asked for.
        notes
            To be added to those of the graph.
        observe
            Of a graph of sites, a model and calls gives statistics again.

        Returns
        -------
        Statistics
            Without the arrows along which nothing moved on any kept input, and the sites that nobody named and that
            never vary.
        """
        gatherer = self.gatherers[reading]
        probe = self._probe(gatherer.graph, observe)
        said: list[str] = []
        gatherer.graph = pruned(gatherer, probe, said)
        probe = self._probe(gatherer.graph, observe)
        moments, crossed = gatherer.moments()
        graph = gatherer.graph
        return Statistics(
            graph.pairs,
            moments,
            gatherer.samples(),
            self.n,
            notes=tuple(dict.fromkeys((*notes, *graph.notes, *said, *self.inputs.notes))),
            probe=probe,
            asked=asked,
            returned={name: graph.space(number, "out") for name, number in graph.outputs.items()},
            crossed=crossed,
        )

    def _probe(self, graph: SiteGraph, observe: Callable[..., Statistics]) -> Pullback:
        return Pullback(
            self.model,
            graph,
            self.inputs,
            elements=self.elements,
            budget=self.kept.budget,
            observe=partial(observe, graph),
        )


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
