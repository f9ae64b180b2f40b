"""A panel that shows every network: a dot for each beside their mean."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from compgraph.show import INK, colour
from note.pictures.panels import Values, chance_marks, error_lines

SPREAD = 0.25  # of the width of a series, over which its networks lie side by side


def grouped_dots(
    axes: Axes,
    names: Sequence[str | int],
    series: Mapping[str, Values],
    *,
    shades: Sequence[str] | None = None,
    chance: Mapping[str, Values] | None = None,
) -> None:
    """Draw, for every series at every place, a dot for each network and a square with a whisker for their mean.

    Parameters
    ----------
    axes
        Where to draw.
    names
        What stands at each place.
    series
        Label of the legend to one network a row, from left to right, and one place a column.
    shades
        A colour for each series; those of `compgraph.show.colour` in order if not given.
    chance
        Label of a series to what chance gives, drawn as a line at the mean over networks.

    Raises
    ------
    ShapeError
        When a series has not one column a place.

    Notes
    -----
    Whiskers are one standard error. Unlike bars, dots need no zero: they are for a logarithmic axis, and for one that
    does not start at 0.
    """
    width, places = 0.8 / len(series), np.arange(len(names))
    named = next((label for label in series if chance is not None and label in chance), None)
    for rank, (label, values) in enumerate(series.items()):
        at, shade = places + width * (rank - (len(series) - 1) / 2), shades[rank] if shades else colour(rank)
        look = {"color": shade, "ecolor": INK, "markeredgecolor": INK, "marker": "s", "markersize": 6}
        error_lines(axes, at.tolist(), {label: values}, linestyle="none", **look)
        beside = np.linspace(-SPREAD, SPREAD, len(values)) * width
        dots = (at + beside[:, None]).ravel(), values.ravel()
        axes.plot(*dots, ".", color=shade, alpha=0.6, markersize=5, markeredgewidth=0)
        if chance is not None and label in chance:
            chance_marks(axes, at, chance[label], half=0.46 * width, named=label == named)
    axes.set_xticks(places, [str(name) for name in names])
