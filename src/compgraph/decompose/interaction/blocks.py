"""How many parts of a network do not mix, and which directions belong to which: blocks, counted by a gap of leaks."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Float64, Int64
from scipy.linalg import block_diag
from sklearn.cluster import KMeans

from compgraph.arguments import checked
from compgraph.arrays import descending
from compgraph.decompose.interaction.commutant import Modes
from compgraph.decompose.interaction.findings import Finding, first_modes, fixed_finding, free_finding
from compgraph.decompose.interaction.gaps import (
    LARGEST_LEAK,
    SAME_LEAK,
    SMALLEST_BEND,
    Outputs,
)
from compgraph.decompose.interaction.joint_diagonaliser import joint_diagonaliser
from compgraph.decompose.interaction.views import Couplings, Metric, couplings_of
from compgraph.decompose.linear_algebra.eigenvalues import descending_eigh
from compgraph.decompose.linear_algebra.factorisations import inverse
from compgraph.records import brief

METRICS: tuple[Metric, ...] = ("data", "gradient")


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
        Leak of the first mode that does not count over that of the last one that does, in units of the smallest ratio
        that counts: several blocks from 1 on. 0 where no mode leaks little enough.
    leak
        Of the modes, the best first: of all that leak little, and of more.
    bend
        Variance of the Jacobians over their mean square, in the space where it is largest: 0 for a linear network, in
        which nothing can be told apart.
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
    bend: float
    metric: Metric
    outputs: Outputs
    output_basis: Float64[np.ndarray, "q q"]
    output_block: Int64[np.ndarray, " q"]
    bases: tuple[Float64[np.ndarray, "_ _"], ...]
    blocks: tuple[Int64[np.ndarray, " _"], ...]

    __repr__ = brief


@checked
def split(
    gradients: Sequence[Float[np.ndarray, "_ q _"]],
    *,
    metrics: Sequence[Metric] = METRICS,
    smallest: float = 1.0,
    heads: Sequence[int] = (),
) -> Split:
    """Sort the directions of every space into blocks that hardly interact.

    Parameters
    ----------
    gradients
        For each space, one Jacobian per row: of the outputs with respect to scores that are uncorrelated and have unit
        variance, in a basis in which ``E[J^T J]`` is diagonal.
    metrics
        Tried in turn; the one with the widest gap is taken.
    smallest
        The gap from which there are several blocks; above 1 where nothing else stands against chance.
    heads
        Numbers of outputs that may be turned among themselves, in order; by default all of them.

    Returns
    -------
    Split
        With one block where nothing is apart.

    Notes
    -----
    The outputs are left in their own basis where they are as good as apart in it, and turned otherwise.

    A block without a direction in a space says that its outputs do not depend on that space. Where they do, they are so
    weak beside the others that losing all they read passes for a small leak, and everything is one block.

    Examples
    --------
    >>> draws = np.random.default_rng(0).normal(size=(200, 4))
    >>> apart = np.zeros((200, 2, 4))
    >>> apart[:, 0, :2], apart[:, 1, 2:] = draws[:, :2] * [2, 1], draws[:, 2:] * [2, 1]
    >>> found = split([apart])
    >>> found.n_blocks, found.blocks[0].tolist()
    (2, [0, 1, 0, 1])
    """
    return _split(couplings_of(gradients, metrics), gradients, smallest, heads)


@checked
def widest_gap(gradients: Sequence[Float[np.ndarray, "_ q _"]], *, heads: Sequence[int] = ()) -> float:
    """Return the gap among leaks that `split` finds, where nothing else is asked for: of chance, say.

    Parameters
    ----------
    gradients, heads
        As `split` takes them.

    Returns
    -------
    float
        Its ``gap``.

    Notes
    -----
    Where every mode leaks too much, as in most untrained networks, one factorisation of Cholesky tells so.

    Examples
    --------
    >>> draws = np.random.default_rng(0).normal(size=(200, 4))
    >>> apart = np.zeros((200, 2, 4))
    >>> apart[:, 0, :2], apart[:, 1, 2:] = draws[:, :2] * [2, 1], draws[:, 2:] * [2, 1]
    >>> widest_gap([apart]) == split([apart]).gap, widest_gap([draws.reshape(200, 2, 2)])
    (True, 0.0)
    """
    seen = couplings_of(gradients, METRICS)
    apart = [each for each in seen if each.bend >= SMALLEST_BEND and not each.all_leak()]
    return _split(apart, gradients, 1.0, heads).gap if apart else 0.0


def _split(
    seen: Sequence[Couplings], gradients: Sequence[Float[np.ndarray, "_ q _"]], smallest: float, heads: Sequence[int]
) -> Split:
    """Return the blocks after the widest gap in any metric."""
    views = [each.view() for each in seen]
    found = max(
        (finding for each in views for finding in (free_finding(each), fixed_finding(each))),
        key=lambda finding: finding.gap,
    )
    if found.view.bend < SMALLEST_BEND:
        found = replace(found, n_slow=0, gap=0.0)
    if found.modes is None or found.gap < smallest:
        return _sorted(None, found, heads)
    last = len(found.modes.leak) - 1
    fixed = found.view.fixed
    as_good = max(2 * found.modes.leak[last], 2 * SAME_LEAK)
    # There may be more free modes than outputs: such blocks have no output of their own, and are refused below.
    fixed_leak = float(fixed.leak[last]) if last < len(fixed.leak) else 1.0
    if found.outputs == "free" and fixed_leak <= min(LARGEST_LEAK["fixed"], as_good):
        found = replace(found, outputs="fixed", modes=first_modes(fixed, last + 1))
    several = _sorted(found.modes, found, heads)
    if _loses_a_block(several, gradients):
        return _sorted(None, replace(found, n_slow=0, gap=0.0), heads)
    return several


def _loses_a_block(found: Split, gradients: Sequence[Float[np.ndarray, "_ q _"]]) -> bool:
    """Tell whether a block has no outputs, or no direction in a space that its outputs depend on."""
    names = np.arange(found.n_blocks)
    if not np.isin(names, found.output_block).all():
        return True
    missing = np.array([~np.isin(names, labels) for labels in found.blocks])
    if not missing.any():
        return False
    turned = [np.einsum("nqr,qb->bnr", each, found.output_basis, optimize=True) for each in gradients]
    reads = np.array(
        [[(each[found.output_block == name] ** 2).sum() / each.shape[1] for name in names] for each in turned]
    )
    return bool((reads > LARGEST_LEAK[found.outputs] * reads.max(axis=0))[missing].any())


def _sorted(slow: Modes | None, found: Finding, heads: Sequence[int]) -> Split:
    """Turn the slow modes into directions and give each its block."""
    seen = found.view
    q = seen.free.outputs.shape[1]
    sizes = [len(scale) for scale in seen.scale]
    one = Split(
        n_blocks=1, n_slow=found.n_slow, gap=found.gap, leak=seen.free.leak, bend=seen.bend, metric=seen.metric,
        outputs="fixed", output_basis=np.eye(q), output_block=np.zeros(q, dtype=np.int64),
        bases=tuple(np.eye(size) for size in sizes), blocks=tuple(np.zeros(size, dtype=np.int64) for size in sizes),
    )  # fmt: skip
    if slow is None:
        return one
    n_blocks = 1 + len(slow.leak)
    turn = np.eye(q) if found.outputs == "fixed" else _turned_within(slow.outputs, heads or (q,))
    turns = [joint_diagonaliser(each) for each in slow.spaces]
    places = [_diagonals(slow.outputs, turn)]
    places += [_diagonals(each, basis) for each, basis in zip(slow.spaces, turns, strict=True)]
    block = _clustered(np.concatenate(places), n_blocks)
    output_block, *blocks = np.split(block, np.cumsum([q, *sizes])[:-1])
    bases = [
        _within(basis.T * scale, labels, coupling.of_directions * scale**2)
        for basis, scale, labels, coupling in zip(turns, seen.scale, blocks, seen.couplings, strict=True)
    ]
    return replace(
        one, n_blocks=n_blocks, outputs=found.outputs, output_basis=turn, output_block=output_block,
        bases=tuple(basis for basis, _ in bases), blocks=tuple(labels for _, labels in bases),
    )  # fmt: skip


def _turned_within(outputs: Float64[np.ndarray, "m q q"], heads: Sequence[int]) -> Float64[np.ndarray, "q q"]:
    """Return a basis of the outputs that mixes those of one head only."""
    stops = np.cumsum(heads).tolist()
    parts = [slice(stop - size, stop) for stop, size in zip(stops, heads, strict=True)]
    return block_diag(*(joint_diagonaliser(outputs[:, part, part]) for part in parts))


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
    patterns = inverse(basis).T
    filters, reads = np.zeros_like(basis), np.zeros(len(basis))
    for label in np.unique(block):
        here = block == label
        values, vectors = descending_eigh(basis[here] @ basis[here].T)
        root = np.sqrt(values)
        whiten, colour = vectors / root[:, None], vectors * root[:, None]
        reads[here], turn = descending_eigh(colour @ (patterns[here] * energy) @ patterns[here].T @ colour.T)
        filters[here] = turn @ whiten @ basis[here]
    order = descending(reads)
    return filters[order], block[order]
