"""Rectified perceptrons side by side, their passes forward and back in memory that is kept from step to step."""

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

Memory = dict[tuple[str, int], Tensor]


class RectifiedPass(torch.autograd.Function):
    r"""Map the rows of each network through :math:`h_{i+1} = \max(0, W_i h_i + b_i)`, the last without rectifier.

    Features come before rows inside, and hidden activations and their gradients go where those of the last step were:
    for thousands of rows, memory fresh from the system costs as much as the arithmetic. A second pass before the first
    has gone back is refused by torch, as what it overwrites is saved.
    """

    @staticmethod
    def forward(
        ctx: Any, memory: Memory, inputs: Float[Tensor, "models rows features"], *weights: Tensor
    ) -> Float[Tensor, "models rows outputs"]:
        """Return the outputs of each network; weights are matrices and biases by turns, stacked over the networks."""
        matrices, biases = weights[::2], weights[1::2]
        seen = [inputs.transpose(1, 2)]
        for depth, (matrix, bias) in enumerate(zip(matrices[:-1], biases[:-1], strict=True)):
            hidden = _kept(memory, ("values", depth), (*matrix.shape[:2], inputs.shape[1]), inputs)
            torch.baddbmm(bias.unsqueeze(2), matrix, seen[-1], out=hidden)
            seen.append(hidden.clamp_(min=0))
        ctx.save_for_backward(*seen, *matrices)
        ctx.memory = memory
        return torch.baddbmm(biases[-1].unsqueeze(2), matrices[-1], seen[-1]).transpose(1, 2)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of the weights; those of memory and inputs are not asked for."""
        saved = ctx.saved_tensors
        seen, matrices = saved[: len(saved) // 2], saved[len(saved) // 2 :]
        behind, found = gradient.transpose(1, 2).contiguous(), []
        for depth in reversed(range(len(matrices))):
            found += [behind.sum(dim=2), torch.bmm(behind, seen[depth].transpose(1, 2))]
            if depth:
                before = _kept(ctx.memory, ("gradients", depth), seen[depth].shape, behind)
                torch.bmm(matrices[depth].transpose(1, 2), behind, out=before)
                behind = torch.ops.aten.threshold_backward.grad_input(before, seen[depth], 0.0, grad_input=before)
        return None, None, *reversed(found)


rectified_pass: Callable[..., Tensor] = RectifiedPass.apply


def _kept(memory: Memory, name: tuple[str, int], shape: tuple[int, ...], like: Tensor) -> Tensor:
    """Return memory of a shape: that of the last step where it fits."""
    held = memory.get(name)
    if held is None or held.shape != shape or held.dtype != like.dtype:
        held = memory[name] = like.new_empty(shape)
    return held
