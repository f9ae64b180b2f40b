"""One run of one or several networks with the rows of all sites as leaves of autograd, and gradients of outputs."""

from collections.abc import Iterator
from math import prod

import numpy as np
import torch
from jaxtyping import Float, Float32, Float64
from torch import Tensor

from compgraph.observe.data.call import Call
from compgraph.observe.gradients.leaves import no_gradient
from compgraph.observe.gradients.networks import Networks
from compgraph.statistics import POSITIONS


class Fan:
    """The outputs' rows, and what to differentiate them by.

    Parameters
    ----------
    networks
        Run once, under the caller's settings of autograd.
    call
        Arguments of the run.
    """

    def __init__(self, networks: Networks, call: Call) -> None:
        graph = networks.graph
        self.networks, self.size = networks, call.size
        self.heads = {number: graph.grid_written(number) for number in graph.outputs.values()}
        self.read = {number: graph.grid_read(number) for number in graph.read}
        self.rows, self.leaves = networks.run(call, read=self.read, targets=self.heads)

    def gradients(
        self,
        filters: Float64[np.ndarray, "k q d"],
        signs: list[Float64[np.ndarray, " rows"] | None],
        choose: np.random.Generator,
    ) -> list[Float32[np.ndarray, "k m q p"]]:
        """Return the gradients of output scores, for a few rows of every sample and for each site that is read.

        Parameters
        ----------
        filters
            For each network, one score per row, over the features of all outputs side by side.
        signs
            For each output, random signs of its rows where a sample has several.
        choose
            Draws the positions kept of each sample.

        Returns
        -------
        list of numpy.ndarray
            Site by site; at most 4 rows per sample. In memory scores come before rows.

        Raises
        ------
        SiteError
            When no output depends on a site in a way that can be differentiated.
        """
        scores = self._scores(torch.from_numpy(filters), signs)
        kept = [self._kept(number, choose) for number in self.leaves]
        found: list[np.ndarray] = []
        for place, gradients in enumerate(self._backward(scores)):
            for number, (each, index) in enumerate(zip(gradients, kept, strict=True)):
                rows = each if index is None else each[..., index, :]
                of_each = rows.float().cpu().numpy().reshape(self.networks.size, -1, each.shape[-1])
                if place == 0:
                    k, m, p = of_each.shape
                    found.append(np.empty((k, len(scores), m, p), dtype=np.float32))
                found[number][:, place] = of_each
        return [each.swapaxes(1, 2) for each in found]

    def _scores(
        self, filters: Float64[Tensor, "k q d"], signs: list[Float64[np.ndarray, " rows"] | None]
    ) -> list[Tensor | None]:
        """Return one number for each filter, to be differentiated; nothing where no output can be.

        Networks do not depend on one another, so that the gradient of the sum over all of them is that of each.
        """
        found: list[Tensor | None] = [None] * filters.shape[1]
        widths = [self.networks.graph.taps[head].width for head in self.heads]
        for head, part, sign in zip(self.heads, torch.split(filters, widths, dim=2), signs, strict=True):
            rows = self.rows.get(head)
            if rows is None or not rows.requires_grad:
                continue
            mine = part.any(dim=2).any(dim=0).nonzero().flatten().tolist()
            with torch.autocast(rows.device.type, enabled=False):
                scores = rows @ part[:, mine].to(rows).mT
            weights = torch.ones_like(scores[0, :, 0]) if sign is None else torch.tensor(sign).to(scores)
            for place, number in enumerate(mine):
                score, before = (scores[:, :, place] @ weights).sum(), found[number]
                found[number] = score if before is None else before + score
        return found

    def _backward(self, scores: list[Tensor | None]) -> Iterator[list[Float[Tensor, "*k rows p"]]]:
        leaves = list(self.leaves.values())
        reached = [False] * len(leaves)
        for score in scores:
            found: tuple[Tensor | None, ...] = (None,) * len(leaves)
            if score is not None:
                found = torch.autograd.grad(score, leaves, retain_graph=True, allow_unused=True)
            reached = [before or each is not None for before, each in zip(reached, found, strict=True)]
            yield [torch.zeros_like(leaf) if each is None else each for leaf, each in zip(leaves, found, strict=True)]
        taps = self.networks.graph.taps
        for number, each in zip(self.leaves, reached, strict=True):
            if not each:
                raise no_gradient(taps[number].name, ", ".join(taps[head].name for head in self.heads))

    def _kept(self, number: int, choose: np.random.Generator) -> Tensor | None:
        """Return the rows that are kept of a site, or nothing where all are."""
        positions = prod(self.read[number])
        if positions <= POSITIONS:
            return None
        places = choose.random((self.size, positions)).argpartition(POSITIONS, axis=1)[:, :POSITIONS]
        return torch.from_numpy(np.sort(places + positions * np.arange(self.size)[:, None], axis=1).ravel())
