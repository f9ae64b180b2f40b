"""Which directions of a space the outputs depend on most, and gradients along them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Float64

from compgraph.arrays import fix_signs
from compgraph.decompose.linear_algebra.eigenvalues import DENSE, descending_eigh, leading_share
from compgraph.decompose.linear_algebra.triangular import spread
from compgraph.decompose.scale import middle_scale
from compgraph.decompose.unread import unread_remedy
from compgraph.errors import DeadSite
from compgraph.statistics import Space

# Directions beyond this share of all energy are hardly read; they would be noise among the components.
READ_ENERGY = 0.99
MEMORY = 512 * 2**20  # bytes of gradients held at once; rows beyond that are not asked for
FEWEST_ROWS = 64
ROWS = 4096  # gradients that are multiplied at once
UNREAD = 1e-9  # energy of a head at a space, beside that of the head that reads it most, that is none


class OutputGradients(NamedTuple):
    """What the outputs depend on, in units near 1.

    Attributes
    ----------
    chunks
        For every space, gradients of all scores side by side.
    covariances
        Of every space.
    unit
        By which activations were divided.
    heads
        Number of scores of each output.
    """

    chunks: Sequence[dict[Space, Float32[np.ndarray, "_ q d"]]]
    covariances: Mapping[Space, Float64[np.ndarray, "d d"]]
    unit: float
    heads: Sequence[int]


class MostRead(NamedTuple):
    """The directions of one space that are read most, in units near 1: fields as `Read` has them."""

    patterns: Float64[np.ndarray, "k d"]
    energy: Float64[np.ndarray, " k"]
    total: float
    gradients: Float32[np.ndarray, "_ q k"]


def near_one(
    covariances: Mapping[Space, Float64[np.ndarray, "d d"]],
) -> tuple[dict[Space, Float64[np.ndarray, "d d"]], float]:
    """Divide activations by one power of two, so that most are near 1.

    Parameters
    ----------
    covariances
        Of every space.

    Returns
    -------
    tuple
        Covariances of what is divided, and by what activations are.
    """
    unit = middle_scale(np.sqrt(np.diagonal(each)) for each in covariances.values())
    return {space: each / unit**2 for space, each in covariances.items()}, unit


def held(
    chunks: Iterator[Mapping[Space, Float32[np.ndarray, "n q d"]]], spaces: Iterable[Space]
) -> list[dict[Space, Float32[np.ndarray, "n q d"]]]:
    """Return gradients for as many rows as memory allows.

    Parameters
    ----------
    chunks
        Of all rows, in turn.
    spaces
        Whose gradients are wanted.

    Returns
    -------
    list of dict
        At least one chunk.
    """
    kept: list[dict[Space, np.ndarray]] = []
    size = rows = 0
    for chunk in chunks:
        kept.append({space: chunk[space] for space in spaces})
        size += sum(each.nbytes for each in kept[-1].values())
        rows += min(len(each) for each in kept[-1].values())
        if size >= MEMORY and rows >= FEWEST_ROWS:
            break
    return kept


def most_read(of_outputs: OutputGradients, space: Space, limit: int) -> MostRead:
    r"""Return the directions of a space that are read most.

    With :math:`C` the covariance and :math:`G = E[g g^\top] = H^\top H` of gradients of activations, the patterns of
    the leading eigenvectors of :math:`E[J^\top J]` are those of :math:`C G`, and so :math:`C H^\top u / \sqrt{\lambda}`
    with :math:`H C H^\top u = \lambda u`: no activation is whitened.

    Parameters
    ----------
    of_outputs
        Gradients of all spaces; those of this one are given up.
    space
        Which one.
    limit
        At most this many directions.

    Returns
    -------
    MostRead
        Those that hold 99 % of all energy.

    Raises
    ------
    DeadSite
        When the output does not change with the space.
    """
    chunks, heads = [chunk.pop(space) for chunk in of_outputs.chunks], of_outputs.heads
    covariance = of_outputs.covariances[space]
    rows, n = _rows(chunks, heads), sum(map(len, chunks))
    seconds = [_products(of_head) / n for of_head in rows]
    # tr(E[J^T J]) = <G, C>.
    sizes = np.array([np.vdot(second, covariance) for second in seconds])
    total = float(sizes.sum())
    if not total > 0:
        raise DeadSite(
            f"the output does not change with {space}: its gradients are all 0. The layers after it are dead on this "
            f"data, or cut by a detach; {unread_remedy(space)}"
        )
    # All heads count alike: one with many positions has more energy. What is this far below others is not read.
    scale = np.where(sizes > UNREAD * sizes.max(), total / np.maximum(sizes, UNREAD * total), 0)
    root = _root(rows, seconds, scale, n)
    energy, kept = leading_share(root, covariance, float(sizes @ scale), READ_ENERGY, limit)
    energy = energy[energy > UNREAD * energy[0]]
    found = (kept[: len(energy)] / np.sqrt(energy)[:, None]) @ root @ covariance
    if len(heads) > 1:
        energy, turn = descending_eigh(found @ sum(seconds[1:], start=seconds[0]) @ found.T)
        found = turn @ found
    total = max(total, float(energy.sum()))  # of all directions, but for rounding
    # The sign of an eigenvector is anyone's; random bases, which start from these, are to be the same everywhere.
    found = fix_signs(found)
    along = found.T.astype(np.float32)
    # Scores come before rows in memory, so that this copies what is small alone.
    read = [np.swapaxes(np.swapaxes(chunk, 0, 1) @ along, 0, 1) for chunk in chunks]
    return MostRead(found, energy, total, np.ascontiguousarray(np.concatenate(read)))


def _rows(
    chunks: Sequence[Float32[np.ndarray, "_ q d"]], heads: Sequence[int]
) -> list[list[Float32[np.ndarray, "_ d"]]]:
    """Return the gradients of all scores of each head, chunk by chunk, which copies nothing."""
    ends = np.cumsum([0, *heads]).tolist()
    return [
        [np.swapaxes(chunk[:, start:end], 0, 1).reshape(-1, chunk.shape[2]) for chunk in chunks]
        for start, end in pairwise(ends)
    ]


def _products(chunks: Sequence[Float32[np.ndarray, "_ d"]]) -> Float64[np.ndarray, "d d"]:
    """Return sums of products: in double precision where that costs little, so that what is 0 stays near it."""
    width = chunks[0].shape[1]
    precision: type[np.floating] = np.float64 if width <= DENSE else np.float32
    found = np.zeros((width, width))
    for chunk in chunks:
        for start in range(0, len(chunk), ROWS):
            rows = chunk[start : start + ROWS].astype(precision, copy=False)
            found += rows.T @ rows
    return found


def _root(
    rows: Sequence[Sequence[Float32[np.ndarray, "_ d"]]],
    seconds: Sequence[Float64[np.ndarray, "d d"]],
    scale: Float64[np.ndarray, " h"],
    n: int,
) -> Float64[np.ndarray, "_ d"]:
    """Return ``H`` with ``H^T H`` a sum over heads of scaled ``E[g g^T]``: where they are few, the gradients."""
    if sum(len(each) for of_head in rows for each in of_head) <= len(seconds[0]):
        parts = [each * np.sqrt(s / n) for of_head, s in zip(rows, scale, strict=True) for each in of_head]
        return np.concatenate(parts, dtype=np.float64)
    return spread(sum((each * s for each, s in zip(seconds, scale, strict=True)), start=np.zeros_like(seconds[0])))
