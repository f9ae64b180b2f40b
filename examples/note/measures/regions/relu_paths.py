"""One run of a model with its rectifiers watched, and the paths through them that a score depends on."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float64
from torch import Tensor, nn

from compgraph.errors import ShapeError, SiteError


class Rectified:
    """The outputs of a model's rectifiers for one batch.

    Parameters
    ----------
    model
        Run once, under the caller's settings of autograd.
    gates
        The rectifiers, by name.
    inputs
        The batch.
    source
        ``"input"`` or a module whose output becomes a leaf of autograd; nothing where it is None.
    target
        A module, or ``"output"``.

    Raises
    ------
    SiteError
        When a module is not called exactly once or does not return a tensor, when the source holds no floating
        numbers, or the target is the model's output and that is no tensor.
    """

    def __init__(
        self,
        model: nn.Module,
        gates: Mapping[str, nn.Module],
        inputs: Tensor,
        *,
        source: str | None = None,
        target: str = "output",
    ) -> None:
        self.size, self.source, self.target = len(inputs), source, target
        self.outputs: dict[str, Tensor] = {}
        self.leaf: Tensor | None = None
        self.reached: Tensor | None = None
        self._gates = tuple(gates)
        device = next((each.device for each in (*model.parameters(), *model.buffers())), inputs.device)
        given = inputs.detach().to(device, copy=True)  # the model may overwrite what it is given
        inner = [name for name in (source, target) if name not in (None, "input", "output")]
        watched = {name: gates.get(name) or model.get_submodule(str(name)) for name in (*gates, *inner) if name}
        with ExitStack() as stack:
            for name, module in watched.items():
                stack.callback(module.register_forward_hook(self._watching(name)).remove)
            returned = model(self._as_leaf(given) if source == "input" else given)
        for name in watched:
            if name not in self.outputs:
                raise SiteError(f"module {name!r} was never called, and one call is needed: name another module.")
        if source is not None and target == "output":
            if not isinstance(returned, Tensor):
                raise SiteError(f"the model returned a {type(returned).__name__}; name a module as target instead.")
            self.reached = returned

    def open(self) -> Bool[Tensor, "n units"]:
        """Tell which rectifiers are open.

        Returns
        -------
        torch.Tensor
            Layer after layer.

        Raises
        ------
        ShapeError
            When an output has no row per sample.
        """
        return torch.cat([self._by_sample(self.outputs[name] > 0, name) for name in self._gates], dim=1)

    def passing(self, score: Float64[np.ndarray, " q"]) -> Bool[Tensor, "n units"]:
        """Tell which rectifiers pass the gradient of a score on to the source.

        Parameters
        ----------
        score
            One weight per entry of the target's output.

        Returns
        -------
        torch.Tensor
            Layer after layer.

        Raises
        ------
        ShapeError
            When the score does not fit the target, or an output has no row per sample.
        SiteError
            When nothing differentiable leads from source to target.
        """
        reached, leaf = self.reached, self.leaf
        if reached is None or leaf is None or not reached.requires_grad:
            raise SiteError(
                f"no gradient flows from {self.source!r} to {self.target!r}. Needed is a source that comes before the "
                "target, and nothing between them that cannot be differentiated."
            )
        rows = self._by_sample(reached, self.target)
        if rows.shape[1] != len(score):
            raise ShapeError(f"the score has {len(score)} weights, and {self.target!r} gives {rows.shape[1]} entries.")
        gates = [self.outputs[name] for name in self._gates]
        between = [gate for gate in gates if gate.requires_grad]
        total = (rows @ torch.tensor(score).to(rows)).sum()
        below = iter(torch.autograd.grad(total, between, retain_graph=True, allow_unused=True) if between else ())
        found = []
        for name, gate in zip(self._gates, gates, strict=True):
            passed = next(below) if gate.requires_grad else None
            dead = torch.zeros_like(gate, dtype=torch.bool)
            on_path = dead if passed is None else (passed != 0) & (_along(gate, leaf) != 0)
            found.append(self._by_sample(on_path, name))
        return torch.cat(found, dim=1)

    def _watching(self, name: str) -> Callable[[nn.Module, tuple[Any, ...], Any], Tensor]:
        def hook(_module: nn.Module, _args: tuple[Any, ...], output: Any) -> Tensor:
            if name in self.outputs or not isinstance(output, Tensor):
                trouble = "was called more than once" if name in self.outputs else f"returned a {type(output).__name__}"
                raise SiteError(f"module {name!r} {trouble}; needed is one call that returns a tensor.")
            # Copies, since the next module may overwrite what it is given.
            self.outputs[name] = output.clone()
            if name == self.target:
                self.reached = self.outputs[name]
            return self._as_leaf(output) if name == self.source else self.outputs[name].clone()

        return hook

    def _by_sample(self, output: Tensor, name: str) -> Tensor:
        if output.dim() == 0 or len(output) != self.size:
            raise ShapeError(
                f"{name!r} gives a tensor of shape {tuple(output.shape)} for {self.size} inputs; needed is one row "
                "each."
            )
        return output.reshape(self.size, -1)

    def _as_leaf(self, activation: Tensor) -> Tensor:
        if not activation.is_floating_point():
            raise SiteError(
                f"{self.source!r} holds {activation.dtype}, and only floating numbers can be differentiated. Name a "
                "later module as source, such as the embedding."
            )
        self.leaf = activation.detach().clone().requires_grad_()
        return self.leaf.clone()


def _along(gate: Tensor, leaf: Tensor) -> Tensor:
    """Return the derivative of a rectifier's output along a random direction of the leaf, by differentiating twice."""
    weight = torch.zeros_like(gate, requires_grad=True)
    (pulled,) = torch.autograd.grad(gate, leaf, weight, create_graph=True)
    direction = torch.randn(leaf.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    (pushed,) = torch.autograd.grad(pulled, weight, direction.to(leaf), allow_unused=True)
    return torch.zeros_like(gate) if pushed is None else pushed
