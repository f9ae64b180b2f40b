"""One streaming pass over data: a model's activations in, their statistics out."""

import inspect
import os
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any, Literal

import torch
from torch import nn

from compgraph.arguments import checked
from compgraph.errors import BadRequest, unknown_name
from compgraph.observe.readings import readings
from compgraph.observe.request import ALL_ROWS, Layers, Rows, wished
from compgraph.observe.run.finite import blaming_weights
from compgraph.observe.run.rows import RowMode
from compgraph.observe.run.unwrap import require_device
from compgraph.statistics import Statistics


@checked
def collect(
    model: nn.Module,
    data: Any,
    layers: Layers = None,
    *,
    rows: Rows = "auto",
    sample: int | Literal["all"] = 1024,
    seed: int = 0,
    first_row: int = 0,
    batch_size: int = 256,
    device: str | torch.device | None = None,
    progress: bool | None = None,
    samples: int | Mapping[str, int | None] | None = None,
    axis: int | Mapping[str, int] | None = None,
    call: Callable[[Any], Any] | None = None,
    memory: str | int = "4GB",
    precision: Literal["auto", "float64"] = "auto",
    checkpoint: str | os.PathLike[str] | None = None,
    row_ids: Any = None,
    process_group: Any = None,
) -> Statistics:
    """Run a model over data once and keep only statistics of what it computes.

    Parameters
    ----------
    model
        Any module. It runs in eval mode, whatever its flags say, and comes back as it was, also after an
        exception or Ctrl-C.
    data
        One large batch, which is cut into smaller ones: a tensor, array or data frame whose rows are samples, a dict
        of them, or a tuple ``(x, y, ...)`` of equal length. Or batches: a list, a ``DataLoader``, any iterable; a
        generator is fine, since there is one pass. A dict gives the model those columns that its ``forward`` names,
        ``(x, y, ...)`` the required arguments; what follows is taken for targets, or asked about. Floating-point
        data are cast to the model's precision. `Statistics.notes` says what was left out or cast.
    layers
        Names or globs of modules, or a dict from those to functions that pick a tensor out of what the module
        returned (``None``: as it is); the name ``"output"`` stands for what the model returned. By default the
        layers with weights, each after the activation, dropout or norm that follows it, and the streams that residual
        branches write into, without the inside of the branches; `Statistics.notes` says which, and what was left out.
        The model's inputs and outputs are always added.
    rows
        ``"position"``: positions are rows; which axis holds features is read off the types of the modules that make a
        tensor and read it, and off what is done in between. ``"sample"``: everything a sample has is its features, so
        that tasks at different positions can be told apart. ``"auto"`` is ``"position"`` here; `compgraph.analyze`
        tries both.
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
    samples
        The axis of samples in the arguments, such as 1 where time comes first, or one for each by name, None for
        those that all samples share: ``samples={"src_mask": None}``. By default the first axis of those that are as
        long as the first one; where that may be chance, the model is run on a few samples to find out.
    axis
        The axis of features, as the model has it, of all sites with positions or by the name of the site, where the
        model leaves it in doubt.
    call
        A function from a batch to the model's arguments, for batches of other kinds: a tuple of positional arguments,
        a dict of keyword arguments or one argument, alone or followed by the number of samples, ``(arguments, n)``,
        as in ``call=lambda batch: ((batch.x, batch.edge_index, batch.batch), batch.num_graphs)``.
    memory
        Bytes that the pass may take beside the model and the data, as a number or a text. Sites whose moments would
        not fit are left out by name, and batches cut. A batch that runs out of memory is halved and run again.
    precision
        ``"float64"`` forms products in float64 whatever the precision of the activations: parts of data that were dealt
        out row by row then merge to 1e-10, in 1.6 times the CPU time of the pass on an MLP 784-256-256-10. ``"auto"``
        forms float32 products of 4,096 rows where activations are float32, and sums them in float64.
    checkpoint
        A file that is written while the pass runs and removed when it ends. Where it is there from a pass that was
        killed, the data are read again from the start, what is in the file is not run again, and no row counts twice:
        the result is that of a pass which nothing interrupted. It holds sums and activations of single rows, but no
        inputs, also not where a site hands them on, which is run again instead; data that come in another order, and
        other models and options, are refused.
    row_ids
        A number for each row of the data, in its order, or a function from a batch to the numbers of its rows, where
        rows are not consecutive ones from ``first_row`` on. Of a loader whose sampler shares a data set out, such as a
        ``DistributedSampler``, and of those that accelerate prepares, the numbers are known, and rows that fill up the
        last turn are not counted.
    process_group
        A group of ``torch.distributed``, whose processes all make this call with the same model: of data in memory,
        which all have whole, each takes its share, and of a loader what its sampler gives. All get the statistics of
        all rows.

    Returns
    -------
    Statistics
        Moments and samples of every pair of facing spaces, in the activations' units, and a probe that works while the
        model lives and is unchanged.

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
    ForeignRecord
        When a checkpoint is of another pass, or other processes have another model.
    RankLost
        When another process dies, fails or falls silent.

    Notes
    -----
    One site feeds another when the other moves if the first is nudged while every other site is held: these are the
    pairs. Costs O(n d_i^2 / 2) for each site and O(n d_i d_j) for each pair beside the model's own run, and memory for
    one batch of tapped activations, O(d_i^2) and O(d_i d_j) sums and the sample. Rows are centred in chunks and
    multiplied in float32 (float64 for float64 activations and on accelerators); sums are float64.
    Where sites that face each other have different positions, all are averaged to the coarsest grid, which a note says.
    Work that is to take longer than a minute is announced to the logger ``compgraph``.

    Examples
    --------
    >>> model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.ReLU(), torch.nn.Linear(2, 1))
    >>> stats = collect(model, torch.eye(3))
    >>> stats.layers
    ('input', '1', '2')
    """
    require_device(device)
    wish = wished(
        layers=layers, rows=rows, sample=sample, seed=seed, first_row=first_row, batch_size=batch_size, device=device,
        progress=progress, samples=samples, axis=axis, call=call, memory=memory, precision=precision,
        checkpoint=checkpoint, row_ids=row_ids, process_group=process_group,
    )  # fmt: skip
    reading: RowMode = "sample" if rows == "sample" else "position"
    with blaming_weights(model), nullcontext() if wish.ranks is None else wish.ranks:
        (stats,) = readings(model, data, wish, [reading])
    if sample == "all":
        _require_all(stats)
    else:
        stats.require_rows()
    return stats


def known_options(options: Mapping[str, object]) -> None:
    """Refuse options that `collect` does not know, before anything is run.

    Parameters
    ----------
    options
        To be passed on to it by name.

    Raises
    ------
    UnknownName
        With the nearest one.
    """
    known = [name for name in inspect.signature(collect).parameters if name not in ("model", "data")]
    for name in options:
        if name not in known:
            raise unknown_name("option of compgraph.collect", name, known)


def _require_all(stats: Statistics) -> None:
    most = max(each.n for each in stats.samples.values())
    if most > ALL_ROWS:
        raise BadRequest(
            f"{most} rows came, and sample='all' holds {ALL_ROWS} at once; give fewer examples a call, or a number."
        )
