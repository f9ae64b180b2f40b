"""One run of a model with the rows of all its sites as leaves of autograd, and gradients of its output."""

from collections.abc import Iterator
from math import prod

import numpy as np
import torch
from jaxtyping import Float32, Float64
from torch import Tensor, nn

from compgraph.observe.chain import Chain
from compgraph.observe.gradients.leaves import Nudge, no_gradient, run_nudged
from compgraph.observe.run.batches import Call
from compgraph.statistics import POSITIONS


class Fan:
    """The output's rows, and what to differentiate them by.

    Parameters
    ----------
    model
        Run once, under the caller's settings of autograd.
    chain
        The sites; the last one is the output.
    call
        Arguments of the run.
    """

    def __init__(self, model: nn.Module, chain: Chain, call: Call) -> None:
        *sources, self.target = chain.taps
        self.size = call.size
        self.nudges = [
            Nudge(tap, grid, call.size * prod(grid), call.size, alone=False)
            for tap, grid in zip(sources, chain.grids, strict=True)
        ]
        self.rows = run_nudged(model, call, nudges=self.nudges, target=self.target, grid=chain.grids[-1])

    def gradients(
        self, filters: Float64[Tensor, "q d"], signs: Float64[np.ndarray, " rows"] | None, choose: np.random.Generator
    ) -> list[Float32[np.ndarray, "m q p"]]:
        """Return the gradients of output scores, for a few rows of every sample and for each site.

        Parameters
        ----------
        filters
            One output score per row.
        signs
            Random signs of the output's rows where a sample has several.
        choose
            Draws the positions kept of each sample.

        Returns
        -------
        list of numpy.ndarray
            Site by site; at most 4 rows per sample.

        Raises
        ------
        SiteError
            When the output does not depend on a site in a way that can be differentiated.
        """
        rows = self.rows
        if rows is None or not rows.requires_grad:
            raise no_gradient(self.nudges[0].tap.name, self.target.name)
        with torch.autocast(rows.device.type, enabled=False):
            scores = rows @ filters.to(rows).T
        weights = torch.ones_like(scores[:, 0]) if signs is None else torch.tensor(signs).to(scores)
        kept = [self._kept(nudge, choose) for nudge in self.nudges]
        found = [[each[index].float().cpu().numpy() for each, index in zip(gradients, kept, strict=True)]
                 for gradients in self._backward(scores, weights)]  # fmt: skip
        return [np.stack(of_site, axis=1) for of_site in zip(*found, strict=True)]

    def _backward(self, scores: Tensor, weights: Tensor) -> Iterator[tuple[Tensor, ...]]:
        leaves = [nudge.delta for nudge in self.nudges if nudge.delta is not None]
        for b in range(scores.shape[1]):
            gradients = torch.autograd.grad(scores[:, b] @ weights, leaves, retain_graph=True, allow_unused=True)
            for nudge, gradient in zip(self.nudges, gradients, strict=True):
                if gradient is None:
                    raise no_gradient(nudge.tap.name, self.target.name)
            yield gradients

    def _kept(self, nudge: Nudge, choose: np.random.Generator) -> Tensor:
        positions = prod(nudge.grid)
        if positions <= POSITIONS:
            return torch.arange(nudge.n_rows)
        places = choose.random((self.size, positions)).argpartition(POSITIONS, axis=1)[:, :POSITIONS]
        return torch.from_numpy(np.sort(places + positions * np.arange(self.size)[:, None], axis=1).ravel())
