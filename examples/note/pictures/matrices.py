"""Effects and correlations between the components of neighbouring layers as matrices."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.image import AxesImage

from compgraph.connect import EdgeMatrix, node_id
from compgraph.errors import BadRequest, ShapeError
from compgraph.show import INK, printable
from compgraph.statistics import Space
from note.measures.variance.task_correlations import TaskCorrelations
from note.pictures.panels import number_matrix


def effect_matrices(
    panels: Iterable[Axes],
    blocks: Sequence[EdgeMatrix],
    *,
    labels: Mapping[str, str] | None = None,
    scale: float | int = 1.0,
    form: str = ".2f",
    faint_below: float | int = 0.0,
) -> AxesImage:
    """Draw the effects of some blocks of edges on one scale of colours.

    Parameters
    ----------
    panels
        Where to draw, one for each block.
    blocks
        As `compgraph.edges` returns them. Source components are columns and target components rows, by their number.
    labels
        Node to what follows its number, such as the task it serves.
    scale
        What effects are multiplied with.
    form
        How numbers are written.
    faint_below
        Numbers of a smaller absolute value are written in grey.

    Returns
    -------
    matplotlib.image.AxesImage
        For a colour bar of all panels.

    Raises
    ------
    ShapeError
        When there is not one panel a block.
    BadRequest
        When there are no blocks.
    """
    places = list(panels)
    if len(places) != len(blocks):
        raise ShapeError(f"{len(blocks)} blocks of edges came for {len(places)} panels; one a panel is needed.")
    if not blocks:
        raise BadRequest("no blocks of edges came; at least one is needed.")
    bound = scale * max(float(np.abs(block.effect).max(initial=0.0)) for block in blocks)
    for axes, block in zip(places, blocks, strict=True):
        values = scale * block.effect.T
        image = number_matrix(axes, values, form=form, bound=bound, signed=True, faint_below=float(faint_below))
        ends = [printable(space.layer, limit=24) for space in (block.source, block.target)]
        axes.set_title(" → ".join(ends), fontsize=9, color=INK, parse_math=False)
        axes.set_xticks(range(values.shape[1]), _names(block.source, values.shape[1], labels or {}))
        axes.set_yticks(range(len(values)), _names(block.target, len(values), labels or {}))
        axes.tick_params(labelsize=8)
    return image


def task_matrix(axes: Axes, found: TaskCorrelations, tasks: Sequence[str]) -> AxesImage:
    """Draw correlations of components of two layers as colours, with a line between those of one task and the next.

    Parameters
    ----------
    axes
        Where to draw. Components of the earlier layer are rows and those of the later one columns, each named by the
        task it serves.
    found
        The correlations, sorted by task.
    tasks
        The name of each.

    Returns
    -------
    matplotlib.image.AxesImage
        For a colour bar, from -1 to 1.

    Raises
    ------
    ShapeError
        When a task has no name.
    """
    image = number_matrix(axes, found.values, form="", bound=1.0, signed=True)
    for served, ticks, line in (
        (found.earlier, axes.set_yticks, axes.axhline),
        (found.later, axes.set_xticks, axes.axvline),
    ):
        if served.max(initial=0) >= len(tasks):
            raise ShapeError(f"{len(tasks)} names came for at least {served.max() + 1} tasks; one a task is needed.")
        ticks(range(len(served)), [tasks[number] for number in served])
        for last in np.flatnonzero(np.diff(served)):
            line(last + 0.5, color=INK, linewidth=1)
    return image


def _names(space: Space, n: int, labels: Mapping[str, str]) -> list[str]:
    return [f"{index}{labels.get(node_id(space, index), '')}" for index in range(n)]
