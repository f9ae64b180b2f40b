"""From what a user asks for to statistics: one pass over the data for every reading of rows that is wanted."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import torch
from torch import nn
from tqdm import tqdm

from compgraph.arguments import whole_number
from compgraph.errors import BadRequest, CompgraphError, EmptyData, ShapeError, SiteError
from compgraph.observe.budget import Budget
from compgraph.observe.choice import Choice, Wish
from compgraph.observe.data.batches import batches, n_batches
from compgraph.observe.data.call import Call
from compgraph.observe.data.reader import Reader
from compgraph.observe.layers import Layers, as_mapping
from compgraph.observe.one_pass import Kept, OnePass
from compgraph.observe.run.repeatable import repeatable
from compgraph.observe.run.restore import observing
from compgraph.observe.run.rows import RowMode
from compgraph.observe.run.trace import FEW, first_of, trace
from compgraph.observe.run.unwrap import bare, device_of
from compgraph.observe.site_graph import SiteGraph
from compgraph.progress import announce
from compgraph.statistics import Look, Statistics

Rows = Literal["auto", "position", "sample"]
ALL_ROWS = 2**20  # what sample="all" holds; beyond it examples are to be taken in parts
WHOLE = "The model does not run on a few samples alone, so that batches are taken whole."
TRIED = 2048  # features of a site at most where a further reading is tried unasked


@dataclass(frozen=True, slots=True)
class Request:
    """What the caller of `collect` asked for, checked.

    Attributes
    ----------
    asked
        What is asked again of other data.
    kept
        What is kept, and how much of it.
    axis
        Axis of features by site; for all under the empty name.
    batch_size, device, progress
        As for `collect`.
    """

    asked: Look
    kept: Kept
    axis: Mapping[str, int]
    batch_size: int
    device: torch.device | None
    progress: bool | None


def wished(
    *,
    layers: Layers = None,
    rows: object = "auto",
    sample: object = 1024,
    seed: object = 0,
    first_row: object = 0,
    batch_size: object = 256,
    device: str | torch.device | None = None,
    progress: bool | None = None,
    samples: Any = None,
    axis: Any = None,
    call: Any = None,
    memory: Any = "4GB",
) -> Request:
    """Check what a caller asked for, before any data are read.

    Parameters
    ----------
    layers, rows, sample, seed, first_row, batch_size, device, progress, samples, axis, call, memory
        As for `collect`.

    Returns
    -------
    Request
        Of counts that are whole numbers and large enough.

    Raises
    ------
    BadRequest
        When one is not.
    """
    if rows not in ("auto", "position", "sample"):
        raise BadRequest(f'rows is {rows!r}; needed is "auto", "position" or "sample".')
    if isinstance(sample, str) and sample != "all":
        raise BadRequest(f'sample is {sample!r}; needed is a whole number of at least 1, or "all".')
    kept = Kept(
        sample=ALL_ROWS if sample == "all" else whole_number(sample, "sample", minimum=1),
        seed=whole_number(seed, "seed", minimum=0),
        first_row=whole_number(first_row, "first_row", minimum=0),
        budget=Budget.of(memory),
    )
    axes = dict(axis) if isinstance(axis, Mapping) else {} if axis is None else {"": axis}
    return Request(
        Look(layers, "sample" if rows == "sample" else "position", samples=samples, axis=axis, call=call),
        kept,
        {name: int(whole_number(each, "axis", minimum=-9)) for name, each in axes.items()},
        whole_number(batch_size, "batch_size", minimum=1),
        None if device is None else torch.device(device),
        progress,
    )


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
    run, notes = _run(model, data, request, reader, start)
    notes = [*reader.notes, *notes]
    again = partial(_again, kept=request.kept, elements=run.elements)
    found: list[Statistics] = []
    for number, gatherer in reversed(list(enumerate(run.gatherers))):
        widest = max(tap.width for tap in gatherer.graph.taps)
        if number and 2 * widest > run.n:
            notes.append(
                f'rows="{rows[number]}" was not tried: {run.n} samples are too few for {widest} features; twice as '
                "many samples as features are needed."
            )
            continue
        read = Look(asked.layers, rows[number], samples=asked.samples, axis=asked.axis, call=asked.call)
        found.insert(0, run.result(number, asked=read, notes=notes, observe=again))
    return tuple(found)


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
    run = OnePass(model, graphs, first, request.kept, device=device, elements=record.elements)
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


def _again(
    graph: SiteGraph, model: nn.Module, calls: Sequence[Call], first_row: int, *, kept: Kept, elements: int
) -> Statistics:
    """Collect statistics of calls at the sites of a graph, of a model that computes so many numbers a sample."""
    request, reader = wished(progress=False), Reader(model)
    kept = replace(kept, first_row=first_row)

    def start(first: Call) -> tuple[OnePass, list[str]]:
        device = device_of(model, first)
        return OnePass(model, [graph.of(model)], first, kept, device=device, elements=elements), []

    run, _ = _run(model, calls, request, reader, start)
    return run.result(0, asked=Look(), notes=(), observe=partial(_again, kept=kept, elements=elements))


def _run(
    model: nn.Module,
    data: Any,
    request: Request,
    reader: Reader,
    start: Callable[[Call], tuple[OnePass, list[str]]],
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
        for index, call in _calls(data, request.batch_size, reader):
            with _noted(f"while compgraph.collect ran the model on batch {index}"):
                if run is None:
                    run, notes = start(call)
                    began = time.monotonic()
                run.add(index, call)
            if index == 0 and total:
                announce("collecting statistics", (time.monotonic() - began) * total)
            bar.update()
        if run is None:
            raise EmptyData(_nothing(data))
        return run, notes


def _calls(data: Any, batch_size: int, reader: Reader) -> Iterator[tuple[int, Call]]:
    index, stream = 0, batches(data, batch_size, reader)
    while True:
        with _noted(f"while compgraph.collect read batch {index} of the data"):
            try:
                batch = next(stream)
            except StopIteration:
                return
            call = reader.read(batch)
        if call.size > 0:
            yield index, call
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
