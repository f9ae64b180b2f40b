"""Gradients of scores at one site with respect to rows of a site that feeds it, on a sample of inputs."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from math import prod
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32, Float64
from torch import nn

from compgraph.arrays import require_finite
from compgraph.errors import BadRequest
from compgraph.observe.budget import Kept
from compgraph.observe.data.call import Call
from compgraph.observe.feeding import still_quiet
from compgraph.observe.gradients.dormant import graph_facts, input_facts
from compgraph.observe.gradients.kept_inputs import KeptInputs
from compgraph.observe.gradients.leaves import no_gradient, require_features
from compgraph.observe.gradients.networks import Networks
from compgraph.observe.gradients.responses import View, responses
from compgraph.observe.gradients.rows_independent import require_rows_apart
from compgraph.observe.gradients.to_next_site import Segment, like, outer_products
from compgraph.observe.pruning import settled
from compgraph.observe.run.fingerprint import fingerprint
from compgraph.observe.run.restore import observing
from compgraph.observe.site_graph import Arrow, SiteGraph, agreed
from compgraph.observe.sums.input_sample import InputSample
from compgraph.observe.untrained import untrained_twin
from compgraph.progress import announce
from compgraph.records import frozen
from compgraph.statistics import (
    Dormant,
    FiltersOf,
    GradientMoments,
    MergedProbe,
    Pair,
    Probe,
    Responses,
    RowGradients,
    Space,
    Statistics,
)


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
    kept
        What the pass kept, and of how much memory.
    observe
        Of a graph of sites, a model and calls gives statistics again.
    """

    def __init__(
        self,
        model: nn.Module,
        graph: SiteGraph,
        inputs: InputSample,
        *,
        elements: int,
        kept: Kept,
        observe: Callable[..., Statistics],
    ) -> None:
        self.model, self.inputs = model, inputs
        self._observe, self._elements, self._pass = observe, elements, kept
        self.graph, self._kept = graph, KeptInputs(model, inputs)
        self._room = kept.budget.gradients
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
        width = self.graph.taps[arrow.source].width if patterns is None else len(patterns)
        total, second = np.zeros((len(filters), width)), np.zeros((len(filters), width, width))
        rows = 0
        with observing(self.model, gradients=True):
            for call, ids in self._kept.chunks(self._chunk, grid=arrow.grid):
                segment = Segment(self.model, self.graph, arrow, call)
                rows += segment.n_rows
                for b, plain, probed in segment.gradients(torch.tensor(filters), self._kept.signs(arrow.grid, ids)):
                    summed, along = plain.sum(dim=0), probed
                    if patterns is not None:
                        turn = like(patterns, probed).T
                        summed, along = summed @ turn, probed @ turn
                    total[b] += summed.cpu().numpy()
                    second[b] += outer_products(along)
        require_finite(second, f"the gradients of {pair.target} with respect to {pair.source}")
        return GradientMoments(rows, frozen(total), frozen(second))

    def row_gradients(self, pair: Pair, filters: Float64[np.ndarray, "k q"]) -> RowGradients:
        """Return the gradients of target scores with respect to every kept row; raises what `gradient_moments` raises.

        Costs one run of the model and k backward passes per input, and O(n k p) memory for the result.
        """
        arrow = self._find(pair, filters, None)
        positions = np.arange(prod(arrow.grid))
        chunks: list[np.ndarray] = []
        row_ids: list[np.ndarray] = []
        with observing(self.model, gradients=True):
            for call, ids in self._kept.chunks(self._chunk):
                segment = Segment(self.model, self.graph, arrow, call)
                found = [segment.narrow(plain) for _, plain, _ in segment.gradients(torch.tensor(filters), None)]
                chunks.append(torch.stack(found, dim=1).cpu().numpy())
                row_ids.append((ids[:, None] * len(positions) + positions).reshape(-1))
        gradients = np.concatenate(chunks)
        require_finite(gradients, f"the gradients of {pair.target} with respect to {pair.source}")
        return RowGradients(gradients, np.concatenate(row_ids))

    def output_gradients(
        self, filters: Float64[np.ndarray, "q d"], most: int | None = None
    ) -> Iterator[Mapping[Space, Float32[np.ndarray, "n q p"]]]:
        r"""Yield the gradients of output scores with respect to rows of every space that something reads.

        Where the output has many rows per sample, a score is :math:`\sum_s \epsilon_s t_{bs}` with random signs, as in
        `gradient_moments`. Where a space has many, four rows drawn at random are kept of each sample.

        Parameters
        ----------
        filters
            One score per row, in coordinates of the output's features.
        most
            Inputs that are used, the first ones of a random order; all that were kept without.

        Yields
        ------
        Mapping
            Of a chunk of the kept inputs, in random order: for each ``"in"`` space one gradient per row and score.

        Notes
        -----
        Raises what `gradient_moments` raises. Costs one run of the model and q backward passes per input, for all
        spaces together.
        """
        heads = self.graph.outputs.values()
        require_features("filters", filters, [self.graph.taps[head] for head in heads])
        self._require_apart()
        widths = sum(self.graph.taps[number].width for number in self.graph.read)
        step = max(1, min(self._chunk, self._room // (16 * len(filters) * widths)))
        view, networks = self._view, Networks(self.model, self.graph)
        for number, (call, ids) in enumerate(self._kept.chunks(step, most=most)):
            began = time.monotonic()
            found = view.gradients(view.fan(networks, call), (call, ids), filters[None])
            if number == 0:
                wanted = min(len(self.inputs), most or len(self.inputs))
                announce("taking gradients of the outputs", (time.monotonic() - began) * wanted / call.size)
            yield {space: each[0] for space, each in found.items()}

    def responses(
        self, twins: Sequence[int], filters: FiltersOf, most: int | None = None
    ) -> Iterator[Responses | None]:
        """Yield what untrained twins do on the kept inputs; None for those that have to be looked at by themselves."""
        room = {"elements": self._elements, "room": self._room}
        return responses(self.model, self._view, twins, filters, most, **room)

    def still_quiet(self) -> tuple[set[Arrow], set[Arrow]]:
        """Return the arrows along which no kept input moves anything, and those along which only finite steps do.

        Returns
        -------
        tuple of set of Arrow
            Of those whose derivative was 0 on the first samples.
        """
        return still_quiet(self.model, self.graph, lambda: (call for call, _ in self._kept.chunks(self._chunk)))

    def joined(self, others: Sequence[Probe]) -> Probe:
        """Return a probe on the inputs that one pass over this and other parts of the data would have kept."""
        kept = [each.inputs for each in others if hasattr(each, "inputs")]
        if len(kept) < len(others):  # of another kind of probe
            return MergedProbe((self, *others))
        graphs = [self.graph, *(each.graph for each in others if hasattr(each, "graph"))]
        return self._of(agreed(graphs), self.inputs.joined(kept))

    def settled(self, full: Statistics, *, lost: Sequence[str] = ()) -> Statistics:
        """Return statistics without what no kept input moves, and what never varies."""
        graph, found = settled(full, self.graph, self, lost=lost)
        return found if graph is self.graph else replace(found, probe=self._of(graph, self.inputs))

    def fingerprint(self) -> Mapping[str, str]:
        """Return a hash of every parameter and buffer as they are now."""
        return fingerprint(self.model)

    def dormant(self) -> Dormant:
        """Return the kept inputs, the sites and what the pass kept."""
        facts, arrays = input_facts(self.inputs.held)
        kept = {**asdict(self._pass), "budget": self._pass.budget.total}
        return Dormant(
            {"graph": graph_facts(self.graph), "inputs": facts, "elements": self._elements, "kept": kept}, arrays
        )

    def trainable(self) -> bool:
        """Tell whether the model has any parameters."""
        return any(True for _ in self.model.parameters())

    def again(self, *, twin: int | None = None, first_row: int = 0) -> Statistics:
        """Collect statistics of the kept inputs alone, of the model or of an untrained twin, at the same sites."""
        model = self.model if twin is None else untrained_twin(self.model, twin)
        kept = replace(self._pass, first_row=first_row)
        return self._observe(self.graph, model, self.batches(), kept=kept, elements=self._elements)

    def batches(self) -> list[Call]:
        """Return the kept inputs as batches that `compgraph.collect` takes."""
        return [call for call, _ in self._kept.chunks(min(self._chunk, 256))]

    @property
    def _view(self) -> View:
        return View(self.graph, self._kept, self.inputs.reservoir.seed)

    def _of(self, graph: SiteGraph, inputs: InputSample) -> "Pullback":
        rest: dict[str, Any] = {"elements": self._elements, "kept": self._pass, "observe": self._observe}
        return Pullback(self.model, graph, inputs, **rest)

    def _find(self, pair: Pair, filters: np.ndarray, patterns: np.ndarray | None) -> Arrow:
        pairs = self.graph.pairs
        if pair not in pairs:
            known = ", ".join(str(each) for each in pairs)
            raise BadRequest(f"no pair {pair} in these statistics. Known: {known}.")
        arrow = self.graph.arrows[pairs.index(pair)]
        source, target = self.graph.taps[arrow.source], self.graph.taps[arrow.target]
        require_features("filters", filters, [target])
        if patterns is not None:
            require_features("patterns", patterns, [source])
        if arrow.blind:
            raise no_gradient(source.name, target.name)
        self._require_apart()
        return arrow

    def _require_apart(self) -> None:
        if not self._apart:
            require_rows_apart(self.model, self.inputs)
            self._apart = True
