"""Several networks of the same modules that are run together, on weights stacked along a first axis."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from compgraph.errors import BadRequest
from compgraph.observe.data.call import Call
from compgraph.observe.gradients.leaves import Nudge, run_nudged
from compgraph.observe.run.restore import observing
from compgraph.observe.run.rows import Grid
from compgraph.observe.run.trace import FEW, first_of
from compgraph.observe.site_graph import SiteGraph

SAME = 1e-4  # of the largest entry: what float32 sums in another order differ by is less


class Networks:
    """One network, or several of the same modules.

    Parameters
    ----------
    model
        The network.
    graph
        The sites, of any model of these modules.
    weights
        Parameters and buffers by name of each network on whose weights the model is run; none for its own.

    Raises
    ------
    BadRequest
        When the weights of several networks are not float32, as nudges are there.
    """

    def __init__(self, model: nn.Module, graph: SiteGraph, weights: Sequence[Mapping[str, Tensor]] = ()) -> None:
        self.size, self.model = len(weights) or 1, model
        self.graph = graph.of(model)
        self._weights = _stacked(weights) if weights else {}
        self._runner = _Runner(model)

    def run(
        self, call: Call, *, read: Mapping[int, Grid], targets: Mapping[int, Grid]
    ) -> tuple[dict[int, Float[Tensor, "_ _ _"]], dict[int, Float[Tensor, "*_k _ _"]]]:
        """Run all networks on one call, with the rows of sites as leaves of autograd.

        Parameters
        ----------
        call
            Arguments.
        read
            Numbers of the sites that are nudged, and the positions at which they have rows.
        targets
            Numbers of the sites whose rows are returned, and their positions.

        Returns
        -------
        tuple of dict
            By number of site: rows of each network, and the leaves, without the first axis where there is one network.
            Sites whose modules were not called are missing.

        Raises
        ------
        SiteError, ShapeError
            As `run_nudged`.
        RuntimeError
            Where a model cannot be run on stacked weights; of what torch raises there, most is of this kind.
        """
        taps = self.graph.taps
        if not self._weights:
            nudges = {number: Nudge(taps[number], grid, call.size, alone=False) for number, grid in read.items()}
            found = run_nudged(self.model, call, self.graph, nudges=nudges, targets=targets)
            leaves = {number: nudge.delta for number, nudge in nudges.items() if nudge.delta is not None}
            return {number: rows[None] for number, rows in found.items()}, leaves
        device = next(iter(self._weights.values())).device
        nudged = {
            number: Nudge(taps[number], grid, call.size, alone=False).zeros(self.size, device)
            for number, grid in read.items()
        }

        def rows(weights: Mapping[str, Tensor], deltas: Mapping[int, Tensor]) -> dict[int, Tensor]:
            def one(model: nn.Module) -> dict[int, Tensor]:
                nudges = {
                    number: Nudge(taps[number], read[number], call.size, alone=False, delta=delta)
                    for number, delta in deltas.items()
                }
                return run_nudged(model, call, self.graph, nudges=nudges, targets=targets)

            found: dict[int, Tensor] = torch.func.functional_call(self._runner, dict(weights), (one,))
            return found

        return torch.func.vmap(rows)(self._weights, nudged), nudged

    def seen(self, call: Call, targets: Mapping[int, Grid]) -> dict[int, Float[Tensor, "_ _ _"]]:
        """Run all networks on one call without autograd.

        Parameters
        ----------
        call, targets
            As for `run`.

        Returns
        -------
        dict
            As `run` does.
        """
        with observing(self.model):
            return self.run(call, read={}, targets=targets)[0]

    def agree_with(self, last: nn.Module, call: Call) -> bool:
        """Tell whether the last of the networks is a model that was made by itself, and does the same.

        Parameters
        ----------
        last
            The model.
        call
            Of which a few samples are shown.

        Returns
        -------
        bool
            Whether weights are equal, and outputs equal up to rounding.
        """
        held = {**dict(last.named_parameters()), **dict(last.named_buffers())}
        if not all(torch.equal(self._weights[f"network.{name}"][-1], each) for name, each in held.items()):
            return False
        few = first_of(call, FEW)
        heads = {number: self.graph.grid_written(number) for number in self.graph.outputs.values()}
        ours, alone = self.seen(few, heads), Networks(last, self.graph).seen(few, heads)
        return all(
            torch.allclose(ours[number][-1], rows[0], rtol=SAME, atol=SAME * float(rows.abs().max()))
            for number, rows in alone.items()
        )


class _Runner(nn.Module):
    """Calls a function on a network whose weights `torch.func.functional_call` exchanges meanwhile."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, function: Callable[[nn.Module], Any]) -> Any:
        return function(self.network)


def _stacked(weights: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Return the weights of several networks, as `_Runner` names them."""
    if any(held.is_floating_point() and held.dtype != torch.float32 for held in weights[0].values()):
        raise BadRequest("weights of several networks are stacked in float32 alone.")
    return {f"network.{name}": torch.stack([each[name] for each in weights]) for name in weights[0]}
