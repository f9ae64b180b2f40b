"""Gradients of scores at one site with respect to any site before it, input by input."""

import numpy as np
from jaxtyping import Float, Float64
from torch import Tensor, nn

from compgraph.observe import collect, row_gradients


def site_gradients(
    model: nn.Module,
    inputs: Float[Tensor, "n ..."],
    *,
    source: str,
    target: str,
    filters: Float64[np.ndarray, "k q"],
) -> Float[np.ndarray, "_ k p"]:
    r"""Differentiate scores at one site with respect to a site before it, whatever lies between.

    .. math:: g_{ib} = \partial (f_b \cdot y_i) / \partial x_i

    Parameters
    ----------
    model
        Runs in eval mode and comes back as it was. Samples must not influence one another.
    inputs
        One sample per row.
    source
        ``"input"`` or a module: what the gradient is with respect to.
    target
        A module: what the scores read.
    filters
        One score per row, in coordinates of the target's features.

    Returns
    -------
    numpy.ndarray
        One gradient per row of the source and score, in the order of the inputs, in units of the score per unit of the
        source. Float64 for a model in double precision, else float32.

    Raises
    ------
    UnknownSite
        When there is no such module.
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
    Costs two runs of the model and k backward passes per input, and O(n k p) memory.

    Examples
    --------
    >>> import torch
    >>> model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    >>> site_gradients(model, torch.eye(3), source="1", target="2", filters=np.eye(2)).shape
    (3, 2, 4)
    """
    layers = [target] if source == "input" else [source, target]
    stats = collect(model, inputs, layers, sample=len(inputs), progress=False)
    (pair,) = (each for each in stats.pairs if (each.source.layer, each.target.layer) == (source, target))
    return row_gradients(stats, pair, filters=filters).gradients
