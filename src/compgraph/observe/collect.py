"""One streaming pass over data: a model's activations in, their statistics out."""

from collections.abc import Callable, Mapping
from typing import Any, Literal

import torch
from torch import nn

from compgraph.errors import BadRequest
from compgraph.observe.layers import Layers
from compgraph.observe.readings import ALL_ROWS, Rows, readings, wished
from compgraph.observe.run.rows import RowMode
from compgraph.statistics import Statistics


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
    wish = wished(
        layers=layers, rows=rows, sample=sample, seed=seed, first_row=first_row, batch_size=batch_size, device=device,
        progress=progress, samples=samples, axis=axis, call=call, memory=memory,
    )  # fmt: skip
    reading: RowMode = "sample" if rows == "sample" else "position"
    (stats,) = readings(model, data, wish, [reading])
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
