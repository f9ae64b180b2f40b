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
FLOOR = 1e-5  # float32 gradients leak about a tenth of this where nothing does
COMMUTING = 0.1  # squared commutators, of modes of unit size, below which they count as none


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Split:
    """Directions of every space, sorted into blocks that hardly interact.

    Attributes
    ----------
    n_blocks
        1 where no gap is wide enough.
    n_slow
        Modes before the gap: ``n_blocks - 1``, or more where blocks are degenerate.
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
    n_slow: int
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


def gaps(leak: Float64[np.ndarray, " m"]) -> list[tuple[int, float]]:
    """List the gaps among leaks after modes that leak little, the widest first.

    Parameters
    ----------
    leak
        Increasing.

    Returns
    -------
    list of tuple
        Number of modes before the gap, and the leak of the next over that of the last: at most five.
    """
    floored = np.clip(leak, FLOOR, CEILING)
    # A mode beyond the last one leaks all: there is none.
    ratio = np.append(floored[1:], CEILING) / floored
    few = np.flatnonzero(leak <= LARGEST_LEAK)
    return [(int(i) + 1, float(ratio[i])) for i in few[np.argsort(-ratio[few], kind="stable")][:5]]


def central(found: Modes, count: int) -> Modes:
    r"""Return those combinations of the slowest modes that commute with all of them.

    Projections on blocks commute. Where the outputs depend on several directions alike and almost linearly, any basis
    of those keeps them apart, and there are slow modes for all of them, which do not commute: only what is common to
    all these bases is the network's own, the centre of the algebra that the modes span.

    Parameters
    ----------
    found
        Modes of a network.
    count
        How many of them are slow.

    Returns
    -------
    Modes
        One fewer than there are blocks; none where everything is one degenerate block.

    Notes
    -----
    With :math:`K_{ab} = \sum_j \langle [X_a, X_j], [X_b, X_j] \rangle`, the eigenvectors of :math:`K` whose eigenvalue
    is small. Cost O(count^2 q^3).
    """
    total = np.zeros((count, count))
    for each in (found.outputs[:count], *(space[:count] for space in found.spaces)):
        unit = each / np.sqrt((each**2).sum(axis=(1, 2)).mean())
        products = np.einsum("aij,bjk->abik", unit, unit, optimize=True)
        commutators = (products - products.transpose(1, 0, 2, 3)).reshape(count, -1)
        total += commutators @ commutators.T / (1 + len(found.spaces)) / count
    values, vectors = np.linalg.eigh(total)
    kept = vectors[:, values < COMMUTING].T
    return Modes(
        np.sort(np.abs(kept**2 @ found.leak[:count])),
        np.einsum("cm,mij->cij", kept, found.outputs[:count]),
        tuple(np.einsum("cm,mij->cij", kept, each[:count]) for each in found.spaces),
    )


def split(
    gradients: Sequence[Float[np.ndarray, "_ q _"]], *, metrics: Sequence[Metric] = ("data", "gradient")
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
    seen = [_evidence(_view(gradients, metric)) for metric in metrics]
    view, slow, gap, centre = max(seen, key=lambda each: each[2])
    n_blocks = 1 + len(centre.leak) if centre and gap >= SMALLEST_GAP else 1
    found = centre or view.free
    outputs: Outputs = "free"
    if n_blocks > 1:
        fixed, last = modes(view.couplings, outputs="fixed"), n_blocks - 2
        if fixed.leak[last] <= min(LARGEST_LEAK, max(2 * view.free.leak[slow - 1], SAME_LEAK)):
            found, outputs = fixed, "fixed"
    return _sorted(view, found, outputs, n_blocks, slow, gap)


def _evidence(view: _View) -> tuple[_View, int, float, Modes | None]:
    """Return the number of slow modes by the widest gap that leaves several blocks, the gap, and what is common."""
    for slow, gap in gaps(view.free.leak):
        centre = central(view.free, slow)
        if len(centre.leak):
            return view, slow, gap, centre
    return view, 0, 0.0, None


def _view(gradients: Sequence[Float[np.ndarray, "_ q _"]], metric: Metric) -> _View:
    scale, couplings = [], []
    for each in gradients:
        root = np.sqrt(np.einsum("nba,nba->a", each, each, optimize=True).astype(np.float64) / len(each))
        scale.append(root if metric == "gradient" else np.ones(len(root)))
        couplings.append(Coupling.of(each / scale[-1].astype(each.dtype)))
    return _View(metric, tuple(scale), tuple(couplings), modes(couplings))


def _sorted(view: _View, found: Modes, outputs: Outputs, n_blocks: int, n_slow: int, gap: float) -> Split:
    """Turn the slow modes into directions and give each its block."""
    slow = n_blocks - 1
    q = found.outputs.shape[1]
    sizes = [len(scale) for scale in view.scale]
    if slow == 0:
        return Split(
            1, n_slow, gap, view.free.leak, view.metric, "fixed", np.eye(q), np.zeros(q, dtype=np.int64),
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
        n_blocks, n_slow, gap, view.free.leak, view.metric, outputs, turn, output_block,
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
