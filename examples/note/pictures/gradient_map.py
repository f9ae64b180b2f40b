"""Maps of gradients: where they lie in the plane of their largest variance, and how many of them coincide."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float, Float64
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from compgraph.arrays import fix_signs, require_finite
from compgraph.check import DistinctDirections
from compgraph.errors import BadRequest, EmptyData, ShapeError
from compgraph.show import INK, NEUTRAL, colour, printable

SHOWN = 700  # dots of a panel: more would hide one another and swell the file
LARGEST = 260.0  # area of the largest ring, in square points
SMALLEST = 14.0  # and of the smallest: a ring of less is a dot among dots
STROKES = ("-", "--", ":", "-.")  # of curves that also differ in colour


def gradient_map_figure(
    maps: Mapping[str, tuple[Float[np.ndarray, "_ _"], DistinctDirections]], *, title: str
) -> Figure:
    """Draw gradients in the plane of their two largest principal components.

    Gradients are small dots, 700 of them at most, evenly spaced in the data; every group of them is a ring whose area
    is proportional to the number of gradients in it, but at least a nineteenth of the largest ring's. Arrows are the
    principal directions, two standard deviations long, from the mean gradient.

    Parameters
    ----------
    maps
        Heading of each panel, to gradients, one per row, and their groups.
    title
        Heading of the figure.

    Returns
    -------
    matplotlib.figure.Figure
        Eight inches wide; axes in the units of the gradients, each with a scale of its own.

    Raises
    ------
    BadRequest
        When there are no panels.
    EmptyData
        When a panel has fewer than two gradients.
    ShapeError
        When groups do not fit the gradients, or these have fewer than two features.
    NotFinite
        When a gradient is NaN or infinite.
    """
    if not maps:
        raise BadRequest("there are 0 panels to draw; pass at least one heading with its gradients and groups.")
    figure = Figure(figsize=(8.0, 4.0 if len(maps) > 1 else 4.5), layout="constrained")
    panels = figure.subplots(1, len(maps), squeeze=False)[0]
    for axes, (name, (gradients, groups)) in zip(panels, maps.items(), strict=True):
        _require_fit(name, gradients, groups)
        _draw(axes, gradients.astype(np.float64), groups)
        axes.set_title(printable(name, limit=60), fontsize=10, color=INK, parse_math=False)
    figure.suptitle(printable(title, limit=120), fontsize=12, color=INK, parse_math=False)
    return figure


def group_number_curves(
    axes: Axes, merged: Mapping[str, Sequence[Float64[np.ndarray, " _"]]], *, finest: float = 1e-6
) -> None:
    """Draw into how many groups gradients fall, against the angle that a group may be wide.

    A level stretch is a number of clusters; a slope without one is a continuum, cut into as many pieces as one likes.

    Parameters
    ----------
    axes
        Where to draw; both scales become logarithmic.
    merged
        Label of the legend to the angles of several networks, each from `compgraph.check.merge_angles`.
    finest
        Angle in radians from which on to draw, up to pi.

    Raises
    ------
    BadRequest
        When the finest angle is not above 0 and below pi.
    """
    if not 0 < finest < math.pi:
        raise BadRequest(f"finest={finest}: an angle above 0 and below pi is needed.")
    asked = np.geomspace(finest, math.pi, 300)
    for rank, (label, networks) in enumerate(merged.items()):
        for i, angles in enumerate(networks):
            number = 1 + (angles[:, None] > asked).sum(axis=0)
            stroke, name = STROKES[rank % len(STROKES)], None if i else label
            axes.plot(asked, number, stroke, color=colour(rank), linewidth=1.3, label=name)
    axes.set(xscale="log", yscale="log", xlabel="largest angle within a group (rad)", ylabel="groups (number)")


def _require_fit(name: str, gradients: np.ndarray, groups: DistinctDirections) -> None:
    if len(gradients) < 2:
        raise EmptyData(f"panel {name!r} has {len(gradients)} gradients, and a map needs at least 2.")
    if gradients.shape[1] < 2 or groups.directions.shape[1] != gradients.shape[1]:
        raise ShapeError(
            f"panel {name!r} has gradients of {gradients.shape[1]} features and groups of "
            f"{groups.directions.shape[1]}; both need the same number, at least 2."
        )
    if len(groups.labels) != len(gradients):
        raise ShapeError(f"panel {name!r} has {len(gradients)} gradients and labels for {len(groups.labels)}.")
    require_finite(gradients, f"the gradients of {name!r}")


def _draw(axes: Axes, gradients: Float64[np.ndarray, "n p"], groups: DistinctDirections) -> None:
    center = gradients.mean(axis=0)
    _, singular, directions = np.linalg.svd(gradients - center, full_matrices=False)
    plane, variance = fix_signs(directions[:2]), singular**2
    share = 100 * variance / (variance.sum() or 1.0)
    dots, rings = (gradients - center) @ plane.T, (groups.directions - center) @ plane.T
    shades = [colour(group) for group in range(len(groups))]
    some = slice(None, None, -(-len(dots) // SHOWN))
    shown = [shades[label] for label in groups.labels[some]]
    axes.scatter(dots[some, 0], dots[some, 1], s=4, c=shown, alpha=0.5, linewidths=0)
    areas = np.maximum(LARGEST * groups.counts / groups.counts.max(), SMALLEST)
    faces = [f"{each}30" for each in shades]
    axes.scatter(rings[:, 0], rings[:, 1], s=areas, facecolors=faces, edgecolors=shades)
    for k, length in enumerate(2 * singular[:2] / np.sqrt(len(gradients))):
        tip = (length, 0.0) if k == 0 else (0.0, length)
        axes.annotate("", tip, (0, 0), arrowprops={"arrowstyle": "-|>", "color": INK, "linewidth": 1.3}, zorder=5)
    axes.axhline(0, color=NEUTRAL, linewidth=0.5, zorder=0)
    axes.axvline(0, color=NEUTRAL, linewidth=0.5, zorder=0)
    axes.set_xlabel(f"1st principal component ({share[0]:.0f} %)", fontsize=9)
    axes.set_ylabel(f"2nd principal component ({share[1]:.0f} %)", fontsize=9)
    axes.margins(0.12)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(5))
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
