"""From an activation to rows of features at a grid of positions, and back."""

from collections.abc import Callable
from math import prod
from typing import Literal

import torch
from jaxtyping import Shaped
from torch import Tensor
from torch.nn import functional

RowMode = Literal["position", "sample"]
Grid = tuple[int, ...]
# torch annotates these two with a list type of TorchScript's, which no Python value has.
_POOL: dict[int, Callable[[Tensor, Grid], Tensor]] = {
    1: functional.adaptive_avg_pool1d,
    2: functional.adaptive_avg_pool2d,  # type: ignore[dict-item]
    3: functional.adaptive_avg_pool3d,  # type: ignore[dict-item]
}


def grid_of(shape: tuple[int, ...], axis: int | None) -> Grid:
    """Return the grid of positions of an activation.

    Parameters
    ----------
    shape
        Of the activation, samples first.
    axis
        The axis of features, counted from 0; ``None`` where all axes but the first are features.

    Returns
    -------
    tuple of int
        Empty where there is one row per sample.
    """
    return () if axis is None else tuple(size for i, size in enumerate(shape) if i not in (0, axis))


def width_of(shape: tuple[int, ...], axis: int | None) -> int:
    """Return the number of features of an activation.

    Parameters
    ----------
    shape, axis
        As in `grid_of`.

    Returns
    -------
    int
        At least 1: an activation with one axis has one feature.
    """
    if axis is None:
        return prod(shape[1:])
    return shape[axis] if len(shape) > 1 else 1


def common_grid(*grids: Grid) -> Grid:
    """Return the finest grid at which the positions of several activations can face one another.

    Parameters
    ----------
    *grids
        Grids of positions.

    Returns
    -------
    tuple of int
        The coarsest, axis by axis, where all have the same number of axes; one flat axis where all have equally many
        positions; otherwise empty, which stands for averages over all positions.
    """
    if len(set(grids)) == 1:
        return grids[0]
    if len(set(map(len, grids))) == 1:
        # Torch averages over grids of up to three axes.
        return tuple(map(min, *grids)) if len(grids[0]) <= 3 else ()
    return (prod(grids[0]),) if all(grids) and len(set(map(prod, grids))) == 1 else ()


def to_rows(activation: Tensor, axis: int | None, grid: Grid) -> Shaped[Tensor, "rows d"]:
    """Turn an activation into one row of features per sample and position of ``grid``.

    Parameters
    ----------
    activation
        Samples first.
    axis
        As in `grid_of`.
    grid
        Positions wanted, from `common_grid`; coarser than the activation's own: averages over its cells.

    Returns
    -------
    torch.Tensor
        Rows of one sample follow each other. May share storage with ``activation``.
    """
    if axis is None or activation.dim() <= 2:
        return activation.reshape(len(activation), -1)
    own = grid_of(tuple(activation.shape), axis)
    last = activation.movedim(axis, -1)
    if grid == () or own == grid or prod(own) == prod(grid):
        rows = last.flatten(1, -2)
        return rows.mean(dim=1) if grid == () else rows.reshape(-1, last.shape[-1])
    pooled = _POOL[len(grid)](activation.movedim(axis, 1), grid)
    return pooled.flatten(2).mT.reshape(-1, last.shape[-1])


def from_rows(rows: Shaped[Tensor, "rows d"], shape: tuple[int, ...], axis: int | None, grid: Grid) -> Tensor:
    """Spread rows over an activation: every position of a cell gets the row of its cell.

    Adding the result to an activation adds ``rows`` to what `to_rows` returns.

    Parameters
    ----------
    rows
        One per sample and position of ``grid``.
    shape, axis, grid
        As in `to_rows`.

    Returns
    -------
    torch.Tensor
        Of shape ``shape``; exact where cells do not overlap, that is where sizes divide.
    """
    if axis is None or len(shape) <= 2:
        return rows.reshape(shape)
    own = grid_of(shape, axis)
    n, d = shape[0], shape[axis]
    if prod(own) == prod(grid):
        return rows.reshape(n, *own, d).movedim(-1, axis)
    cells = rows.reshape(n, *(grid or (1,) * len(own)), d)
    for i, (coarse, fine) in enumerate(zip(grid or (1,) * len(own), own, strict=True), start=1):
        cells = cells.index_select(i, torch.arange(fine, device=rows.device) * coarse // fine)
    return cells.movedim(-1, axis)
