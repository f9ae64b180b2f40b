"""What the modes of a graph and of all its null graphs share: which spaces are linked."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64
from scipy.sparse.csgraph import connected_components, dijkstra

from compgraph.decompose.linear_algebra.factorisations import eigvalsh
from compgraph.group.links import Links, Place
from compgraph.group.many import ManyLinks, by_label


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Linked nodes between whose spaces links lead, directly or not.

    Attributes
    ----------
    nodes
        Positions.
    level
        Number of each node's space from 0; all heads count as one.
    slowest
        The second smallest eigenvalue of the normalised Laplacian of the spaces.
    halves
        The numbers of two halves of the spaces, where all links lead from one half to the other.
    """

    nodes: Int64[np.ndarray, " n"]
    level: Int64[np.ndarray, " n"]
    slowest: float
    halves: tuple[frozenset[int], frozenset[int]] | None


def parts_of(many: ManyLinks) -> list[Part]:
    """Take a graph apart where no links join its spaces; null graphs fall into the same parts.

    Parameters
    ----------
    many
        Graphs with the same linked nodes and spaces.

    Returns
    -------
    list of Part
        By their first spaces; nodes without links are in none.
    """
    links = many.links
    place = np.empty(len(links.nodes), dtype=np.int64)
    for number, members in enumerate(links.members):
        place[members] = number
    between, levels = _between(links), _levels(links.places)
    linked = ManyLinks.of(links).degrees()[0] > 0
    spaces = np.unique(place[linked])
    part = connected_components(between[np.ix_(spaces, spaces)], directed=False)[1]
    found = []
    for number in range(part.max(initial=-1) + 1):
        own = spaces[part == number]
        nodes = np.flatnonzero(linked & np.isin(place, own))
        names, level = np.unique(levels[own], return_inverse=True)
        one_hot = (level[:, None] == np.arange(len(names))).astype(float)
        joint = one_hot.T @ between[np.ix_(own, own)] @ one_hot
        of_space = np.zeros(len(links.places), dtype=np.int64)
        of_space[own] = level
        side = _sides(joint > 0)
        halves = None
        if side is not None:
            halves = frozenset(own[side[level] > 0].tolist()), frozenset(own[side[level] < 0].tolist())
        found.append(Part(nodes, of_space[place[nodes]], slowest(joint), halves))
    return found


def slowest(between: Float64[np.ndarray, "s s"]) -> float:
    """Return the second smallest eigenvalue of the normalised Laplacian of linked spaces: L on the modes of depth.

    Parameters
    ----------
    between
        The weight between every two of them; the diagonal does not count.

    Returns
    -------
    float
        2, the largest there can be, for a single space.
    """
    if len(between) == 1:
        return 2.0
    between = between * (1 - np.eye(len(between)))
    root = np.sqrt(between.sum(axis=1))
    return float(eigvalsh(np.eye(len(between)) - between / np.outer(root, root))[1])


def roots(
    degrees: Float64[np.ndarray, "m n"], level: Int64[np.ndarray, " n"]
) -> tuple[Float64[np.ndarray, "m n"], Float64[np.ndarray, "m n"]]:
    """Return square roots of degrees: the slowest mode, and those of depth.

    Parameters
    ----------
    degrees
        Of the nodes of one part, in several graphs.
    level
        Of each node.

    Returns
    -------
    tuple of numpy.ndarray
        The roots, and the same with length 1 in each level.
    """
    root = np.sqrt(degrees)
    lengths = np.sqrt(by_label(degrees, np.broadcast_to(level, degrees.shape), int(level.max()) + 1))
    return root, root / lengths[:, level]


def _between(links: Links) -> Float64[np.ndarray, "s s"]:
    """Return the weight between every two spaces, whatever the direction."""
    total = np.zeros((len(links.places), len(links.places)))
    for (a, b), weights in links.matrices.items():
        total[a, b] += weights.sum()
    return total + total.T


def _sides(linked: Bool[np.ndarray, "s s"]) -> Int64[np.ndarray, " s"] | None:
    """Return 1 or -1 for each space so that linked ones differ, where that can be; the first one has 1."""
    steps = dijkstra(linked, indices=0, unweighted=True)
    side = 1 - 2 * (steps.astype(np.int64) % 2)
    return side if (np.multiply.outer(side, side)[linked] == -1).all() else None


def _levels(places: Sequence[Place]) -> Int64[np.ndarray, " spaces"]:
    """Return a number for each space, the same for all heads: they are ends of one walk, and none is before another."""
    read = {layer for layer, side, _ in places if side == "in"}
    ends = [side == "out" and layer not in read for layer, side, _ in places]
    return np.array([len(places) if end else number for number, end in enumerate(ends)], dtype=np.int64)
