"""From what a user asks for to statistics: one pass over the data for every reading of rows that is wanted."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Int64
from torch import nn
from tqdm import tqdm

from compgraph.errors import CompgraphError, EmptyData, ShapeError, SiteError
from compgraph.observe.budget import Kept
from compgraph.observe.choice import Choice, Wish
from compgraph.observe.data.batches import batches, n_batches, whole
from compgraph.observe.data.call import Call
from compgraph.observe.data.reader import Reader
from compgraph.observe.data.row_ids import Numbering, Shared, numbers
from compgraph.observe.one_pass import OnePass
from compgraph.observe.ranks.exchange import Ranks
from compgraph.observe.request import Request, as_mapping, wished
from compgraph.observe.run.fingerprint import fingerprint
from compgraph.observe.run.repeatable import repeatable
from compgraph.observe.run.restore import observing
from compgraph.observe.run.rows import RowMode
from compgraph.observe.run.trace import FEW, first_of, trace
from compgraph.observe.run.unwrap import bare, device_of
from compgraph.observe.site_graph import SiteGraph
from compgraph.observe.sums.checkpoint import Checkpoint
from compgraph.progress import announce
from compgraph.statistics import Look, Statistics, merge

WHOLE = "The model does not run on a few samples alone, so that batches are taken whole."
TRIED = 2048  # features of a site at most where a further reading is tried unasked


def readings(model: nn.Module, data: Any, request: Request, rows: Sequence[RowMode]) -> tuple[Statistics, ...]:
    """Run a model over data once and keep the statistics of one reading of rows or of several.

    Parameters
    ----------
    model, data
        As for `collect`.
    request
        From `wished`.
    rows
        What a row is, in each reading. The second and further ones are given up, with a note on the first, where
        they do not differ from it or do not fit the budget.

    Returns
    -------
    tuple of Statistics
        At least of the first.

    Raises
    ------
    CompgraphError
        As `collect` says.
    """
    model = bare(model)
    asked = request.asked
    reader = Reader(model, call=asked.call, samples=asked.samples)
    start = partial(_started, model, request=request, rows=rows)
    ranks = request.ranks
    numbering = numbers(data, request.row_ids, request.kept.first_row)
    if ranks is not None:
        numbering = Shared(numbering, ranks.rank, ranks.size)
    run, notes = _run(model, data, request, reader, start, numbering)
    notes = [*reader.notes, *notes]
    n = (
        run.n
        if ranks is None
        else int(sum(ranks.deal(lambda numbers: [float(run.n)] * len(numbers), range(ranks.size))))
    )
    identity = fingerprint(model)
    found: list[Statistics] = []
    for number, gatherer in reversed(list(enumerate(run.gatherers))):
        widest = max(tap.width for tap in gatherer.graph.taps)
        if number and 2 * widest > n:
            notes.append(
                f'rows="{rows[number]}" was not tried: {n} samples are too few for {widest} features; twice as '
                "many samples as features are needed."
            )
            continue
        read = Look(asked.layers, rows[number], samples=asked.samples, axis=asked.axis, call=asked.call)
        stats = run.result(number, asked=read, notes=notes, model=identity)
        found.insert(0, stats if ranks is None else _gathered(stats, model, ranks))
    if run.checkpoint is not None:
        run.checkpoint.remove()
    return tuple(found)


def _gathered(mine: Statistics, model: nn.Module, ranks: Ranks) -> Statistics:
    """Merge the statistics of all ranks, and ask the model of each from then on."""
    functions = {"layers": mine.asked.layers, "call": mine.asked.call}

    def merged(parts: Sequence[bytes]) -> bytes:
        whole = merge(map(Statistics.from_bytes, parts), gaps=True)
        return whole.attach(model, **functions).to_bytes(keep_inputs=True)

    whole = ranks.gathered(mine.to_bytes(keep_inputs=True), merged, what="statistics")
    return Statistics.from_bytes(whole).attach(model, **functions)


def _started(model: nn.Module, first: Call, *, request: Request, rows: Sequence[RowMode]) -> tuple[OnePass, list[str]]:
    """Look at a model on its first batch and settle what is followed."""
    device = request.device or device_of(model, first)
    first = first.private(device)
    wish = Wish(as_mapping(request.asked.layers), request.axis, request.kept.budget, request.kept.sample)
    with observing(model):
        record = trace(model, first, wish.layers)
    first = replace(first, whole=first.whole or record.whole)
    choice = Choice(model, record, first, wish)
    notes: list[str] = []
    graphs: list[SiteGraph] = [choice.graph(rows[0])]
    for other in rows[1:]:
        graph, note = _other(choice, other)
        graphs += [] if graph is None else [graph]
        notes += [note] if note else []
    few = first_of(first, FEW)
    notes += [note] if (note := repeatable(model, few)) else []
    notes += [WHOLE] if record.whole else []
    kept, elements = request.kept, record.elements
    run = OnePass(model, graphs, first, kept, device=device, elements=elements, observe=observed_again)
    if request.checkpoint is not None:
        run.go_on_from(Checkpoint(request.checkpoint, run.made_of(fingerprint(model), request.asked)), first)
    return run, notes


def _other(choice: Choice, rows: RowMode) -> tuple[SiteGraph | None, str]:
    """Return the graph of a further reading of rows, or why there is none."""
    if not choice.has_positions:
        return None, ""
    try:
        graph = choice.graph(rows)
    except (ShapeError, SiteError) as error:
        return None, f'rows="{rows}" was not tried: {error}'
    wide = [tap for tap in graph.taps if tap.width > TRIED]
    if not wide:
        return graph, ""
    listed = ", ".join(f"{tap.name} ({tap.width})" for tap in wide)
    return None, f'rows="{rows}" was not tried: above {TRIED} features are those of {listed}.'


def observed_again(
    graph: SiteGraph, model: nn.Module, calls: Sequence[Call], *, kept: Kept, elements: int
) -> Statistics:
    """Collect statistics of a model on calls at the sites of a graph.

    Parameters
    ----------
    graph
        Of this model, or of another one of the same modules.
    model
        Such as an untrained twin.
    calls
        Inputs.
    kept
        What is kept.
    elements
        Numbers that all modules give for one sample.

    Returns
    -------
    Statistics
        That do not know which model they are of.
    """

    def start(first: Call) -> tuple[OnePass, list[str]]:
        device = device_of(model, first)
        run = OnePass(model, [graph.of(model)], first, kept, device=device, elements=elements, observe=observed_again)
        return run, []

    run, _ = _run(model, calls, wished(progress=False), Reader(model), start, numbers(calls, None, kept.first_row))
    return run.result(0, asked=Look(), notes=(), model=None)


def _run(
    model: nn.Module,
    data: Any,
    request: Request,
    reader: Reader,
    start: Callable[[Call], tuple[OnePass, list[str]]],
    numbering: Numbering,
) -> tuple[OnePass, list[str]]:
    run: OnePass | None = None
    notes: list[str] = []
    total = n_batches(data, request.batch_size, reader)
    bar = tqdm(
        total=total,
        desc="collect",
        unit="batch",
        leave=False,
        delay=0 if request.progress else 2,
        disable=None if request.progress is None else not request.progress,
    )
    began = time.monotonic()
    with observing(model), bar:
        for index, call, ids in _calls(data, request.batch_size, reader, numbering):
            with _noted(f"while compgraph.collect ran the model on batch {index}"):
                if run is None:
                    run, notes = start(call)
                    began = time.monotonic()
                run.take(index, call, ids)
            if index == 0 and total:
                announce("collecting statistics", (time.monotonic() - began) * total)
            bar.update()
        if run is None:
            raise EmptyData(_nothing(data))
        numbering.finish()
        if run.checkpoint is not None:
            run.checkpoint.finish()
        return run, notes


def _calls(
    data: Any, batch_size: int, reader: Reader, numbering: Numbering
) -> Iterator[tuple[int, Call, Int64[np.ndarray, " n"]]]:
    cut = numbering.cut if isinstance(numbering, Shared) else whole
    index, stream = 0, batches(data, batch_size, reader, cut=cut)
    while True:
        with _noted(f"while compgraph.collect read batch {index} of the data"):
            try:
                batch = next(stream)
            except StopIteration:
                return
            call = reader.read(batch)
        numbered = numbering.take(batch, call.size)
        if not numbered.counted.all():
            call = call.rows(torch.from_numpy(numbered.counted))
        if call.size > 0:
            yield index, call, numbered.ids[numbered.counted]
        index += 1


@contextmanager
def _noted(note: str) -> Iterator[None]:
    try:
        yield
    except CompgraphError:
        raise
    except BaseException as error:
        error.add_note(note)
        raise


def _nothing(data: Any) -> str:
    if isinstance(data, Iterator):
        return (
            "the iterator gave no rows: it is exhausted, perhaps by an earlier pass. Pass a fresh one, or something "
            "that can be read again, such as a list of batches or a DataLoader."
        )
    return "data has no rows. Pass at least one batch of samples."
