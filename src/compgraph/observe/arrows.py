"""Which site feeds which: one run in which every site gives its value and a leaf of autograd in place of its output."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from compgraph.observe.data.call import Call
from compgraph.observe.run.activations import feature_axis
from compgraph.observe.run.exchange import run_exchanged
from compgraph.observe.run.restore import observing
from compgraph.observe.run.tap import Tap

# What keeps every entry at its place: the axis of features of what it was given is that of what it gives.
_IN_PLACE = re.compile(
    "Add|Sub|Mul|Div|Neg|Relu|Gelu|Silu|Sigmoid|Tanh|Softmax|LeakyRelu|Elu|Hardtanh|Hardswish|Softplus|Pow|Sqrt|Rsqrt|"
    "Exp|Log|Abs|Clamp|NativeDropout|Clone|ToCopy|Where|Cat|Mish|LogSigmoid|LogSoftmax|Sin|Cos|Maximum|Minimum|Addcmul|"
    "NativeLayerNorm|NativeBatchNorm|NativeGroupNorm|PreluKernel|Alias|Lerp"
)
_FARTHEST = 64  # steps back from a tensor at most, where its axes are looked for


@dataclass(frozen=True, slots=True)
class Reach:
    """What moves a site while every other site is held.

    Attributes
    ----------
    direct
        Numbers of the sites whose derivative is not 0 on the samples of the run.
    quiet
        Numbers of those that the site is computed from, though the derivative is 0: a gate may be shut.
    """

    direct: frozenset[int]
    quiet: frozenset[int]


class Held:
    """One run of a model with every site held: its readers get its value, and a leaf of zeros added to it.

    Parameters
    ----------
    model
        Run once, with autograd.
    call
        Arguments of the run; written to.
    taps
        The sites, in order of execution.
    targets
        Numbers of the sites of which it is asked what feeds them; by default all.

    Attributes
    ----------
    raw
        Activation of each site, by number.
    leaves
        What stands for each site that can be held.
    reach
        What each target is computed from. Cost: one backward pass each, to the sites before it.
    """

    def __init__(
        self, model: nn.Module, call: Call, taps: Sequence[Tap], *, targets: Collection[int] | None = None
    ) -> None:
        self.taps = taps
        self.raw: dict[int, Tensor] = {}
        self.leaves: dict[int, list[Tensor]] = {}
        self.homes: dict[Any, int] = {}
        self._given: list[tuple[Any, int, int]] = []
        wanted = range(len(taps)) if targets is None else targets
        with observing(model, gradients=True), self._noting_readers(model):
            returned = run_exchanged(model, call, taps, self.raw.__setitem__, self._exchange)
            for number, tap in enumerate(taps):
                if tap.kind == "output":
                    self.raw[number] = tap.found(returned)
            # Before buffers are put back, which autograd may have kept.
            self.reach = {number: self._reach(number) for number in wanted}

    @contextmanager
    def _noting_readers(self, model: nn.Module) -> Iterator[None]:
        """Note what modules are given whose type says along which axis they read features."""

        def given(module: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
            for each in (*args, *kwargs.values()):
                axis = feature_axis(module, each.dim()) if isinstance(each, Tensor) else None
                if axis is not None and each.grad_fn is not None and each.dim() > 2:
                    self._given.append((each.grad_fn, each.dim(), axis))

        with ExitStack() as stack:
            for module in model.modules():
                stack.callback(module.register_forward_pre_hook(given, with_kwargs=True).remove)
            yield

    def axes_read(self) -> dict[int, set[int]]:
        """Return the axes along which modules of known types read features of each site, seen through views.

        Returns
        -------
        dict
            Number of a site to axes of its own.
        """
        found: dict[int, set[int]] = {}
        for node, n_axes, axis in self._given:
            for home, where in self._traced(node, list(range(n_axes)), _FARTHEST):
                if self.raw[home].dim() == n_axes:
                    found.setdefault(home, set()).add(where[axis])
        return found

    def _exchange(self, number: int, activation: Tensor) -> Tensor:
        leaf = torch.zeros_like(activation, requires_grad=True)
        self.leaves.setdefault(number, []).append(leaf)
        new = activation.detach() + leaf
        self.homes[new.grad_fn] = number
        return new

    def _reach(self, target: int) -> Reach:
        raw = self.raw.get(target)
        others = [(number, leaf) for number, found in self.leaves.items() if number != target for leaf in found]
        if raw is None or not raw.requires_grad or not others:
            return Reach(frozenset(), frozenset())
        weights = torch.randn(raw.shape, generator=torch.Generator().manual_seed(target)).to(raw)
        with torch.enable_grad():
            score = (raw * weights).sum()
        gradients = torch.autograd.grad(score, [leaf for _, leaf in others], retain_graph=True, allow_unused=True)
        joined = {i for (i, _), each in zip(others, gradients, strict=True) if each is not None}
        direct = {i for (i, _), each in zip(others, gradients, strict=True) if each is not None and (each != 0).any()}
        return Reach(frozenset(direct), frozenset(joined - direct))

    def added(self, target: int) -> frozenset[int]:
        """Return the sites whose activation, as it is or scaled, is a summand of what a site is computed from.

        Parameters
        ----------
        target
            Its number.

        Returns
        -------
        frozenset of int
            Numbers of sites that are reached from it backwards through an addition, and through nothing that puts
            tensors side by side.
        """
        raw, found = self.raw.get(target), set()
        waiting = [] if raw is None or raw.grad_fn is None else [(raw.grad_fn, False)]
        seen: set[tuple[Any, bool]] = set()
        while waiting:
            node, summed = waiting.pop()
            home = self.homes.get(node)
            if home is not None:
                found |= {home} if summed else set()
                continue
            name = type(node).__name__
            if (node, summed) in seen or name.startswith(("Cat", "Stack")):
                continue
            seen.add((node, summed))
            several = sum(each is not None for each, _ in node.next_functions) > 1
            summed = summed or (several and name.startswith("Add") and not name.startswith("Addmm"))
            waiting.extend((each, summed) for each, _ in node.next_functions if each is not None)
        return frozenset(found)

    def axis_behind(self, target: int, axes: Mapping[int, int]) -> int | None:
        """Follow a site back to one whose axis of features is known, through steps that keep or exchange axes.

        Parameters
        ----------
        target
            Its number.
        axes
            Axis of features by number of site.

        Returns
        -------
        int or None
            The axis in the tensor of the target; None where a step in between does anything else.
        """
        raw = self.raw.get(target)
        if raw is None or raw.grad_fn is None:
            return None
        # where[i]: axis of the tensor in hand that is axis i of the target
        for home, where in self._traced(raw.grad_fn, list(range(raw.dim())), _FARTHEST):
            known = axes.get(home)
            if known is not None and self.raw[home].dim() == len(where) and known in where:
                return where.index(known)
        return None

    def _traced(self, node: Any, where: list[int], steps: int) -> Iterator[tuple[int, list[int]]]:
        """Follow a step of autograd back to sites, as far as axes are kept or exchanged."""
        home = self.homes.get(node)
        if home is not None:
            yield home, where
            return
        name = type(node).__name__.removesuffix("0").removesuffix("Backward")
        turned = _turned(node, name, where)
        if turned is None or steps == 0:
            return
        for each, _ in node.next_functions:
            if each is not None:
                yield from self._traced(each, turned, steps - 1)


def _turned(node: Any, name: str, where: list[int]) -> list[int] | None:
    """Return where the axes of the target are one step further back, or None where the step does not tell."""
    saved = {"Transpose": ("_saved_dim0", "_saved_dim1"), "Permute": ("_saved_dims",)}.get(name)
    if saved is None:
        return where if _IN_PLACE.fullmatch(name) else None
    count = len(where)
    order = list(range(count))
    if name == "Permute":
        order = [axis % 2**64 if axis >= 0 else axis for axis in getattr(node, "_saved_dims", ())]
        order = [_signed(axis) % count for axis in order]
    else:
        one, other = (_signed(getattr(node, each)) % count for each in saved)
        order[one], order[other] = order[other], order[one]
    return [order[axis] for axis in where] if len(order) == count else None


def _signed(axis: int) -> int:
    # autograd saves axes as unsigned words.
    return axis - 2**64 if axis >= 2**63 else axis
