"""The gradient of every single row, where moments of gradients would hide that they are few distinct ones."""

import numpy as np
from jaxtyping import Float64

from compgraph.arguments import checked
from compgraph.statistics import Pair, RowGradients, Statistics


@checked
def row_gradients(stats: Statistics, pair: Pair, *, filters: Float64[np.ndarray, "k q"]) -> RowGradients:
    r"""Differentiate scores at one space with respect to every kept row of the space before it.

    .. math:: g_{ib} = \partial (f_b \cdot y_i) / \partial x_i

    Parameters
    ----------
    stats
        From `compgraph.collect`, which keeps ``sample`` inputs: ask it for as many as there should be gradients.
    pair
        One of ``stats.pairs``. To skip a layer between the two, collect without it.
    filters
        One target score per row, such as the axes of the target's components.

    Returns
    -------
    RowGradients
        In units of the score per unit of activation at the source.

    Raises
    ------
    BadRequest
        When the statistics come without a model that could be differentiated, or for a pair that is not there.
    ShapeError
        When the filters do not fit the target.
    RowsMix
        When samples of a batch influence one another in the model.
    SiteError
        When nothing differentiable leads from source to target.
    NotFinite
        When a gradient is NaN or infinite.

    Notes
    -----
    Costs one run of the model and k backward passes per input, and O(n k p) memory. Where a sample has many rows, the
    gradient is that of the sum of the score over the positions of the sample.

    Examples
    --------
    >>> import torch
    >>> from compgraph.observe import collect
    >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 1))
    >>> stats = collect(model, torch.eye(3), layers=["1"])
    >>> found = row_gradients(stats, stats.pairs[0], filters=np.ones((1, 4)))
    >>> found.gradients.shape, found.ids.tolist()
    ((3, 1, 3), [0, 1, 2])
    """
    return stats.live("the gradients of single rows").row_gradients(pair, filters)
