"""Gradients of scores at one site with respect to rows at the site before it, on a sample of inputs."""

from collections.abc import Callable, Iterator, Mapping
from math import prod
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32, Float64, Int64
from torch import nn

from compgraph.arrays import require_finite
from compgraph.errors import BadRequest, ShapeError
from compgraph.observe.chain import Chain
from compgraph.observe.gradients.from_output import Fan
from compgraph.observe.gradients.rows_independent import require_rows_apart
from compgraph.observe.gradients.to_next_site import Segment, like
from compgraph.observe.run.batches import Call
from compgraph.observe.run.restore import observing
from compgraph.observe.run.rows import width_of
from compgraph.observe.run.unwrap import device_of
from compgraph.observe.sums.input_sample import InputSample
from compgraph.observe.untrained import untrained_twin
from compgraph.statistics import GradientMoments, Pair, Probe, RowGradients, Space, Statistics, row_priority

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
    observe
        Collects statistics of a model and batches as the pass did.
    """

    def __init__(
        self,
        model: nn.Module,
        chain: Chain,
        inputs: InputSample,
        *,
        elements: int,
        observe: Callable[..., Statistics],
    ) -> None:
        self.model = model
        self._observe = observe
        self._chain, self._inputs = chain, inputs
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
        with observing(self.model, gradients=True):
            for call, ids in self._chunks(self._chunk):
                segment = Segment(self.model, self._chain, site, call)
                rows += segment.n_rows
                for b, plain, probed in segment.gradients(torch.tensor(filters), self._signs(site, ids)):
                    along = probed if patterns is None else probed @ like(patterns, probed).T
                    summed = plain.sum(dim=0)
                    total[b] += (summed if patterns is None else like(patterns, summed) @ summed).cpu().numpy()
                    second[b] += (along.T @ along).cpu().numpy()
        require_finite(second, f"the gradients of {pair.target} with respect to {pair.source}")
        return GradientMoments(rows, total, second)

    def row_gradients(self, pair: Pair, filters: Float64[np.ndarray, "k q"]) -> RowGradients:
        r"""Return the gradient of every target score with respect to every row, one by one.

        Where a pair has many rows per sample, the gradient is that of :math:`\sum_s t_{bs}`, as in the ``total`` of
        `gradient_moments`.

        Parameters
        ----------
        pair
            One of the statistics' pairs.
        filters
            One target score per row, in coordinates of the target's features.

        Returns
        -------
        RowGradients
            Of the kept inputs, at most ``sample`` of them, in float32 unless the activations are float64.

        Raises
        ------
        BadRequest, ShapeError, RowsMix, SiteError, NotFinite
            As `gradient_moments`.

        Notes
        -----
        Costs one run of the model and k backward passes per input, and O(n k p) memory for the result.
        """
        site = self._find(pair, filters, None)
        positions = np.arange(prod(self._chain.grids[site]))
        chunks: list[np.ndarray] = []
        row_ids: list[np.ndarray] = []
        with observing(self.model, gradients=True):
            for call, ids in self._chunks(self._chunk):
                segment = Segment(self.model, self._chain, site, call)
                found = [segment.narrow(plain) for _, plain, _ in segment.gradients(torch.tensor(filters), None)]
                chunks.append(torch.stack(found, dim=1).cpu().numpy())
                row_ids.append((ids[:, None] * len(positions) + positions).reshape(-1))
        gradients = np.concatenate(chunks)
        require_finite(gradients, f"the gradients of {pair.target} with respect to {pair.source}")
        return RowGradients(gradients, np.concatenate(row_ids))

    def output_gradients(
        self, filters: Float64[np.ndarray, "q d"]
    ) -> Iterator[Mapping[Space, Float32[np.ndarray, "n q p"]]]:
        r"""Yield the gradients of output scores with respect to rows of every space that something reads.

        Where the output has many rows per sample, a score is :math:`\sum_s \epsilon_s t_{bs}` with random signs, as in
        `gradient_moments`. Where a space has many, four rows drawn at random are kept of each sample.

        Parameters
        ----------
        filters
            One score per row, in coordinates of the output's features.

        Yields
        ------
        Mapping
            Of a chunk of the kept inputs, in random order: for each ``"in"`` space one gradient per row and score.

        Raises
        ------
        ShapeError
            When the filters do not fit the output.
        RowsMix
            When samples of a batch influence one another in the model.
        SiteError
            When the output cannot be differentiated with respect to a site.
        NotFinite
            When a gradient is NaN or infinite.

        Notes
        -----
        Costs one run of the model and q backward passes per input, for all spaces together.
        """
        last = len(self._chain.pairs) - 1
        self._find(self._chain.pairs[last], filters, None)
        widths = [width_of(tap.shape, tap.axis) for tap in self._chain.taps[:-1]]
        step = max(1, min(self._chunk, _CHUNK_BYTES // (16 * len(filters) * sum(widths))))
        for call, ids in self._chunks(step):
            with observing(self.model, gradients=True):
                fan = Fan(self.model, self._chain, call)
                choose = np.random.default_rng([self._inputs.reservoir.seed, int(ids[0])])
                found = fan.gradients(torch.tensor(filters), self._signs(last, ids), choose)
            for pair, gradients in zip(self._chain.pairs, found, strict=True):
                require_finite(gradients, f"the gradients of the output with respect to {pair.source}")
            yield {pair.source: each for pair, each in zip(self._chain.pairs, found, strict=True)}

    def parts(self) -> tuple[Probe, ...]:
        """Return itself alone.

        Returns
        -------
        tuple of Probe
            One.
        """
        return (self,)

    def trainable(self) -> bool:
        """Tell whether the model has any parameters.

        Returns
        -------
        bool
            False for one that training cannot change.
        """
        return any(True for _ in self.model.parameters())

    def again(self, *, twin: int | None = None, first_row: int = 0) -> Statistics:
        """Collect statistics of the kept inputs alone, of the model or of an untrained twin.

        Parameters
        ----------
        twin
            Seed of the twin's weights; the model itself when None.
        first_row
            Number of the first of the kept inputs.

        Returns
        -------
        Statistics
            With the sites of the first pass.
        """
        model = self.model if twin is None else untrained_twin(self.model, twin)
        return self._observe(model, self.batches(), first_row=first_row)

    def batches(self) -> list[Any]:
        """Return the kept inputs as batches that `compgraph.collect` takes.

        Returns
        -------
        list
            Of keyword arguments, or of tuples that start with the positional ones.
        """
        calls = [call for call, _ in self._chunks(min(self._chunk, 256))]
        return [dict(call.kwargs) if call.kwargs else (call.args,) for call in calls]

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
            if given is not None and given.ndim != 2:
                raise ShapeError(
                    f"{what} have the shape {given.shape}; needed is one row each, (n, {width}). For a single one pass "
                    f"{what}[None]."
                )
            if given is not None and given.shape[1] != width:
                raise ShapeError(
                    f"{what} have {given.shape[1]} coordinates, and site {tap.name!r} has {width} features."
                )
        if not self._apart:
            require_rows_apart(self.model, self._inputs)
            self._apart = True
        return site

    def _chunks(self, step: int) -> Iterator[tuple[Call, Int64[np.ndarray, " n"]]]:
        for start in range(0, len(self._inputs), step):
            call, ids = self._inputs.take(start, start + step)
            yield call.private(device_of(self.model, call)), ids

    def _signs(self, site: int, ids: Int64[np.ndarray, " n"]) -> Float64[np.ndarray, " rows"] | None:
        positions = prod(self._chain.grids[site])
        if positions == 1:
            return None
        row_ids = (ids[:, None] * positions + np.arange(positions)).reshape(-1)
        return 1.0 - 2.0 * (row_priority(row_ids, self._inputs.reservoir.seed + 1) & np.uint64(1))
