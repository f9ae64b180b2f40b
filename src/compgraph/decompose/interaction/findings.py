"""The widest gap among modes, and what the modes before it have in common."""

from dataclasses import dataclass

import numpy as np

from compgraph.arguments import checked
from compgraph.decompose.interaction.commutant import Modes
from compgraph.decompose.interaction.gaps import Outputs, gaps
from compgraph.decompose.interaction.views import View
from compgraph.decompose.linear_algebra.factorisations import eigh

TRIED = 5  # gaps that are looked at, the widest first
COMMUTING = 0.3  # squared commutators, of modes of unit size, below which they count as none


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
    >>> from compgraph.decompose.interaction.views import couplings_of
    >>> draws = np.random.default_rng(0).normal(size=(200, 4))
    >>> apart = np.zeros((200, 2, 4))
    >>> apart[:, 0, :2], apart[:, 1, 2:] = draws[:, :2] * [2, 1], draws[:, 2:] * [2, 1]
    >>> found = free_finding(couplings_of([apart], ["data"])[0].view())
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
    >>> from compgraph.decompose.interaction.views import couplings_of
    >>> draws = np.random.default_rng(0).normal(size=(200, 3, 6))
    >>> mixed = fixed_finding(couplings_of([draws], ["data"])[0].view())
    >>> draws[:, 0, 2:] = draws[:, 1, :2] = draws[:, 1, 4:] = draws[:, 2, :4] = 0
    >>> apart = fixed_finding(couplings_of([draws], ["data"])[0].view())
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
