"""One run of a model with the rows of all its sites as leaves of autograd, and gradients of its outputs."""

from collections.abc import Iterator
from math import prod

import numpy as np
import torch
from jaxtyping import Float32, Float64
from torch import Tensor, nn

from compgraph.observe.data.call import Call
from compgraph.observe.gradients.leaves import Nudge, no_gradient, run_nudged
from compgraph.observe.site_graph import SiteGraph
from compgraph.statistics import POSITIONS


class Fan:
    """The outputs' rows, and what to differentiate them by.

    Parameters
    ----------
    model
        Run once, under the caller's settings of autograd.
    graph
        The sites.
    call
        Arguments of the run.
    """

    def __init__(self, model: nn.Module, graph: SiteGraph, call: Call) -> None:
        self.size = call.size
        self.heads = [graph.taps[number] for number in graph.outputs.values()]
        self.nudges = {
            number: Nudge(graph.taps[number], graph.grid_read(number), call.size, alone=False) for number in graph.read
        }
        targets = {number: graph.grid_written(number) for number in graph.outputs.values()}
        found = run_nudged(model, call, graph, nudges=self.nudges, targets=targets)
        self.rows = [found.get(number) for number in targets]

    def gradients(
        self,
        filters: Float64[Tensor, "q d"],
        signs: list[Float64[np.ndarray, " rows"] | None],
        choose: np.random.Generator,
    ) -> list[Float32[np.ndarray, "m q p"]]:
        """Return the gradients of output scores, for a few rows of every sample and for each site that is read.

        Parameters
        ----------
        filters
            One score per row, over the features of all outputs side by side.
        signs
            For each output, random signs of its rows where a sample has several.
        choose
            Draws the positions kept of each sample.

        Returns
        -------
        list of numpy.ndarray
            Site by site; at most 4 rows per sample.

        Raises
        ------
        SiteError
            When no output depends on a site in a way that can be differentiated.
        """
        scores = self._scores(filters, signs)
        kept = [self._kept(nudge, choose) for nudge in self.nudges.values()]
        found = [
            [each[index].float().cpu().numpy() for each, index in zip(gradients, kept, strict=True)]
            for gradients in self._backward(scores)
        ]
        return [np.stack(of_site, axis=1) for of_site in zip(*found, strict=True)]

    def _scores(
        self, filters: Float64[Tensor, "q d"], signs: list[Float64[np.ndarray, " rows"] | None]
    ) -> list[Tensor | None]:
        """Return one number for each filter, to be differentiated; nothing where no output can be."""
        found: list[Tensor | None] = [None] * len(filters)
        parts = torch.split(filters, [head.width for head in self.heads], dim=1)
        for rows, part, sign in zip(self.rows, parts, signs, strict=True):
            if rows is None or not rows.requires_grad:
                continue
            mine = part.any(dim=1).nonzero().flatten().tolist()
            with torch.autocast(rows.device.type, enabled=False):
                scores = rows @ part[mine].to(rows).T
            weights = torch.ones_like(scores[:, 0]) if sign is None else torch.tensor(sign).to(scores)
            for place, number in enumerate(mine):
                score, before = scores[:, place] @ weights, found[number]
                found[number] = score if before is None else before + score
        return found

    def _backward(self, scores: list[Tensor | None]) -> Iterator[list[Tensor]]:
        leaves = [nudge.delta for nudge in self.nudges.values() if nudge.delta is not None]
        reached = [False] * len(leaves)
        for score in scores:
            found: tuple[Tensor | None, ...] = (None,) * len(leaves)
            if score is not None:
                found = torch.autograd.grad(score, leaves, retain_graph=True, allow_unused=True)
            reached = [before or each is not None for before, each in zip(reached, found, strict=True)]
            yield [torch.zeros_like(leaf) if each is None else each for leaf, each in zip(leaves, found, strict=True)]
        for nudge, each in zip(self.nudges.values(), reached, strict=True):
            if not each:
                raise no_gradient(nudge.tap.name, ", ".join(head.name for head in self.heads))

    def _kept(self, nudge: Nudge, choose: np.random.Generator) -> Tensor:
        positions = prod(nudge.grid)
        if positions <= POSITIONS:
            return torch.arange(nudge.n_rows)
        places = choose.random((self.size, positions)).argpartition(POSITIONS, axis=1)[:, :POSITIONS]
        return torch.from_numpy(np.sort(places + positions * np.arange(self.size)[:, None], axis=1).ravel())
