"""Whether the samples of a batch leave one another alone."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from compgraph.errors import RowsMix
from compgraph.observe.data.call import Call
from compgraph.observe.run.restore import observing
from compgraph.observe.run.trace import Hook, hooked
from compgraph.observe.run.unwrap import device_of
from compgraph.observe.sums.input_sample import InputSample

_N_ROWS = 8


def require_rows_apart(model: nn.Module, inputs: InputSample) -> None:
    """Exchange one sample of a small batch and check that no other sample's activations change.

    Parameters
    ----------
    model
        Run twice, on at most 8 inputs, in eval mode.
    inputs
        Where they come from.

    Raises
    ------
    RowsMix
        Naming the first module where it happens.

    Notes
    -----
    A change counts when it exceeds 64 units in the last place of the largest activation (2 % at most), since the same
    sample in another batch may be rounded differently.
    """
    call, _ = next(inputs.chunks(256))
    other = None if call.whole else _different(call)
    if other is None:
        return
    few = torch.arange(min(_N_ROWS, call.size))
    exchanged = torch.cat([torch.tensor([other]), few[1:]])
    before = _activations(model, call.rows(few))
    after = _activations(model, call.rows(exchanged))
    for (name, kind, a), (_, _, b) in zip(before, after, strict=False):
        row = _changed_row(a, b)
        if row is not None:
            raise RowsMix(
                f"changing row 0 changed row {row} at {name!r} ({kind}), with the model in eval mode. Per-row "
                "gradients need samples that do not influence one another: give that module running statistics, or "
                "use components and edges that need no gradients."
            )


def _different(call: Call) -> int | None:
    """Return the first sample that is not a copy of sample 0."""
    for i in range(1, call.size):
        same = [
            torch.equal(each.select(axis, 0), each.select(axis, i))
            for name, each in call.tensors.items()
            if (axis := call.axes[name]) is not None
        ]
        if not all(same):
            return i
    return None


def _activations(model: nn.Module, call: Call) -> list[tuple[str, str, Tensor]]:
    """Return copies of all tensors that modules give for a batch, in order of execution."""
    found: list[tuple[str, str, Tensor]] = []

    def reading(name: str) -> Hook:
        def hook(module: nn.Module, _args: tuple[Any, ...], output: Any) -> None:
            if isinstance(output, Tensor) and output.dim() > 0 and len(output) == call.size:
                found.append((name, type(module).__name__, output.detach().clone()))

        return hook

    hooks: dict[nn.Module, Callable[..., Any]] = {
        module: reading(name or "output") for name, module in model.named_modules()
    }
    with observing(model), hooked(hooks):
        call.private(device_of(model, call)).run(model)
    return found


def _changed_row(a: Tensor, b: Tensor) -> int | None:
    if a.shape != b.shape or not a.is_floating_point():
        return None
    if len(a) < 2 or not a.numel():
        return None
    change = (a[1:] - b[1:]).abs().reshape(len(a) - 1, -1).amax(dim=1)
    allowed = min(64 * torch.finfo(a.dtype).eps, 0.02) * float(a.abs().max())
    return int((change > allowed).nonzero()[0]) + 1 if bool((change > allowed).any()) else None
