"""Gradients of scores at one site with respect to rows of a site that feeds it, on a sample of inputs."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import prod

import numpy as np
import torch
from jaxtyping import Float32, Float64
from torch import nn

from compgraph.arrays import require_finite
from compgraph.errors import BadRequest, ShapeError
from compgraph.observe.budget import Budget
from compgraph.observe.data.call import Call
from compgraph.observe.feeding import still_quiet
from compgraph.observe.gradients.from_output import Fan
from compgraph.observe.gradients.kept_inputs import KeptInputs
from compgraph.observe.gradients.leaves import no_gradient
from compgraph.observe.gradients.rows_independent import require_rows_apart
from compgraph.observe.gradients.to_next_site import Segment, like
from compgraph.observe.run.restore import observing
from compgraph.observe.run.tap import Tap
from compgraph.observe.site_graph import Arrow, SiteGraph
from compgraph.observe.sums.input_sample import InputSample
from compgraph.observe.untrained import untrained_twin
from compgraph.progress import announce
from compgraph.statistics import GradientMoments, Pair, Probe, RowGradients, Space, Statistics


class Pullback:
    r"""Differentiates a model between sites, on the inputs that a pass kept.

    A target score is :math:`t_b = f_b \cdot y` for a row ``y`` of the target site. Nudging a row ``x`` of the source
    site by :math:`\delta` means adding :math:`\delta` to the activation at that row's positions, which leaves
    everything the model computed before the source as it was. Between two sites that face each other the derivative
    is the direct effect: all other sites are held.

    Parameters
    ----------
    model
        A reference is kept: gradients are right as long as the model is alive and unchanged.
    graph
        The sites.
    inputs
        The sample.
    elements
        Number of activations of one sample, for the size of chunks.
    budget
        Memory.
    observe
        Collects statistics of a model of the same sites and of calls, as the pass did.
    """

    def __init__(
        self,
        model: nn.Module,
        graph: SiteGraph,
        inputs: InputSample,
        *,
        elements: int,
        budget: Budget,
        observe: Callable[..., Statistics],
    ) -> None:
        self.model = model
        self._observe = observe
        self._graph, self._inputs, self._kept = graph, inputs, KeptInputs(model, inputs)
        self._room = budget.gradients
        self._chunk = max(1, self._room // (16 * max(elements, 1)))
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
        BadRequest, ShapeError
            When the pair, filters or patterns do not fit the sites.
        RowsMix
            When samples of a batch influence one another in the model.
        SiteError, NotFinite
            When nothing differentiable leads from source to target, or a gradient is NaN or infinite.

        Notes
        -----
        Costs one run of the model and k backward passes per input (2 k with positions), and O(k p^2) memory beside a
        chunk of activations. The random signs depend on the row numbers and the seed alone.
        """
        arrow = self._find(pair, filters, patterns)
        width = self._graph.taps[arrow.source].width if patterns is None else len(patterns)
        total, second = np.zeros((len(filters), width)), np.zeros((len(filters), width, width))
        rows = 0
        with observing(self.model, gradients=True):
            for call, ids in self._kept.chunks(self._chunk, arrow.grid):
                segment = Segment(self.model, self._graph, arrow, call)
                rows += segment.n_rows
                for b, plain, probed in segment.gradients(torch.tensor(filters), self._kept.signs(arrow.grid, ids)):
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

        Notes
        -----
        Raises what `gradient_moments` raises. Costs one run of the model and k backward passes per input, and O(n k p)
        memory for the result.
        """
        arrow = self._find(pair, filters, None)
        positions = np.arange(prod(arrow.grid))
        chunks: list[np.ndarray] = []
        row_ids: list[np.ndarray] = []
        with observing(self.model, gradients=True):
            for call, ids in self._kept.chunks(self._chunk):
                segment = Segment(self.model, self._graph, arrow, call)
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

        Notes
        -----
        Raises what `gradient_moments` raises. Costs one run of the model and q backward passes per input, for all
        spaces together.
        """
        heads = self._graph.outputs.values()
        self._require_features("filters", filters, [self._graph.taps[head] for head in heads])
        self._require_apart()
        read = self._graph.read
        widths = [self._graph.taps[number].width for number in read]
        step = max(1, min(self._chunk, self._room // (16 * len(filters) * sum(widths))))
        spaces = [self._graph.space(number, "in") for number in read]
        for number, (call, ids) in enumerate(self._kept.chunks(step)):
            began = time.monotonic()
            with observing(self.model, gradients=True):
                fan = Fan(self.model, self._graph, call)
                choose = np.random.default_rng([self._inputs.reservoir.seed, int(ids[0])])
                signs = [self._kept.signs(self._graph.grid_written(head), ids) for head in heads]
                found = fan.gradients(torch.tensor(filters), signs, choose)
            if number == 0:
                announce("taking gradients of the outputs", (time.monotonic() - began) * len(self._inputs) / call.size)
            for space, gradients in zip(spaces, found, strict=True):
                require_finite(gradients, f"the gradients of the output with respect to {space}")
            yield dict(zip(spaces, found, strict=True))

    def still_quiet(self) -> tuple[set[Arrow], set[Arrow]]:
        """Return the arrows along which no kept input moves anything, and those along which only finite steps do.

        Returns
        -------
        tuple of set of Arrow
            Of those whose derivative was 0 on the first samples.
        """
        return still_quiet(self.model, self._graph, lambda: (call for call, _ in self._kept.chunks(self._chunk)))

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

    def batches(self) -> list[Call]:
        """Return the kept inputs as batches that `compgraph.collect` takes.

        Returns
        -------
        list of Call
            On the device of the model.
        """
        return [call for call, _ in self._kept.chunks(min(self._chunk, 256))]

    def _find(self, pair: Pair, filters: np.ndarray, patterns: np.ndarray | None) -> Arrow:
        pairs = self._graph.pairs
        if pair not in pairs:
            known = ", ".join(str(each) for each in pairs)
            raise BadRequest(f"no pair {pair} in these statistics. Known: {known}.")
        arrow = self._graph.arrows[pairs.index(pair)]
        source, target = self._graph.taps[arrow.source], self._graph.taps[arrow.target]
        self._require_features("filters", filters, [target])
        if patterns is not None:
            self._require_features("patterns", patterns, [source])
        if arrow.blind:
            raise no_gradient(source.name, target.name)
        self._require_apart()
        return arrow

    def _require_features(self, what: str, given: np.ndarray, taps: Sequence[Tap]) -> None:
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

    def _require_apart(self) -> None:
        if not self._apart:
            require_rows_apart(self.model, self._inputs)
            self._apart = True
