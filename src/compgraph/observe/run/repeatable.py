"""Whether a model gives the same outputs for the same inputs again."""

import torch
from torch import Tensor, nn

from compgraph.observe.data.call import Call
from compgraph.observe.run.nested import leaves

SAME = 1e-3  # difference, in units of the largest output, below which rounding may be at work


def repeatable(model: nn.Module, call: Call) -> str:
    """Run a model twice on the same inputs and say by how much its outputs differ.

    Parameters
    ----------
    model
        Run as it is.
    call
        A few samples; the model may write to them.

    Returns
    -------
    str
        A sentence for people, or nothing.
    """
    one, other = (_outputs(model, call) for _ in range(2))
    worst = 0.0
    for before, after in zip(one, other, strict=False):
        if before.shape == after.shape and before.numel():
            scale = float(before.abs().max()) or 1.0
            worst = max(worst, float((before - after).abs().max()) / scale)
    if worst <= SAME:
        return ""
    return (
        f"The model gave other outputs for the same {call.size} inputs the second time (by up to {worst:.0%} of the "
        "largest): it keeps a state, or draws random numbers in eval mode, such as dropout with training=True. "
        "Statistics are of one draw."
    )


def _outputs(model: nn.Module, call: Call) -> list[Tensor]:
    with torch.no_grad():
        returned = call.map(lambda _, each: each.clone()).run(model)
    return [each.detach().float() for _, each in leaves(returned) if isinstance(each, Tensor)]
