"""Rows of a site as leaves of autograd: zeros that are added to its activation."""

from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from compgraph.errors import SiteError
from compgraph.observe.chain import Tap
from compgraph.observe.run.batches import Call
from compgraph.observe.run.rows import Grid, from_rows, to_rows, width_of
from compgraph.observe.run.trace import Hook, hooked


class Nudge:
    """Adds zeros to the activation of one site, one row per sample and position, and holds them for autograd.

    Parameters
    ----------
    tap
        The site.
    grid
        Positions at which it has rows.
    n_rows
        Rows of the call.
    size
        Samples of the call.
    alone
        Whether to cut what the model computed before the site off from autograd, which saves memory.
    """

    def __init__(self, tap: Tap, grid: Grid, n_rows: int, size: int, *, alone: bool) -> None:
        self.tap, self.grid, self.n_rows, self.size, self.alone = tap, grid, n_rows, size, alone
        self.delta: Float[Tensor, "rows p"] | None = None

    def hook(self, _module: nn.Module, _args: tuple[Any, ...], output: Any) -> Any:
        """Return a module's output with the site's activation nudged.

        Parameters
        ----------
        output
            What the module returned.

        Returns
        -------
        object
            The same, with one tensor exchanged.

        Raises
        ------
        SiteError
            When the site's selector made a new tensor.
        """
        picked = self.tap.pick(output, self.size)
        changed = _replaced(output, picked, self.add(picked))
        if changed is None:
            raise SiteError(
                f"the selector of {self.tap.name!r} computes a new tensor, which cannot be nudged inside the model. "
                "Gradients need a selector that picks one of the tensors the module returned."
            )
        return changed

    def add(self, activation: Tensor) -> Tensor:
        """Return an activation with the rows added.

        Parameters
        ----------
        activation
            Of the site.

        Returns
        -------
        torch.Tensor
            Equal to ``activation``.
        """
        shape, axis = tuple(activation.shape), self.tap.axis
        wide = torch.float64 if activation.dtype == torch.float64 else torch.float32
        self.delta = torch.zeros(
            self.n_rows, width_of(shape, axis), dtype=wide, device=activation.device, requires_grad=True
        )
        base = activation.detach() if self.alone else activation
        return base + from_rows(self.delta, shape, axis, self.grid).to(activation.dtype)


def run_nudged(
    model: nn.Module, call: Call, *, nudges: Sequence[Nudge], target: Tap, grid: Grid
) -> Float[Tensor, "rows d"] | None:
    """Run a model once with sites nudged, and return the rows of a site behind them.

    Parameters
    ----------
    model
        Run under the caller's settings of autograd.
    call
        Arguments of the run.
    nudges
        Of sites before the target.
    target
        The site whose rows are returned.
    grid
        Positions at which it has rows.

    Returns
    -------
    torch.Tensor or None
        A copy, since the model may overwrite its activation in place; ``None`` where the target's module was not
        called.

    Raises
    ------
    SiteError
        When a site's output is no activation, or its selector made a new tensor.
    ShapeError
        When a site has other features or positions than in the first batch.
    """
    size = call.size
    rows: Tensor | None = None

    def read(_module: nn.Module, _args: tuple[Any, ...], output: Any) -> None:
        nonlocal rows
        activation = target.pick(output, size)
        wide = activation if activation.dtype == torch.float64 else activation.float()
        rows = to_rows(wide, target.axis, grid).clone()

    hooks: dict[nn.Module, Hook] = {}
    for nudge in nudges:
        if nudge.tap.module is model:
            call = call.map(nudge.add)
        else:
            hooks[nudge.tap.module] = nudge.hook
    if target.module is not model:
        hooks[target.module] = read
    with hooked(hooks):
        returned = call.run(model)
    if target.module is model:
        read(model, (), returned)
    return rows


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


def _replaced(output: Any, old: Tensor, new: Tensor) -> Any:
    """Return ``output`` with one tensor exchanged, or ``None`` where it is not there."""
    if output is old:
        return new
    if isinstance(output, tuple | list):
        parts = [_replaced(each, old, new) for each in output]
        if all(part is None for part in parts):
            return None
        parts = [each if part is None else part for each, part in zip(output, parts, strict=True)]
        return type(output)(*parts) if hasattr(output, "_fields") else type(output)(parts)
    if isinstance(output, Mapping):
        for name, each in output.items():
            part = _replaced(each, old, new)
            if part is not None:
                changed: Any = copy(output)
                changed[name] = part
                return changed
    return None
