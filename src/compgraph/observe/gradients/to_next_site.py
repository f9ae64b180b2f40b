"""One run of a model with the rows of one site as leaves of autograd, and gradients of scores at a site it feeds."""

from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor, nn

from compgraph.observe.data.call import Call
from compgraph.observe.gradients.leaves import Nudge, no_gradient, run_nudged
from compgraph.observe.site_graph import Arrow, SiteGraph


class Segment:
    """One run of the model with the source's rows as leaves of autograd, all other sites held, and the target's rows.

    Parameters
    ----------
    model
        Run once, under the caller's settings of autograd.
    graph
        The sites.
    arrow
        From the source to the target.
    call
        Arguments of the run.
    """

    def __init__(self, model: nn.Module, graph: SiteGraph, arrow: Arrow, call: Call) -> None:
        self.source, self.target = graph.taps[arrow.source], graph.taps[arrow.target]
        self.nudge = Nudge(self.source, arrow.grid, call.size, alone=True)
        self.n_rows = self.nudge.n_rows
        others = set(range(len(graph.taps))) - {arrow.source}
        found = run_nudged(
            model, call, graph, nudges={arrow.source: self.nudge}, targets={arrow.target: arrow.grid}, cut=others
        )
        self.rows = found.get(arrow.target)

    def gradients(
        self, filters: Float64[Tensor, "k q"], signs: Float64[np.ndarray, " rows"] | None
    ) -> Iterator[tuple[int, Float64[Tensor, "rows p"], Float64[Tensor, "rows p"]]]:
        """Yield, per target score, the gradient of its sum and of its sum with signs.

        Parameters
        ----------
        filters
            One target score per row.
        signs
            Of the target's rows; without them both gradients are the same.

        Yields
        ------
        tuple
            Number of the score, and the two gradients of every row of the source.

        Raises
        ------
        SiteError
            When nothing differentiable leads from source to target.
        """
        rows, delta = self.rows, self.nudge.delta
        if rows is None or delta is None or not rows.requires_grad:
            raise no_gradient(self.source.name, self.target.name)
        weights = None if signs is None else like(signs, rows)[:, None]
        for b, score in enumerate(filters.to(rows)):
            # The derivative of a score, which is linear, by the rows is the filter itself.
            plain = self._gradient(rows, score.expand_as(rows), delta)
            yield b, plain, plain if weights is None else self._gradient(rows, weights * score, delta)

    def narrow(self, gradient: Float64[Tensor, "rows p"]) -> Float[Tensor, "rows p"]:
        """Return a gradient in the precision in which it was computed, which loses nothing.

        Parameters
        ----------
        gradient
            From `gradients`.

        Returns
        -------
        torch.Tensor
            Float32, or float64 for float64 activations.
        """
        return gradient if self.nudge.delta is None else gradient.to(self.nudge.delta.dtype)

    def _gradient(
        self, rows: Float[Tensor, "_ q"], slopes: Float[Tensor, "_ q"], delta: Float[Tensor, "rows p"]
    ) -> Float64[Tensor, "rows p"]:
        (gradient,) = torch.autograd.grad(rows, delta, slopes, retain_graph=True, allow_unused=True)
        if gradient is None:
            raise no_gradient(self.source.name, self.target.name)
        result: Tensor = gradient.double()
        return result


def like(values: Float[np.ndarray, "..."], tensor: Tensor) -> Tensor:
    """Return an array as a tensor of another one's type and device.

    Parameters
    ----------
    values
        Any shape.
    tensor
        The example.

    Returns
    -------
    torch.Tensor
        A copy.
    """
    return torch.tensor(values).to(tensor)


def outer_products(rows: Float64[Tensor, "n p"]) -> Float64[np.ndarray, "p p"]:
    """Return the sum of the outer products of rows.

    Parameters
    ----------
    rows
        Gradients.

    Returns
    -------
    numpy.ndarray
        Symmetric.
    """
    if rows.device.type != "cpu":
        return np.asarray((rows.T @ rows).cpu().numpy())
    values = rows.numpy()
    return np.asarray(values.T @ values)  # NumPy forms one triangle of such a product and copies it, torch forms both
