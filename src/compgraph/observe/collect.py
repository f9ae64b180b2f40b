"""One streaming pass over data: a model's activations in, their statistics out."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from compgraph.arguments import whole_number
from compgraph.errors import BadRequest, CompgraphError, EmptyData
from compgraph.observe.chain import chain
from compgraph.observe.gradients.pullback import Pullback
from compgraph.observe.layers import Layers, as_mapping
from compgraph.observe.run.batches import Call, as_call, batches, n_batches
from compgraph.observe.run.restore import observing
from compgraph.observe.run.rows import RowMode
from compgraph.observe.run.trace import Hook, hooked, trace
from compgraph.observe.run.unwrap import bare, device_of
from compgraph.observe.sums.gather import Gatherer
from compgraph.observe.sums.input_sample import InputSample
from compgraph.statistics import Look, Statistics

ALL_ROWS = 2**20  # what sample="all" holds; beyond it examples are to be taken in parts


def collect(
    model: nn.Module,
    data: Any,
    layers: Layers = None,
    *,
    rows: RowMode = "position",
    sample: int | Literal["all"] = 1024,
    seed: int = 0,
    first_row: int = 0,
    batch_size: int = 256,
    device: str | torch.device | None = None,
    progress: bool | None = None,
) -> Statistics:
    """Run a model over data once and keep only statistics of what it computes.

    Parameters
    ----------
    model
        Any module. It runs in eval mode, whatever its flags say, and comes back as it was, also after an
        exception or Ctrl-C.
    data
        A tensor or array (rows are samples, cut into batches), a sequence of tensors (each a batch), a
        ``DataLoader``, or any iterable of batches: tensors, ``(x, y, ...)`` of which the model gets ``x``, or
        dicts of keyword arguments. A generator is fine, since there is one pass.
    layers
        Names or globs of modules, or a dict from those to functions that pick a tensor out of what the module
        returned (``None``: as it is); the name ``"output"`` stands for what the model returned. By default the
        layers with weights, each after the activation, dropout or norm that follows it; `Statistics.notes` says
        which. The model's input and output are always added.
    rows
        ``"position"``: positions are rows, channels of ``(n, c, h, w)`` and the last axis of ``(n, t, d)`` are
        features, unless the module is one that keeps channels first (``Conv1d``, ``BatchNorm1d``, pooling), or
        follows one. ``"sample"``: everything a sample has is its features.
    sample
        Largest number of rows kept per pair, and of inputs kept for gradients. ``"all"`` keeps every row, for looking
        at single ones, and is content with one.
    seed
        Chooses those rows, together with their numbers alone.
    first_row
        Number of the first sample, so that parts of a data set collected apart can be added.
    batch_size
        Number of samples in a batch cut from a tensor; results do not depend on it but for rounding.
    device
        Where inputs are sent; by default where the model's parameters are.
    progress
        Whether to show a bar on stderr; by default on a terminal, when the pass takes longer than two seconds.

    Returns
    -------
    Statistics
        Moments and samples of every pair of facing spaces, in the activations' units, and a source of gradients
        that works while the model lives and is unchanged.

    Raises
    ------
    BadRequest
        When a count or the seed is no whole number, or too small; raised before any data are read.
    BadRequest, UnknownSite, SiteError, ShapeError
        When the request does not fit the model; raised on the first batch.
    BadRequest
        When there are more than a million rows with ``sample="all"``.
    NotFinite
        Naming the site and batch of a NaN or infinity.
    EmptyData
        When there are fewer than two rows; with ``sample="all"``, none.

    Notes
    -----
    Costs O(n (d_i^2 / 2 + d_i d_{i+1})) for each site beside the model's own run, and memory for one batch of tapped
    activations, O(d_i^2 + d_i d_{i+1}) sums and the sample. Rows are centred in chunks and multiplied in float32
    (float64 for float64 activations and on accelerators); sums are float64.
    Where two neighbours have different positions, both are averaged to the coarser grid, which a note says.

    Examples
    --------
    >>> model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.ReLU(), torch.nn.Linear(2, 1))
    >>> stats = collect(model, torch.eye(3))
    >>> stats.layers
    ('input', '1', '2')
    """
    stats = _passed(
        model,
        data,
        _wish(layers, rows, sample=sample, seed=seed, first_row=first_row, device=device),
        batch_size=whole_number(batch_size, "batch_size", minimum=1),
        progress=progress,
    ).result()
    if sample == "all":
        _require_all(stats)
    else:
        stats.require_rows()
    return stats


def _require_all(stats: Statistics) -> None:
    most = max(each.n for each in stats.samples.values())
    if most > ALL_ROWS:
        raise BadRequest(
            f"{most} rows came, and sample='all' holds {ALL_ROWS} at once; give fewer examples a call, or a number."
        )


def _passed(model: nn.Module, data: Any, wish: "_Wish", *, batch_size: int, progress: bool | None) -> "_Pass":
    model = bare(model)
    run: _Pass | None = None
    bar = tqdm(
        total=n_batches(data, batch_size),
        desc="collect",
        unit="batch",
        leave=False,
        delay=0 if progress else 2,
        disable=None if progress is None else not progress,
    )
    with observing(model), bar:
        for index, call in _calls(data, batch_size):
            with _noted(f"while compgraph.collect ran the model on batch {index}"):
                run = run or _Pass(model, wish, call)
                run.add(index, call)
            bar.update()
        if run is None:
            raise EmptyData(_nothing(data))
        return run


@dataclass(frozen=True, slots=True)
class _Wish:
    """What the caller of `collect` asked for."""

    layers: Layers
    rows: RowMode
    sample: int
    seed: int
    first_row: int
    device: torch.device | None


def _wish(layers: Layers, rows: RowMode, *, device: str | torch.device | None, **counts: object) -> _Wish:
    if rows not in ("position", "sample"):
        raise BadRequest(f'rows is {rows!r}; needed is "position" or "sample".')
    if isinstance(counts["sample"], str) and counts["sample"] != "all":
        raise BadRequest(f'sample is {counts["sample"]!r}; needed is a whole number of at least 1, or "all".')
    smallest = {"sample": 1, "seed": 0, "first_row": 0}
    counts["sample"] = ALL_ROWS if counts["sample"] == "all" else counts["sample"]
    checked = {name: whole_number(value, name, minimum=smallest[name]) for name, value in counts.items()}
    return _Wish(layers, rows, **checked, device=None if device is None else torch.device(device))


class _Pass:
    """A pass under way; nothing in it grows with the number of rows."""

    def __init__(self, model: nn.Module, wish: _Wish, first: Call) -> None:
        self.model, self.asked = model, wish
        self.device = wish.device or device_of(model, first)
        self.next_row = wish.first_row
        self.n = 0
        with observing(model):
            record = trace(model, first.private(self.device), as_mapping(wish.layers))
        self.chain = chain(record, first, wish.layers, rows=wish.rows)
        self.elements = record.elements // record.size
        self.gatherer = Gatherer(self.chain, sample=wish.sample, seed=wish.seed)
        self.inputs = InputSample(first, capacity=wish.sample, seed=wish.seed)

    def add(self, index: int, call: Call) -> None:
        """Take in one batch."""
        ids = np.arange(self.next_row, self.next_row + call.size, dtype=np.int64)
        self.gatherer.begin(index, ids)
        self._run(call.private(self.device))
        self.gatherer.finish()
        self.inputs.add(call, ids)
        self.next_row += call.size
        self.n += call.size

    def _run(self, call: Call) -> None:
        taps, size = self.chain.taps, call.size

        def reading(site: int) -> Hook:
            def hook(_module: nn.Module, _args: tuple[Any, ...], output: Any) -> None:
                self.gatherer.arrive(site, taps[site].pick(output, size))

            return hook

        outer = [i for i, tap in enumerate(taps) if tap.module is self.model]
        if 0 in outer and call.single is not None:
            self.gatherer.arrive(0, taps[0].pick(call.single, size))
        with hooked({tap.module: reading(i) for i, tap in enumerate(taps) if i not in outer}):
            returned = call.run(self.model)
        last = len(taps) - 1
        if last in outer:
            self.gatherer.arrive(last, taps[last].pick(returned, size))

    def result(self) -> Statistics:
        """Return the statistics of all batches."""
        asked = Look(self.asked.layers, self.asked.rows)
        again = partial(collect, progress=False, **asked.options)
        probe = Pullback(self.model, self.chain, self.inputs, elements=self.elements, observe=again)
        notes = self.chain.notes + self.inputs.notes
        return Statistics(
            self.chain.pairs,
            self.gatherer.moments(),
            self.gatherer.samples(),
            self.n,
            notes=notes,
            probe=probe,
            asked=asked,
        )


def _calls(data: Any, batch_size: int) -> Iterator[tuple[int, Call]]:
    index, stream = 0, batches(data, batch_size)
    while True:
        with _noted(f"while compgraph.collect read batch {index} of the data"):
            try:
                batch = next(stream)
            except StopIteration:
                return
        call = as_call(batch)
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
