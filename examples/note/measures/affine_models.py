"""How well affine models of a map predict rows it was not fitted to: one model for all rows, or one for each."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float64, Int64

from compgraph.arguments import whole_number
from compgraph.arrays import require_finite
from compgraph.decompose import partial_least_squares
from compgraph.errors import BadRequest, EmptyData, ShapeError
from compgraph.records import brief, read_only
from compgraph.statistics import Moments

EXACT = 1e-9
"""Errors below it are rounding, for activations of the order of 1 in double precision."""


def explained_variance(predicted: Float[np.ndarray, "m l"], rows: Float[np.ndarray, "n k"]) -> float:
    r"""Return the share of the variance of rows that a prediction explains.

    .. math:: R^2 = 1 - \frac{\sum_{ik} (y_{ik} - \hat y_{ik})^2}{\sum_{ik} (y_{ik} - \bar y_k)^2}

    Parameters
    ----------
    predicted
        One prediction per row.
    rows
        What was to be predicted.

    Returns
    -------
    float
        1 when every entry is right, 0 when the prediction is as good as the mean of the rows, below 0 when worse. Every
        column counts by its variance, so that rotating the columns of both changes nothing.

    Raises
    ------
    ShapeError
        When there is not one prediction per entry.
    EmptyData
        When the rows do not vary.
    NotFinite
        When an entry is NaN or infinite.

    Examples
    --------
    >>> explained_variance(np.array([[1.0], [1.0]]), np.array([[0.0], [4.0]]))
    -0.25
    """
    if predicted.shape != rows.shape:
        raise ShapeError(f"a prediction of shape {predicted.shape} came for rows of shape {rows.shape}.")
    require_finite(predicted, "the prediction")
    require_finite(rows, "the rows")
    whole = float(np.square(rows - rows.mean(axis=0)).sum()) if len(rows) else 0.0
    if whole == 0:
        raise EmptyData(f"{len(rows)} rows without variance came; there is nothing to explain.")
    return 1 - float(np.square(rows - predicted).sum()) / whole


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Expansion:
    """A map as it was seen at some rows: where they are, what the map makes of them, and its gradient there.

    Attributes
    ----------
    x
        The rows.
    y
        What the map makes of each.
    gradients
        Of every entry of ``y`` with respect to ``x``, as `compgraph.observe.row_gradients` gives them.

    Raises
    ------
    ShapeError
        When there is not one gradient per row and entry.
    EmptyData
        When there are no rows.
    """

    x: Float64[np.ndarray, "n p"]
    y: Float64[np.ndarray, "n k"]
    gradients: Float[np.ndarray, "_ _ _"]

    __repr__ = brief

    def __post_init__(self) -> None:
        needed = (len(self.x), self.y.shape[1], self.x.shape[1])
        if self.gradients.shape != needed or len(self.y) != len(self.x):
            raise ShapeError(
                f"gradients of shape {self.gradients.shape} came with x {self.x.shape} and y {self.y.shape}; "
                f"{needed} is needed: rows, entries of y, entries of x."
            )
        if len(self.x) == 0:
            raise EmptyData("an expansion at 0 rows came; at least 1 is needed.")
        for name in self.__slots__:
            object.__setattr__(self, name, read_only(np.asarray(getattr(self, name), dtype=np.float64)))

    def nearest(self, rows: Float[np.ndarray, "m p"]) -> Int64[np.ndarray, " m"]:
        """Return which row of the expansion is nearest to each row given, in Euclidean distance; cost O(n m p)."""
        squares = np.square(self.x).sum(axis=1) - 2 * rows @ self.x.T
        return np.asarray(squares.argmin(axis=1), dtype=np.int64)

    def predict(
        self, rows: Float[np.ndarray, "m p"], *, at: Int64[np.ndarray, " _"] | None = None
    ) -> Float64[np.ndarray, "m k"]:
        r"""Predict what the map makes of new rows by its first-order expansion at a row for each.

        .. math:: \hat y(x) = y(x_0) + G(x_0) \, (x - x_0)

        Parameters
        ----------
        rows
            To predict for.
        at
            Which row of the expansion is the :math:`x_0` of each; the nearest if not given.

        Returns
        -------
        numpy.ndarray
            Exact for a network of rectifiers where :math:`x` lies in the linear region of :math:`x_0`.

        Raises
        ------
        BadRequest
            When ``at`` names a row that is not there.
        ShapeError
            When the rows are of another length, or ``at`` is.
        """
        if rows.shape[1] != self.x.shape[1]:
            raise ShapeError(f"rows of {rows.shape[1]} entries came for an expansion in {self.x.shape[1]}.")
        if at is not None and len(at) != len(rows):
            raise ShapeError(f"{len(at)} rows to expand at came for {len(rows)} rows; one for each is needed.")
        if at is not None and len(at) and not (at.min() >= 0 and at.max() < len(self.x)):
            raise BadRequest(f"rows {at.min()} to {at.max()} to expand at came, and there are 0 to {len(self.x) - 1}.")
        where = self.nearest(rows) if at is None else at
        steps = np.einsum("mkp,mp->mk", self.gradients[where], rows - self.x[where])
        return np.asarray(self.y[where] + steps)

    def averaged(self, rows: Float[np.ndarray, "m p"]) -> Float64[np.ndarray, "m k"]:
        r"""Predict by one affine map whose matrix is the mean gradient.

        .. math:: \hat y(x) = \bar y + \bar G \, (x - \bar x)

        Parameters
        ----------
        rows
            To predict for.

        Returns
        -------
        numpy.ndarray
            On the rows of the expansion no better than least squares, which is the best of all affine maps there.

        Raises
        ------
        ShapeError
            When the rows are of another length.
        """
        if rows.shape[1] != self.x.shape[1]:
            raise ShapeError(f"rows of {rows.shape[1]} entries came for an expansion in {self.x.shape[1]}.")
        mean = self.gradients.mean(axis=0)
        return np.asarray(self.y.mean(axis=0) + (rows - self.x.mean(axis=0)) @ mean.T)


class MapFits(NamedTuple):
    """What models of a map explain of rows they were not fitted to, as `explained_variance`.

    Attributes
    ----------
    regression
        Partial least squares.
    averaged
        One affine map whose matrix is the mean gradient.
    central
        One affine map: the expansion at the row nearest to the mean.
    nearest_row
        What the map makes of the nearest row, without its gradient.
    nearest
        The expansion at the nearest row.
    exact
        Share of the rows of which the last has every entry right.
    """

    regression: float
    averaged: float
    central: float
    nearest_row: float
    nearest: float
    exact: float


def held_out_fits(
    x: Float64[np.ndarray, "n p"],
    y: Float64[np.ndarray, "n k"],
    gradients: Float[np.ndarray, "_ _ _"],
    *,
    n_fitted: int | np.integer,
    n_components: int | np.integer,
) -> MapFits:
    """Fit models of a map to the first rows, and try them on the others.

    Parameters
    ----------
    x
        Rows, in an order that has nothing to do with their values.
    y
        What the map makes of each.
    gradients
        Of every entry of ``y`` with respect to ``x``; those of rows that models are tried on are not looked at.
    n_fitted
        How many rows models are fitted to.
    n_components
        Of partial least squares.

    Returns
    -------
    MapFits
        An entry counts as right within `EXACT`.

    Raises
    ------
    BadRequest
        When no row is left for either, or the number of components is below 1.
    ShapeError
        When there is not one gradient per row and entry.
    EmptyData
        When the rows that are left do not vary.

    Notes
    -----
    Gradients must be in double precision for any row to be exact. Cost O(n^2 p + n k p).
    """
    n = whole_number(n_fitted, "n_fitted", minimum=1)
    if n >= len(x):
        raise BadRequest(f"n_fitted={n} of {len(x)} rows leaves none to try models on.")
    seen, new, truth = Expansion(x[:n], y[:n], gradients[:n]), x[n:], y[n:]
    moments = Moments.of(seen.x, seen.y)
    fit = partial_least_squares(moments, whole_number(n_components, "n_components", minimum=1))
    # The mean itself is no row, so that its gradient is not at hand.
    central = np.repeat(seen.nearest(moments.mean_x[None]), len(new))
    own = seen.predict(new)
    return MapFits(
        regression=explained_variance(moments.mean_y + (new - moments.mean_x) @ fit.coefficients(), truth),
        averaged=explained_variance(seen.averaged(new), truth),
        central=explained_variance(seen.predict(new, at=central), truth),
        nearest_row=explained_variance(seen.y[seen.nearest(new)], truth),
        nearest=explained_variance(own, truth),
        exact=float((np.abs(own - truth).max(axis=1) < EXACT).mean()),
    )
