"""Rows of sites as leaves of autograd: zeros that are added to their activations."""

from collections.abc import Collection, Mapping, Sequence
from math import prod

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from compgraph.errors import ShapeError, SiteError
from compgraph.observe.data.call import Call
from compgraph.observe.run.exchange import run_exchanged
from compgraph.observe.run.rows import Grid, from_rows
from compgraph.observe.run.tap import Tap
from compgraph.observe.site_graph import SiteGraph


class Nudge:
    """Adds zeros to the activation of one site, one row per sample and position, and holds them for autograd.

    Parameters
    ----------
    tap
        The site.
    grid
        Positions at which it has rows.
    size
        Samples of the call.
    alone
        Whether to cut what the model computed before the site off from autograd, which saves memory.
    delta
        The zeros, where they are there before the run.
    """

    def __init__(self, tap: Tap, grid: Grid, size: int, *, alone: bool, delta: Tensor | None = None) -> None:
        self.tap, self.grid, self.size, self.alone = tap, grid, size, alone
        self.n_rows = size * prod(grid)
        self.delta: Float[Tensor, "rows p"] | None = delta

    def zeros(self, n: int, device: torch.device) -> Float[Tensor, "n rows p"]:
        """Return the rows of several networks that are run together, to be given to a nudge of each.

        Parameters
        ----------
        n
            Networks, with float32 activations.
        device
            Where they are.

        Returns
        -------
        torch.Tensor
            A leaf of autograd.
        """
        return torch.zeros(n, self.n_rows, self.tap.width, device=device, requires_grad=True)

    def add(self, activation: Tensor) -> Tensor:
        """Return an activation with the rows added.

        Parameters
        ----------
        activation
            Of the site, as the model has it.

        Returns
        -------
        torch.Tensor
            Equal to ``activation``.

        Raises
        ------
        SiteError, ShapeError
            When it is no activation, or has other features or positions than in the first batch.
        """
        tap, moved = self.tap, self.tap.checked(activation, self.size)
        if self.delta is None:
            wide = torch.float64 if activation.dtype == torch.float64 else torch.float32
            self.delta = torch.zeros(self.n_rows, tap.width, dtype=wide, device=activation.device, requires_grad=True)
        spread = from_rows(self.delta, tuple(moved.shape), tap.axis, self.grid).to(activation.dtype)
        base = activation.detach() if self.alone else activation
        return base + spread.movedim(0, tap.samples)


def run_nudged(
    model: nn.Module,
    call: Call,
    graph: SiteGraph,
    *,
    nudges: Mapping[int, Nudge],
    targets: Mapping[int, Grid],
    cut: Collection[int] = (),
) -> dict[int, Float[Tensor, "_ _"]]:
    """Run a model once with sites nudged, and return the rows of sites behind them.

    Parameters
    ----------
    model
        Run under the caller's settings of autograd.
    call
        Arguments of the run.
    graph
        The sites.
    nudges
        By number of site.
    targets
        Numbers of the sites whose rows are returned, and the positions at which they have rows.
    cut
        Numbers of the sites behind which autograd does not go back.

    Returns
    -------
    dict
        Copies, since the model may overwrite its activations in place. A site whose module was not called is missing.

    Raises
    ------
    SiteError
        When a site's output is no activation, or the selector of a nudged one made a new tensor.
    ShapeError
        When a site has other features or positions than in the first batch.
    """
    rows: dict[int, Tensor] = {}
    inner = all(graph.taps[number].kind != "output" for number in targets)
    last = max(targets) if inner else None  # what a model does after its last target costs time and tells nothing

    def look(number: int, activation: Tensor) -> None:
        if number in targets:
            tap, moved = graph.taps[number], graph.taps[number].checked(activation, call.size)
            wide = moved if moved.dtype == torch.float64 else moved.float()
            rows[number] = tap.rows(wide, targets[number]).clone()
            if number == last:
                raise _EnoughError

    def exchange(number: int, activation: Tensor) -> Tensor:
        if number in nudges:
            return nudges[number].add(activation)
        return activation.detach() if number in cut else activation

    try:
        returned = run_exchanged(model, call, graph.taps, look, exchange, strict=nudges)
    except _EnoughError:
        return rows
    for number in targets:
        if graph.taps[number].kind == "output":
            look(number, graph.taps[number].found(returned))
    return rows


class _EnoughError(BaseException):
    """Ends a run of a model; no model catches it."""


def no_gradient(source: str, target: str) -> SiteError:
    """Return the error for a path that autograd cannot follow.

    Parameters
    ----------
    source, target
        Names of the sites.

    Returns
    -------
    SiteError
        To be raised.
    """
    return SiteError(
        f"no gradient flows from {source!r} to {target!r}: between them stands a detach, a "
        "step that cannot be differentiated, or a computation that does not read the source. Use components and "
        "edges that need no gradients, or tap other layers."
    )


def require_features(what: str, given: np.ndarray, taps: Sequence[Tap]) -> None:
    """Refuse directions that do not fit the features of sites.

    Parameters
    ----------
    what
        Their name, for the message.
    given
        One direction a row.
    taps
        The sites, side by side.

    Raises
    ------
    ShapeError
        Saying what is needed.
    """
    width = sum(tap.width for tap in taps)
    if given.ndim != 2:
        raise ShapeError(
            f"{what} have the shape {given.shape}; needed is one row each, (n, {width}). For a single one pass "
            f"{what}[None]."
        )
    if given.shape[1] != width:
        names = ", ".join(repr(tap.name) for tap in taps)
        where = f"site {names} has" if len(taps) == 1 else f"the outputs {names} have together"
        raise ShapeError(f"{what} have {given.shape[1]} coordinates, and {where} {width} features.")
