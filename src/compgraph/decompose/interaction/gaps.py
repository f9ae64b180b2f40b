"""Whether a network comes apart: gaps among the leaks of its modes, and what those modes have in common."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Float64

from compgraph.arguments import checked
from compgraph.decompose.factorisations import eigh
from compgraph.decompose.interaction.commutant import Coupling, Modes, modes

Metric = Literal["data", "gradient"]
Outputs = Literal["fixed", "free"]

# Chosen on seeds 0 to 59 of the toys. Where outputs may turn there are modes for every pair of them, more than for
# single outputs, so that chance brings the first ones closer together and a smaller gap says as much. Of networks
# without tasks, only untrained ones have gaps near these, and their twins tell those.
LARGEST_LEAK = {"free": 0.07, "fixed": 0.1}  # blocks that leak more than this are not apart
# Nor are those that leak more than this part of what varies: what is constant in the derivatives leaks nothing in its
# own singular vectors, whatever they are.
LARGEST_PART = {"free": 0.2, "fixed": 0.28}
SMALLEST_GAP = {
    "free": 1.7,
    "fixed": 2.7,
}  # the next mode must leak this many times as much as the last one that counts
SAME_LEAK = 0.005  # differences below this say nothing
CEILING = 0.5  # leaks above this are alike: nothing couples
TRIED = 5  # gaps that are looked at, the widest first
COMMUTING = 0.3  # squared commutators, of modes of unit size, below which they count as none
SMALLEST_BEND = 0.05  # with Jacobians that vary less than this part of their size, any basis is as good as another


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """The couplings of all spaces in one metric, and their modes.

    Attributes
    ----------
    metric
        In which directions of different blocks are orthogonal.
    scale
        For each space, what gradients were divided by.
    couplings
        Of the scaled gradients.
    free, fixed
        Modes with outputs free to turn, and with outputs kept whole.
    bend
        As `bend` gives it, of the space where it is largest.
    """

    metric: Metric
    scale: tuple[Float64[np.ndarray, " _"], ...]
    couplings: tuple[Coupling, ...]
    free: Modes
    fixed: Modes
    bend: float


@dataclass(frozen=True, slots=True, eq=False)
class Finding:
    """Blocks that one view suggests.

    Attributes
    ----------
    view
        Whose modes they come from.
    outputs
        Whether outputs were kept whole.
    n_slow
        Modes before the gap.
    gap
        As `gaps` gives it.
    modes
        One fewer than there are blocks; None where no gap leaves several.
    """

    view: View
    outputs: Outputs
    n_slow: int
    gap: float
    modes: Modes | None


def gaps(leak: Float64[np.ndarray, " m"], outputs: Outputs, bend: float = 1.0) -> list[tuple[int, float]]:
    """List the gaps among leaks after modes that leak little, the widest first.

    Parameters
    ----------
    leak
        Increasing.
    outputs
        Which modes they are of.
    bend
        Of the network: leaks count as little only beside what varies.

    Returns
    -------
    list of tuple
        Number of modes before the gap, and how many times as much the next one leaks as the last, in units of the
        smallest number that counts.
    """
    # Free modes end where outputs or directions do; a mode beyond them leaks all. Fixed ones end with as many blocks as
    # outputs, which says nothing about gaps.
    following = np.append(leak[1:], 1.0) if outputs == "free" else leak[1:]
    last = leak[: len(following)]
    ratio = np.minimum(following, CEILING) / (last + SAME_LEAK) / SMALLEST_GAP[outputs]
    few = np.flatnonzero(last <= min(LARGEST_LEAK[outputs], bend * LARGEST_PART[outputs]))
    return [(int(i) + 1, float(ratio[i])) for i in few[np.argsort(-ratio[few], kind="stable")]]


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
        total += commutators @ commutators.T / (1 + len(found.spaces))
    values, vectors = eigh(total)
    kept = vectors[:, values < COMMUTING].T
    return Modes(
        np.sort(np.abs(kept**2 @ found.leak[:count])),
        np.einsum("cm,mij->cij", kept, found.outputs[:count]),
        tuple(np.einsum("cm,mij->cij", kept, each[:count]) for each in found.spaces),
    )


def bend(gradients: Float[np.ndarray, "n q r"]) -> float:
    """Return the variance of Jacobians over their mean square.

    Parameters
    ----------
    gradients
        One Jacobian per row.

    Returns
    -------
    float
        0 where the outputs are linear in the space, at most 1.
    """
    square = float((gradients.astype(np.float64) ** 2).sum()) / len(gradients)
    return max(0.0, 1 - float((gradients.mean(axis=0, dtype=np.float64) ** 2).sum()) / square)


@checked
def free_finding(view: View) -> Finding:
    """Return the widest gap among free modes that leaves several blocks.

    Parameters
    ----------
    view
        Of the network.

    Returns
    -------
    Finding
        With gap 0 where there is none.

    Examples
    --------
    >>> draws = np.random.default_rng(0).normal(size=(200, 4))
    >>> apart = np.zeros((200, 2, 4))
    >>> apart[:, 0, :2], apart[:, 1, 2:] = draws[:, :2] * [2, 1], draws[:, 2:] * [2, 1]
    >>> found = free_finding(view([apart], "data"))
    >>> found.n_slow, found.gap > 1
    (1, True)
    """
    for slow, gap in gaps(view.free.leak, "free", view.bend)[:TRIED]:
        centre = central(view.free, slow) if slow <= len(view.free.outputs) else None
        if centre is not None and len(centre.leak):
            return Finding(view, "free", slow, gap, centre)
    return Finding(view, "free", 0, 0.0, None)


@checked
def fixed_finding(view: View) -> Finding:
    """Return the widest gap among modes that keep outputs whole.

    Parameters
    ----------
    view
        Of the network.

    Returns
    -------
    Finding
        With gap 0 where there is none, or where free modes would do as well.

    Examples
    --------
    >>> draws = np.random.default_rng(0).normal(size=(200, 3, 6))
    >>> mixed = fixed_finding(view([draws], "data"))
    >>> draws[:, 0, 2:] = draws[:, 1, :2] = draws[:, 1, 4:] = draws[:, 2, :4] = 0
    >>> apart = fixed_finding(view([draws], "data"))
    >>> mixed.gap, apart.n_slow
    (0.0, 1)
    """
    for slow, gap in gaps(view.fixed.leak, "fixed", view.bend)[:TRIED]:
        # With more free modes that leak as little, other bases of the outputs would do as well.
        own = slow >= len(view.free.leak) or view.free.leak[slow] >= view.fixed.leak[slow - 1]
        if own:
            return Finding(view, "fixed", slow, gap, first_modes(view.fixed, slow))
    return Finding(view, "fixed", 0, 0.0, None)


def first_modes(found: Modes, count: int) -> Modes:
    """Return the modes that leak least.

    Parameters
    ----------
    found
        Modes of a network.
    count
        How many.

    Returns
    -------
    Modes
        Of that number.
    """
    return Modes(found.leak[:count], found.outputs[:count], tuple(each[:count] for each in found.spaces))


@checked
def view(gradients: Sequence[Float[np.ndarray, "_ q _"]], metric: Metric) -> View:
    """Look at gradients in one metric.

    Parameters
    ----------
    gradients
        For each space, one Jacobian per row.
    metric
        Which one.

    Returns
    -------
    View
        Cost: see `compgraph.decompose.interaction.commutant.modes`.

    Examples
    --------
    >>> draws = np.random.default_rng(0).normal(size=(200, 4))
    >>> apart = np.zeros((200, 2, 4))
    >>> apart[:, 0, :2], apart[:, 1, 2:] = draws[:, :2] * [2, 1], draws[:, 2:] * [2, 1]
    >>> view([apart], "data").free.leak[:2].round(3).tolist()
    [0.0, 0.943]
    """
    scale, couplings = [], []
    for each in gradients:
        root = np.sqrt(np.einsum("nba,nba->a", each, each, optimize=True).astype(np.float64) / len(each))
        # A direction that these rows do not read stays unread.
        scale.append(np.where(root > 0, root, 1.0) if metric == "gradient" else np.ones(len(root)))
        couplings.append(Coupling.of(each / scale[-1].astype(each.dtype)))
    fixed = modes(couplings, outputs="fixed")
    return View(metric, tuple(scale), tuple(couplings), modes(couplings), fixed, max(map(bend, gradients)))
