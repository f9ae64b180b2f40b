"""How many parts of a network do not mix, and which directions belong to which: blocks, counted by a gap of leaks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Float64, Int64
from sklearn.cluster import KMeans

from compgraph.arrays import brief
from compgraph.decompose.commutant import Coupling, Modes, joint_diagonaliser, modes
from compgraph.decompose.directions import descending_eigh

Metric = Literal["data", "gradient"]
Outputs = Literal["fixed", "free"]

LARGEST_LEAK = 0.07  # blocks that leak more than this are not apart
SMALLEST_GAP = 3.0  # the next mode must leak this many times as much as the last one that counts
SAME_LEAK = 0.01  # leaks below this are as good as none
CEILING = 0.5  # leaks above this are alike: nothing couples


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Split:
    """Directions of every space, sorted into blocks that hardly interact.

    Attributes
    ----------
    n_blocks
        1 where no gap is wide enough.
    gap
        Leak of the first mode that does not count over that of the last one that does; 0 where no mode leaks little
        enough. The evidence that there are several blocks.
    leak
        Of the modes, the best first.
    metric
        In which directions of different blocks are orthogonal: ``"data"`` (scores uncorrelated) or ``"gradient"``
        (gradients uncorrelated, for tasks whose inputs are correlated).
    outputs
        Whether outputs stand for themselves (``"fixed"``) or had to be turned (``"free"``).
    output_basis
        Basis of the outputs, as columns.
    output_block
        Block of each.
    bases
        For each space, new directions as rows, in the coordinates of the gradients.
    blocks
        For each space, the block of each direction.
    """

    n_blocks: int
    gap: float
    leak: Float64[np.ndarray, " m"]
    metric: Metric
    outputs: Outputs
    output_basis: Float64[np.ndarray, "q q"]
    output_block: Int64[np.ndarray, " q"]
    bases: tuple[Float64[np.ndarray, "_ _"], ...]
    blocks: tuple[Int64[np.ndarray, " _"], ...]

    __repr__ = brief


@dataclass(frozen=True, slots=True, eq=False)
class _View:
    """The couplings of all spaces in one metric."""

    metric: Metric
    scale: tuple[Float64[np.ndarray, " _"], ...]
    couplings: tuple[Coupling, ...]
    free: Modes


def count_blocks(leak: Float64[np.ndarray, " m"], most: int) -> tuple[int, float]:
    """Count blocks by the widest gap among the leaks.

    Parameters
    ----------
    leak
        Increasing.
    most
        No more blocks than this: outputs that could tell them apart.

    Returns
    -------
    tuple
        The number of blocks, at least 1, and the gap as a ratio; 0 where no mode leaks little enough.
    """
    floored = np.clip(leak, 1e-9, CEILING)
    last = min(most - 1, len(leak))
    # A mode beyond the last one leaks all: there is none.
    ratio = np.append(floored[1:], CEILING)[:last] / floored[:last]
    ratio = np.where(leak[:last] <= LARGEST_LEAK, ratio, 0.0)
    if not last or not ratio.any():
        return 1, 0.0
    best = int(np.argmax(ratio))
    return (best + 2 if ratio[best] >= SMALLEST_GAP else 1), float(ratio[best])


def split(
    gradients: Sequence[Float[np.ndarray, "n q r"]], *, metrics: Sequence[Metric] = ("data", "gradient")
) -> Split:
    """Sort the directions of every space into blocks that hardly interact.

    Parameters
    ----------
    gradients
        For each space, one Jacobian per row: of the outputs with respect to scores that are uncorrelated and have unit
        variance, in a basis in which ``E[J^T J]`` is diagonal.
    metrics
        Tried in turn; the one with the widest gap is taken.

    Returns
    -------
    Split
        With one block where nothing is apart.

    Notes
    -----
    The outputs are left in their own basis where they are as good as apart in it, and turned otherwise.
    """
    views = [_view(gradients, metric) for metric in metrics]
    q = gradients[0].shape[1]
    counts = [count_blocks(view.free.leak, q) for view in views]
    best = int(np.argmax([gap for _, gap in counts]))
    view, (n_blocks, gap) = views[best], counts[best]
    found, outputs = view.free, "free"
    if n_blocks > 1:
        fixed, slowest = modes(view.couplings, outputs="fixed"), n_blocks - 2
        if fixed.leak[slowest] <= min(LARGEST_LEAK, max(2 * view.free.leak[slowest], SAME_LEAK)):
            found, outputs = fixed, "fixed"
    return _sorted(view, found, outputs, n_blocks, gap)


def _view(gradients: Sequence[Float[np.ndarray, "n q r"]], metric: Metric) -> _View:
    scale, couplings = [], []
    for each in gradients:
        root = np.sqrt(np.einsum("nba,nba->a", each, each, optimize=True).astype(np.float64) / len(each))
        scale.append(root if metric == "gradient" else np.ones(len(root)))
        couplings.append(Coupling.of(each / scale[-1].astype(each.dtype)))
    return _View(metric, tuple(scale), tuple(couplings), modes(couplings))


def _sorted(view: _View, found: Modes, outputs: Outputs, n_blocks: int, gap: float) -> Split:
    """Turn the slow modes into directions and give each its block."""
    slow = n_blocks - 1
    q = found.outputs.shape[1]
    sizes = [len(scale) for scale in view.scale]
    if slow == 0:
        return Split(
            1, gap, view.free.leak, view.metric, "fixed", np.eye(q), np.zeros(q, dtype=np.int64),
            tuple(np.eye(size) for size in sizes), tuple(np.zeros(size, dtype=np.int64) for size in sizes),
        )  # fmt: skip
    turn = np.eye(q) if outputs == "fixed" else joint_diagonaliser(found.outputs[:slow])
    turns = [joint_diagonaliser(each[:slow]) for each in found.spaces]
    places = [_diagonals(found.outputs[:slow], turn)]
    places += [_diagonals(each[:slow], basis) for each, basis in zip(found.spaces, turns, strict=True)]
    block = _clustered(np.concatenate(places), n_blocks)
    output_block, *blocks = np.split(block, np.cumsum([q, *sizes])[:-1])
    bases = [
        _within(basis.T * scale, labels, np.diagonal(coupling.of_space) * scale**2)
        for basis, scale, labels, coupling in zip(turns, view.scale, blocks, view.couplings, strict=True)
    ]
    return Split(
        n_blocks, gap, view.free.leak, view.metric, outputs, turn, output_block,
        tuple(basis for basis, _ in bases), tuple(labels for _, labels in bases),
    )  # fmt: skip


def _diagonals(matrices: Float64[np.ndarray, "m r r"], basis: Float64[np.ndarray, "r r"]) -> Float64[np.ndarray, "r m"]:
    return np.einsum("ab,mac,cb->bm", basis, matrices, basis, optimize=True)


def _clustered(places: Float64[np.ndarray, "n m"], n_blocks: int) -> Int64[np.ndarray, " n"]:
    """Cluster directions by where the slow modes put them, as spectral clustering does with eigenvectors."""
    constant = np.full((len(places), 1), np.sqrt((places**2).mean()))
    rows = np.hstack([constant, places])
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return KMeans(n_blocks, n_init=10, random_state=0).fit_predict(rows).astype(np.int64)


def _within(
    basis: Float64[np.ndarray, "r r"], block: Int64[np.ndarray, " r"], energy: Float64[np.ndarray, " r"]
) -> tuple[Float64[np.ndarray, "r r"], Int64[np.ndarray, " r"]]:
    """Choose, within each block, uncorrelated scores of unit variance that are read most; the most read first.

    The modes leave the basis within a block open. Rows of ``basis`` are filters in coordinates that are white, and
    ``energy`` is that of those coordinates.
    """
    patterns = np.linalg.inv(basis).T
    filters, reads = np.zeros_like(basis), np.zeros(len(basis))
    for label in np.unique(block):
        here = block == label
        values, vectors = descending_eigh(basis[here] @ basis[here].T)
        root = np.sqrt(values)
        whiten, colour = vectors / root[:, None], vectors * root[:, None]
        reads[here], turn = descending_eigh(colour @ (patterns[here] * energy) @ patterns[here].T @ colour.T)
        filters[here] = turn @ whiten @ basis[here]
    order = np.argsort(-reads, kind="stable")
    return filters[order], block[order]
