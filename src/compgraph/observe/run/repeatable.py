"""Whether a model gives the same outputs for the same inputs again, alone and in other company."""

from collections.abc import Sequence

import torch
from sklearn.utils import check_random_state
from torch import Tensor, nn

from compgraph.observe.data.call import Call
from compgraph.observe.run.nested import leaves
from compgraph.observe.run.restore import cuda_runs

ROUNDINGS = 32  # of the outputs' precision, in which two runs on the same inputs may differ
IN_COMPANY = 1e-3  # difference, in units of the largest output, that batches of another size may make by rounding


def repeatable(model: nn.Module, call: Call) -> str:
    """Run a model on the same inputs again, and on half of them, and say what differs.

    Parameters
    ----------
    model
        Run as it is.
    call
        A few samples; the model may write to them.

    Returns
    -------
    str
        A sentence for people, or nothing. Random numbers are noticed when they are drawn, however little they change.
    """
    before = _generators()
    one, other = (_outputs(model, call) for _ in range(2))
    drawn = _generators() != before
    worst, rounding = _difference(one, other), ROUNDINGS * max((_precision(each) for each in one), default=0.0)
    if worst > rounding:
        return (
            f"The model gave other outputs for the same {call.size} inputs the second time (by up to {worst:.1g} of "
            "the largest): it keeps a state, or draws random numbers in eval mode, such as dropout with training=True. "
            "Statistics are of one draw."
        )
    if drawn:
        return (
            f"The model draws random numbers in eval mode, which changed nothing on {call.size} inputs; where they do, "
            "as dropout with training=True and a small p does, statistics are of one draw."
        )
    return _alone(model, call, one)


def _alone(model: nn.Module, call: Call, whole: Sequence[Tensor]) -> str:
    """Say whether outputs of the first samples depend on the others of their batch."""
    half = call.size // 2
    if call.whole or half < 1:
        return ""
    try:
        part = _outputs(model, call.rows(slice(0, half)))
    except (RuntimeError, ValueError, IndexError, TypeError, AssertionError):
        return ""  # a model made for one size of batch, which the trace says
    shared = [each[:half] for each in whole if each.dim() and len(each) == call.size]
    alone = [each for each in part if each.dim() and len(each) == half]
    if len(shared) != len(alone) or _difference(shared, alone) <= IN_COMPANY:
        return ""
    return (
        f"Outputs of {half} samples are others (by up to {_difference(shared, alone):.2g} of the largest) when "
        f"{call.size} run together: the model compares the samples of a batch, or takes a branch by what a batch "
        "holds. Statistics depend on batch_size and on the order of the data."
    )


def _difference(one: Sequence[Tensor], other: Sequence[Tensor]) -> float:
    """Return the largest difference in units of the largest entry; infinite where shapes or NaN differ."""
    worst = 0.0 if len(one) == len(other) else float("inf")
    for before, after in zip(one, other, strict=False):
        if before.shape != after.shape:
            return float("inf")
        if before.numel() and not torch.equal(before, after):
            step = (before.double() - after.double()).abs()
            scale = float(before.double().abs().nan_to_num().max()) or 1.0
            worst = max(worst, float(step.nan_to_num(nan=0.0).max()) / scale)
    return worst


def _precision(output: Tensor) -> float:
    return torch.finfo(output.dtype).eps if output.is_floating_point() else 0.0


def _generators() -> tuple[object, ...]:
    """Return the states of the global generators of torch and NumPy, which move when a number is drawn."""
    known = check_random_state(None).get_state()
    cuda = torch.cuda.get_rng_state_all() if cuda_runs() else []
    states = [torch.random.get_rng_state(), *cuda]
    return (known[1].tobytes(), known[2:], *(bytes(each.numpy()) for each in states))


def _outputs(model: nn.Module, call: Call) -> list[Tensor]:
    with torch.no_grad():
        returned = call.map(lambda _, each: each.clone()).run(model)
    return [each.detach() for _, each in leaves(returned) if isinstance(each, Tensor)]
