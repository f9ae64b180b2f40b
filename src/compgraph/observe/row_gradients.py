"""The gradient of every single row, where moments of gradients would hide that they are few distinct ones."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Float64, Int64

from compgraph.arrays import brief
from compgraph.errors import BadRequest
from compgraph.statistics import Pair, Statistics
from compgraph.statistics.record import MergedGradients


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RowGradients:
    """Gradients of target scores with respect to rows of a space, in the order of the rows' numbers.

    Attributes
    ----------
    gradients
        One per row and target score.
    ids
        Number of each row: of its sample, where a sample has one row; else the sample's number times the number of
        positions, plus that of the position.
    """

    gradients: Float[np.ndarray, "n k p"]
    ids: Int64[np.ndarray, " n"]

    __repr__ = brief

    def __post_init__(self) -> None:
        order = np.argsort(self.ids, kind="stable")
        for name in ("gradients", "ids"):
            sorted_rows = np.asarray(getattr(self, name))[order]
            sorted_rows.flags.writeable = False
            object.__setattr__(self, name, sorted_rows)


@runtime_checkable
class RowGradientSource(Protocol):
    """A source of gradients that can tell them row by row."""

    def row_gradients(self, pair: Pair, filters: Float64[np.ndarray, "k q"]) -> RowGradients:
        """Return the gradients of ``filters @ y`` with respect to every kept ``x``."""
        ...


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
    given = stats.gradients
    sources = given.sources if isinstance(given, MergedGradients) else (given,)
    found: list[RowGradients] = []
    for source in sources:
        if not isinstance(source, RowGradientSource):
            kind = "none" if source is None else f"a {type(source).__name__}"
            raise BadRequest(
                f"the statistics' source of gradients is {kind}, which has no gradients of single rows. Needed are "
                "statistics from compgraph.collect in this process, with the model still there."
            )
        found.append(source.row_gradients(pair, filters))
    return RowGradients(
        np.concatenate([each.gradients for each in found]), np.concatenate([each.ids for each in found])
    )
