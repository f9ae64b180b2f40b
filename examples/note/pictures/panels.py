"""Panels that compare quantities over networks: bars and lines with their standard errors, matrices with numbers."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.image import AxesImage

from compgraph.errors import ShapeError
from compgraph.show import INK, NEUTRAL, colour

Values = Float[np.ndarray, "n k"]
"""One network a row, one place a column; NaN where a network has no value."""


def mean_and_error(values: Float[np.ndarray, "n ..."]) -> tuple[Float[np.ndarray, "..."], Float[np.ndarray, "..."]]:
    r"""Return the mean over the networks, and its standard error.

    .. math:: \bar x = \frac{1}{n} \sum_i x_i, \qquad
              s = \sqrt{\frac{1}{n (n - 1)} \sum_i (x_i - \bar x)^2}

    Parameters
    ----------
    values
        One network for each entry of the first axis; those that are NaN are left out, place by place.

    Returns
    -------
    means
        NaN where no network has a value.
    errors
        In the unit of the values; NaN where fewer than two networks have a value, of which no scatter is known.

    Examples
    --------
    >>> means, errors = mean_and_error(np.array([[1.0, 2.0], [3.0, np.nan]]))
    >>> means.tolist(), errors.tolist()
    ([2.0, 2.0], [1.0, nan])
    """
    known = ~np.isnan(values)
    n = known.sum(axis=0)
    total = np.where(known, values, 0.0).sum(axis=0)
    means = np.divide(total, n, out=np.full(n.shape, np.nan), where=n > 0)
    squares = np.where(known, np.square(values - means), 0.0).sum(axis=0)
    variances = np.divide(squares, n * (n - 1), out=np.full(n.shape, np.nan), where=n > 1)
    return means, np.asarray(np.sqrt(variances))


def grouped_bars(
    axes: Axes,
    names: Sequence[str | int],
    series: Mapping[str, Values],
    *,
    shades: Sequence[str] | None = None,
    across: bool = False,
    chance: Mapping[str, Values] | None = None,
) -> None:
    """Draw a bar for every series at every place: means over networks, with whiskers of one standard error.

    Parameters
    ----------
    axes
        Where to draw.
    names
        What stands at each place.
    series
        Label of the legend to one network a row and one place a column.
    shades
        A colour for each series; those of `compgraph.show.colour` in order if not given.
    across
        Whether bars grow to the right, with the first place on top, in place of upwards.
    chance
        Label of a series to what chance gives, drawn as a line over its bars at the mean over networks.

    Raises
    ------
    ShapeError
        When a series has not one column a place.
    """
    width, places = 0.8 / len(series), np.arange(len(names))
    named = next((label for label in series if chance is not None and label in chance), None)
    for rank, (label, values) in enumerate(series.items()):
        _require_places(label, values, len(names))
        at = places + width * (rank - (len(series) - 1) / 2)
        means, errors = mean_and_error(values)
        look: dict[str, Any] = {"color": shades[rank] if shades else colour(rank), "ecolor": INK, "label": label}
        if across:
            axes.barh(at, means, 0.92 * width, xerr=errors, capsize=2, **look)
        else:
            axes.bar(at, means, 0.92 * width, yerr=errors, capsize=2, **look)
        if chance is not None and label in chance:
            chance_marks(axes, at, chance[label], half=0.46 * width, across=across, named=label == named)
    if across:
        axes.set_yticks(places, [str(name) for name in names])
        axes.invert_yaxis()
    else:
        axes.set_xticks(places, [str(name) for name in names])


def named_bars(
    axes: Axes, values: Mapping[str, Float[np.ndarray, " n"]], *, shades: Sequence[str], form: str = ".1f"
) -> None:
    """Draw a bar to the right for each quantity, its name above and its mean beside, so that none is too short to read.

    Parameters
    ----------
    axes
        Where to draw.
    values
        Name to one value a network.
    shades
        A colour for each.
    form
        How the mean is written.
    """
    means, errors = mean_and_error(np.stack(list(values.values()), axis=1))
    ends = means + np.nan_to_num(errors)
    axes.barh(range(len(values)), means, 0.4, xerr=errors, color=shades, ecolor=INK)
    above: dict[str, Any] = {"textcoords": "offset points", "fontsize": 8, "color": INK}
    for place, (name, mean, end) in enumerate(zip(values, means, ends, strict=True)):
        axes.annotate(name, (0, place - 0.24), (3, 0), va="bottom", **above)
        axes.annotate(f"{mean:{form}}", (end, place), (4, 0), va="center", **above)
    axes.set(xlim=(0, 1.2 * float(ends.max())), ylim=(len(values) - 0.6, -0.8), yticks=[])


def error_lines(
    axes: Axes, at: Sequence[float | int] | Float[np.ndarray, " k"], series: Mapping[str, Values], **look: Any
) -> None:
    """Draw a line for every series: means over networks, with whiskers of one standard error.

    Parameters
    ----------
    axes
        Where to draw.
    at
        The place of each column.
    series
        Label of the legend to one network a row and one place a column. An empty label stays out of the legend.
    **look
        As of `matplotlib.axes.Axes.errorbar`, one for all series or a list with one for each.

    Raises
    ------
    ShapeError
        When a series has not one column a place.
    """
    for rank, (label, values) in enumerate(series.items()):
        _require_places(label, values, len(at))
        means, errors = mean_and_error(values)
        own = {name: value[rank] if isinstance(value, list) else value for name, value in look.items()}
        drawn: dict[str, Any] = {
            "color": colour(rank),
            "marker": "o",
            "markersize": 4,
            "capsize": 2,
            "label": label or None,
        }
        axes.errorbar(at, means, errors, **(drawn | own))


def chance_marks(
    axes: Axes,
    at: Sequence[float | int] | Float[np.ndarray, " k"],
    values: Values,
    *,
    half: float = 0.4,
    across: bool = False,
    named: bool = True,
) -> None:
    """Mark what chance gives at every place: the mean over networks.

    Parameters
    ----------
    axes
        Where to draw.
    at
        The place of each column.
    values
        One network a row and one place a column.
    half
        Half of the length of a mark, in places.
    across
        As of `grouped_bars`.
    named
        Whether the marks have an entry in the legend.

    Raises
    ------
    ShapeError
        When there is not one column a place.
    """
    _require_places("chance", values, len(at))
    places, label = np.asarray(at, dtype=np.float64), "by chance" if named else None
    draw: Callable[..., Any] = axes.vlines if across else axes.hlines
    draw(mean_and_error(values)[0], places - half, places + half, color=INK, linewidth=2, label=label)


def number_matrix(
    axes: Axes,
    values: Float[np.ndarray, "rows columns"],
    *,
    form: str = ".2f",
    bound: float | int | None = None,
    signed: bool | None = None,
    faint_below: float = 0.0,
) -> AxesImage:
    """Draw a matrix with its numbers: blue for positive and red for negative values, or blue alone where none is.

    Parameters
    ----------
    axes
        Where to draw.
    values
        Rows from above.
    form
        How numbers are written; empty for a matrix too large for numbers.
    bound
        The value at which a colour is full; the largest absolute value if not given.
    signed
        Whether there is a colour for negative values; if not given, whether there are any. Matrices that share a colour
        bar need the same.
    faint_below
        Numbers of a smaller absolute value are written in grey.

    Returns
    -------
    matplotlib.image.AxesImage
        For a colour bar.
    """
    full = float(np.abs(values).max(initial=0.0)) if bound is None else bound
    signed = bool((values < 0).any()) if signed is None else signed
    image = axes.imshow(
        values, cmap="RdBu" if signed else "Blues", vmin=-full if signed else 0.0, vmax=full or 1.0, aspect="auto"
    )
    for (row, column), value in np.ndenumerate(values if form else np.empty((0, 0))):
        shade = NEUTRAL if abs(value) < faint_below else "white" if abs(value) > 0.6 * full else INK
        written = f"{value:{form}}"
        # A value that rounds to nothing has no sign.
        text = written.lstrip("-") if float(written) == 0 else written
        axes.text(column, row, text, fontsize=8, color=shade, ha="center", va="center")
    return image


def _require_places(label: str, values: Values, n_places: int) -> None:
    if values.shape[1] != n_places:
        raise ShapeError(
            f"{label!r} has {values.shape[1]} columns for {n_places} places; one column a place is needed."
        )
