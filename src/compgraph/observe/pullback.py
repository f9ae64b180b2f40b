"""Gradients of scores at one site with respect to rows at the site before it, on a sample of inputs."""

from collections.abc import Iterator, Mapping
from copy import copy
from math import prod
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor, nn

from compgraph.arrays import require_finite
from compgraph.errors import BadRequest, ShapeError, SiteError
from compgraph.observe.apart import require_rows_apart
from compgraph.observe.batches import Call
from compgraph.observe.chain import Chain
from compgraph.observe.inputs import InputSample
from compgraph.observe.models import device_of
from compgraph.observe.rows import from_rows, to_rows, width_of
from compgraph.observe.state import observing
from compgraph.observe.trace import Hook, hooked
from compgraph.statistics import GradientMoments, Pair, row_priority

_CHUNK_BYTES = 256 * 2**20


class Pullback:
    r"""Differentiates a model between neighbouring sites, on the inputs that a pass kept.

    A target score is :math:`t_b = f_b \cdot y` for a row ``y`` of the target site. Nudging a row ``x`` of the source
    site by :math:`\delta` means adding :math:`\delta` to the activation at that row's positions, which leaves
    everything the model computed before the source as it was.

    Parameters
    ----------
    model
        A reference is kept: gradients are right as long as the model is alive and unchanged.
    chain
        The sites.
    inputs
        The sample.
    elements
        Number of activations of one sample, for the size of chunks.
    """

    def __init__(self, model: nn.Module, chain: Chain, inputs: InputSample, *, elements: int) -> None:
        self._model, self._chain, self._inputs = model, chain, inputs
        self._chunk = max(1, _CHUNK_BYTES // (16 * max(elements, 1)))
        self._apart = False

    def gradient_moments(
        self,
        pair: Pair,
        filters: Float64[np.ndarray, "k q"],
        patterns: Float64[np.ndarray, "m p"] | None = None,
    ) -> GradientMoments:
        r"""Return sums over rows of the gradients of target scores and of their outer products.

        Where a pair has one row per sample the gradients are those of :math:`t_b`. Where it has many, a nudge at one
        position may move scores at all positions ``s`` of the sample: ``total`` is then the gradient of
        :math:`\sum_s t_{bs}`, and ``second`` holds that of :math:`\sum_s \epsilon_s t_{bs}` with random signs
        :math:`\epsilon_s`, whose outer product has the expectation :math:`\sum_s g_{bs} g_{bs}^\top`.

        Parameters
        ----------
        pair
            One of the statistics' pairs.
        filters
            One target score per row, in coordinates of the target's features.
        patterns
            Directions at the source; with them derivatives along each replace gradients.

        Returns
        -------
        GradientMoments
            Over the kept inputs, at most ``sample`` of them.

        Raises
        ------
        BadRequest
            For a pair that is not there.
        ShapeError
            When filters or patterns do not fit the sites.
        RowsMix
            When samples of a batch influence one another in the model.
        SiteError
            When nothing differentiable leads from source to target.
        NotFinite
            When a gradient is NaN or infinite.

        Notes
        -----
        Costs one run of the model and k backward passes per input (2 k with positions), and O(k p^2) memory beside a
        chunk of activations. The random signs depend on the row numbers and the seed alone.
        """
        site = self._find(pair, filters, patterns)
        p = width_of(self._chain.taps[site].shape, self._chain.taps[site].axis)
        width = p if patterns is None else len(patterns)
        total, second = np.zeros((len(filters), width)), np.zeros((len(filters), width, width))
        rows = 0
        with observing(self._model, gradients=True):
            for call, ids in self._chunks():
                segment = _Segment(self._model, self._chain, site, call)
                rows += segment.n_rows
                for b, plain, probed in segment.gradients(torch.tensor(filters), self._signs(site, ids)):
                    along = probed if patterns is None else probed @ _like(patterns, probed).T
                    summed = plain.sum(dim=0)
                    total[b] += (summed if patterns is None else _like(patterns, summed) @ summed).cpu().numpy()
                    second[b] += (along.T @ along).cpu().numpy()
        require_finite(second, f"the gradients of {pair.target} with respect to {pair.source}")
        return GradientMoments(rows, total, second)

    def _find(self, pair: Pair, filters: np.ndarray, patterns: np.ndarray | None) -> int:
        if pair not in self._chain.pairs:
            known = ", ".join(str(each) for each in self._chain.pairs)
            raise BadRequest(f"no pair {pair} in these statistics. Known: {known}.")
        site = self._chain.pairs.index(pair)
        for what, given, tap in (
            ("filters", filters, self._chain.taps[site + 1]),
            ("patterns", patterns, self._chain.taps[site]),
        ):
            width = width_of(tap.shape, tap.axis)
            if given is not None and given.shape[1] != width:
                raise ShapeError(
                    f"{what} have {given.shape[1]} coordinates, and site {tap.name!r} has {width} features."
                )
        if not self._apart:
            require_rows_apart(self._model, self._inputs)
            self._apart = True
        return site

    def _chunks(self) -> Iterator[tuple[Call, Int64[np.ndarray, " n"]]]:
        for start in range(0, len(self._inputs), self._chunk):
            call, ids = self._inputs.take(start, start + self._chunk)
            yield call.private(device_of(self._model, call)), ids

    def _signs(self, site: int, ids: Int64[np.ndarray, " n"]) -> Float64[np.ndarray, " rows"] | None:
        positions = prod(self._chain.grids[site])
        if positions == 1:
            return None
        row_ids = (ids[:, None] * positions + np.arange(positions)).reshape(-1)
        return 1.0 - 2.0 * (row_priority(row_ids, self._inputs.reservoir.seed + 1) & np.uint64(1))


class _Segment:
    """One run of the model with the source's rows as leaves of autograd and the target's rows at hand."""

    def __init__(self, model: nn.Module, chain: Chain, site: int, call: Call) -> None:
        self.source, self.target = chain.taps[site : site + 2]
        self.grid, self.size = chain.grids[site], call.size
        self.n_rows = self.size * prod(self.grid)
        self.delta: Tensor | None = None
        self.rows: Tensor | None = None
        hooks: dict[nn.Module, Hook] = {}
        if self.source.module is model:
            call = call.map(self._nudged)
        else:
            hooks[self.source.module] = self._at_source
        if self.target.module is not model:
            hooks[self.target.module] = self._at_target
        with hooked(hooks):
            returned = call.run(model)
        if self.target.module is model:
            self._at_target(model, (), returned)

    def gradients(
        self, filters: Float64[Tensor, "k q"], signs: Float64[np.ndarray, " rows"] | None
    ) -> Iterator[tuple[int, Float64[Tensor, "rows p"], Float64[Tensor, "rows p"]]]:
        """Yield, per target score, the gradient of its sum and of its sum with random signs."""
        rows, delta = self.rows, self.delta
        if rows is None or delta is None or not rows.requires_grad:
            raise self._cut()
        with torch.autocast(rows.device.type, enabled=False):
            scores = rows @ filters.to(rows).T
        for b in range(len(filters)):
            plain = self._gradient(scores[:, b].sum(), delta)
            probed = plain if signs is None else self._gradient(scores[:, b] @ _like(signs, scores), delta)
            yield b, plain, probed

    def _gradient(self, score: Tensor, delta: Tensor) -> Float64[Tensor, "rows p"]:
        (gradient,) = torch.autograd.grad(score, delta, retain_graph=True, allow_unused=True)
        if gradient is None:
            raise self._cut()
        result: Tensor = gradient.double()
        return result

    def _at_source(self, _module: nn.Module, _args: tuple[Any, ...], output: Any) -> Any:
        picked = self.source.pick(output, self.size)
        changed = _replaced(output, picked, self._nudged(picked))
        if changed is None:
            raise SiteError(
                f"the selector of {self.source.name!r} computes a new tensor, which cannot be nudged inside the model. "
                "Gradients need a selector that picks one of the tensors the module returned."
            )
        return changed

    def _nudged(self, activation: Tensor) -> Tensor:
        shape, axis = tuple(activation.shape), self.source.axis
        wide = torch.float64 if activation.dtype == torch.float64 else torch.float32
        self.delta = torch.zeros(
            self.n_rows, width_of(shape, axis), dtype=wide, device=activation.device, requires_grad=True
        )
        return activation.detach() + from_rows(self.delta, shape, axis, self.grid).to(activation.dtype)

    def _at_target(self, _module: nn.Module, _args: tuple[Any, ...], output: Any) -> None:
        activation = self.target.pick(output, self.size)
        wide = activation if activation.dtype == torch.float64 else activation.float()
        # A copy: the model may overwrite its activation in place.
        self.rows = to_rows(wide, self.target.axis, self.grid).clone()

    def _cut(self) -> SiteError:
        return SiteError(
            f"no gradient flows from {self.source.name!r} to {self.target.name!r}: between them stands a detach, a "
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


def _like(values: Float[np.ndarray, "..."], tensor: Tensor) -> Tensor:
    return torch.tensor(values).to(tensor)
