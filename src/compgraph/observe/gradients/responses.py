"""What untrained twins do on the inputs that a pass kept: as many at once as memory allows, or one by one."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Float64, Int64
from torch import nn

from compgraph.arrays import require_finite
from compgraph.errors import CompgraphError
from compgraph.observe.data.call import Call
from compgraph.observe.gradients.from_output import Fan
from compgraph.observe.gradients.kept_inputs import KeptInputs
from compgraph.observe.gradients.networks import Networks
from compgraph.observe.run.restore import observing
from compgraph.observe.site_graph import SiteGraph
from compgraph.observe.untrained import twin_weights, untrained_twin
from compgraph.statistics import FiltersOf, Moments, Responses, Space

MOST_SCORES = 64  # assumed of a twin before it is known how many it has, to say how many twins fit
ROWS = 4096  # float32 rows that are multiplied at once
Numbered = tuple[Call, Int64[np.ndarray, " n"]]


def responses(
    model: nn.Module,
    view: "View",
    twins: Sequence[int],
    filters: FiltersOf,
    most: int | None = None,
    *,
    elements: int,
    room: int,
) -> Iterator[Responses | None]:
    """Yield what untrained twins do on the kept inputs.

    Parameters
    ----------
    model
        Whose twins they are.
    view
        Where they are looked at, and on which inputs.
    twins
        Seeds of their weights.
    filters
        Chooses the scores of one twin.
    most
        Inputs on which scores are differentiated; all without.
    elements
        Numbers that all modules give for one sample.
    room
        Bytes of activations and gradients that may be held at once.

    Yields
    ------
    Responses or None
        Of each twin; None for one that has to be looked at by itself.
    """
    if not view.alike:
        yield from [None] * len(twins)
        return
    taps = view.graph.taps
    scores = min(sum(taps[head].width for head in view.graph.outputs.values()), MOST_SCORES)
    of_sample = 16 * elements + 4 * scores * sum(taps[number].width for number in view.graph.read)
    step = max(1, room // of_sample)
    shown = _Shown([call for call, _ in view.inputs.chunks(step)], list(view.inputs.chunks(step, most=most)))
    together = max(1, room // (of_sample * shown.every[0].size)) if len(shown.every) == 1 else 1
    for start in range(0, len(twins), together):
        yield from _group(model, view, twins[start : start + together], filters, shown)


@dataclass(frozen=True, slots=True)
class _Shown:
    """All inputs, and those on which scores are differentiated."""

    every: Sequence[Call]
    few: Sequence[Numbered]


def _group(
    model: nn.Module, view: "View", twins: Sequence[int], filters: FiltersOf, shown: _Shown
) -> Sequence[Responses | None]:
    last = untrained_twin(model, twins[-1])
    with suppress(Exception):  # what does not run on stacked weights runs alone; what fails there is told elsewhere
        if len(twins) == 1:
            return list(view.answers(Networks(last, view.graph), shown, filters))
        networks = Networks(untrained_twin(model, twins[0]), view.graph, [*twin_weights(model, twins)])
        if networks.agree_with(last, shown.every[0]):
            return list(view.answers(networks, shown, filters))
    if len(twins) == 1:
        return [None]
    return [each for seed in twins for each in _group(model, view, [seed], filters, shown)]


@dataclass(frozen=True, slots=True)
class View:
    """Sites of a network and the inputs on which it is looked at.

    Attributes
    ----------
    graph
        The sites.
    inputs
        In chunks, with the signs of their rows.
    seed
        Of the positions that are kept of each sample.
    """

    graph: SiteGraph
    inputs: KeptInputs
    seed: int

    @property
    def alike(self) -> bool:
        """Whether all networks have the same sites and arrows here, and a site the same rows to all who look at it."""
        graph = self.graph
        same = all(graph.grid_read(n) == graph.grid_written(n) for n in graph.outputs.values() if n in graph.read)
        return same and not any(arrow.quiet or arrow.blind for arrow in graph.arrows)

    @staticmethod
    def fan(networks: Networks, call: Call) -> Fan:
        """Run networks, to differentiate their outputs.

        Parameters
        ----------
        networks
            Run together.
        call
            The inputs.

        Returns
        -------
        Fan
            Of the run.
        """
        with observing(networks.model, gradients=True):
            return Fan(networks, call)

    def answers(self, networks: Networks, shown: _Shown, filters: FiltersOf) -> Iterator[Responses | None]:
        """Yield what each network does.

        Parameters
        ----------
        networks
            Run together.
        shown
            The inputs; a single call of all of them where there are several networks.
        filters
            Chooses the scores.

        Yields
        ------
        Responses or None
            None for a network whose outputs never vary.
        """
        moments = self._moments(networks, shown.every)
        chosen = [_chosen(filters, each) for each in moments]
        beside = self._side_by_side(chosen)
        held = self._of_call(networks, shown.few[0], beside) if len(shown.few) == 1 else None
        for which, (each, scores) in enumerate(zip(moments, chosen, strict=True)):
            heads = tuple(map(len, scores.values()))
            chunks = iter([held]) if held else (self._of_call(networks, call, beside) for call in shown.few)
            yield Responses(each, heads, _of_one(chunks, which, sum(heads))) if heads else None

    def gradients(
        self, fan: Fan, numbered: Numbered, filters: Float64[np.ndarray, "k q d"]
    ) -> dict[Space, Float32[np.ndarray, "k m q p"]]:
        """Differentiate the scores of networks.

        Parameters
        ----------
        fan
            Their run.
        numbered
            Its inputs.
        filters
            Scores of each network over the features of all outputs side by side.

        Returns
        -------
        dict
            For every space that is read.

        Raises
        ------
        NotFinite, SiteError
            When a gradient is NaN or infinite, or none flows.
        """
        graph, ids = self.graph, numbered[1]
        choose = np.random.default_rng([self.seed, int(ids[0])])
        signs = [self.inputs.signs(graph.grid_written(head), ids) for head in graph.outputs.values()]
        with observing(fan.networks.model, gradients=True):
            found = fan.gradients(filters, signs, choose)
        spaces = [graph.space(number, "in") for number in graph.read]
        for space, each in zip(spaces, found, strict=True):
            require_finite(each, f"the gradient of the output by {space}, in inputs {min(ids)} to {max(ids)},")
        return dict(zip(spaces, found, strict=True))

    def _of_call(
        self, networks: Networks, numbered: Numbered, filters: Float64[np.ndarray, "k q d"]
    ) -> dict[Space, Float32[np.ndarray, "k m q p"]]:
        return self.gradients(self.fan(networks, numbered[0]), numbered, filters)

    def _moments(self, networks: Networks, calls: Sequence[Call]) -> list[dict[Space, Moments]]:
        graph = self.graph
        sites = {head: graph.grid_written(head) for head in graph.outputs.values()}
        sites |= {number: graph.grid_read(number) for number in graph.read}
        found: list[dict[Space, Moments]] = [{} for _ in range(networks.size)]
        for call in calls:
            rows = networks.seen(call, sites)
            for number in sites:
                for mine, each in zip(found, rows[number].cpu().numpy(), strict=True):
                    moments = _scatter(each)
                    for space in (graph.space(number, "in"), graph.space(number, "out")):
                        mine[space] = mine[space] + moments if space in mine else moments
        return found

    def _side_by_side(self, chosen: Sequence[Mapping[str, Float64[np.ndarray, "_ _"]]]) -> Float64[np.ndarray, "k q d"]:
        """Return the filters of each network over the features of all outputs, and 0 for those it has fewer."""
        widths = {name: self.graph.taps[head].width for name, head in self.graph.outputs.items()}
        starts = dict(zip(widths, np.cumsum([0, *widths.values()]).tolist(), strict=False))
        most = max(sum(map(len, each.values())) for each in chosen)
        beside = np.zeros((len(chosen), most, sum(widths.values())))
        for mine, each in zip(beside, chosen, strict=True):
            row = 0
            for name, rows in each.items():
                mine[row : row + len(rows), starts[name] : starts[name] + widths[name]] = rows
                row += len(rows)
        return beside


def _of_one(
    chunks: Iterator[Mapping[Space, Float32[np.ndarray, "k m q p"]]], which: int, scores: int
) -> Iterator[dict[Space, Float32[np.ndarray, "m s p"]]]:
    for chunk in chunks:
        yield {space: found[which, :, :scores] for space, found in chunk.items()}


def _chosen(filters: FiltersOf, moments: Mapping[Space, Moments]) -> Mapping[str, Float64[np.ndarray, "_ _"]]:
    try:
        return filters(moments)
    except CompgraphError:  # such as outputs that never vary: looked at by itself, the twin says so
        return {}


def _scatter(rows: Float[np.ndarray, "n d"]) -> Moments:
    """Return the moments of rows with themselves; products of float32 rows are summed in double precision."""
    parts = [_of_block(rows[start : start + ROWS]) for start in range(0, len(rows), ROWS)]
    return sum(parts[1:], start=parts[0])


def _of_block(rows: Float[np.ndarray, "n d"]) -> Moments:
    n, mean = len(rows), rows.mean(axis=0, dtype=np.float64)
    centred = rows - mean.astype(rows.dtype)
    centred -= centred.mean(axis=0, dtype=np.float64).astype(rows.dtype)  # what the rounding of the mean left
    products = (centred.T @ centred).astype(np.float64)
    return Moments(n, mean, mean, products, products, products)
