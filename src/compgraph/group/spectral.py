"""Groups from the spectrum of a layered graph, which also says how many there are."""

import math
from collections.abc import Iterable

import networkx as nx
import numpy as np
from jaxtyping import Float64, Int64
from scipy.linalg import qr

from compgraph.arguments import whole_number
from compgraph.errors import BadRequest
from compgraph.group.layered import modularity_of_links
from compgraph.group.links import Links, groups_of_labels, links_of

DEPTH_MARGIN = 0.5  # a mode this part of a depth mode above the slowest one is that mode again, varying along depth


def spectral_communities(
    graph: nx.Graph, weight: str = "weight", *, cut: float = 0.15, n_groups: int | None = None
) -> Iterable[set[int]]:
    r"""Group nodes by the slow modes of the normalised Laplacian that are not modes of depth.

    .. math:: L = I - D^{-1/2} W D^{-1/2}, \qquad P L P u_j = \mu_j u_j, \quad \mu_1 \le \mu_2 \le \dots

    ``P`` projects out the vectors :math:`D^{1/2} 1_s`, one per space ``s``: a walk over the graph moves slowly along
    its depth whether there are groups or not, with eigenvalue :math:`\lambda = 1 - \cos(\pi / (S - 1))` on ``S``
    spaces linked alike. Of what is left a group shows as a mode near 0, so there are

    .. math:: 1 + \#\{ j : \mu_j < \min(\text{cut}, \mu_1 + \lambda / 2) \}

    groups: modes higher than that are the first ones again, varying along depth. Rows of those modes and of
    :math:`D^{1/2} 1`, scaled to unit length, are near one of as many orthogonal directions as there are groups; a
    pivoted QR factorisation finds them, so that the result does not depend on a seed.

    Nodes of the component method ``"interaction"`` carry a ``block``, found from all layers at once. There are then as
    many groups as blocks, and the groups are those of the spectrum or the blocks themselves, whichever have the larger
    `compgraph.group.layered.layered_modularity`.

    Parameters
    ----------
    graph
        Undirected, with non-negative weights. Nodes of one space share ``layer``, ``side`` and ``depth``; without
        these, all are in one space. A node without links is a group of its own.
    weight
        The edge attribute to read.
    cut
        Between 0 and 1: lower for fewer, better separated groups. Half of it is roughly the part of its links that a
        group may have with others.
    n_groups
        How many groups of linked nodes, by the spectrum alone. By default as many as there are blocks, and counted as
        above where nodes have none. Fewer where the graph has too few nodes for so many.

    Returns
    -------
    iterable of set
        The groups.

    Raises
    ------
    BadRequest
        When ``cut`` is not between 0 and 1, or ``n_groups`` no whole number of at least 1.

    Notes
    -----
    Cost O(nodes^3). Modularity prefers many short groups on a deep graph, one per stretch of layers; this does not, and
    is what `compgraph.analyze` uses by default. Where nodes have no blocks, groups of deep graphs (:math:`\lambda`
    small) that differ much in how well they are separated may be merged.

    References
    ----------
    Ng, Jordan and Weiss, "On spectral clustering: analysis and an algorithm", NeurIPS 14 (2001). von Luxburg, "A
    tutorial on spectral clustering", Statistics and Computing 17 (2007), doi:10.1007/s11222-007-9033-z. Damle, Minden
    and Ying, "Simple, direct and efficient multi-way spectral clustering", Information and Inference 8 (2019),
    doi:10.1093/imaiai/iay008.
    """
    blocks = list(dict(graph.nodes(data="block")).values())
    known = None if None in blocks else np.array(blocks, dtype=np.int64)
    links = links_of(graph, weight)
    return groups_of_labels(links.nodes, spectral_labels(links, known, cut=cut, n_groups=n_groups))


def spectral_labels(
    links: Links, blocks: Int64[np.ndarray, " n"] | None, *, cut: float = 0.15, n_groups: int | None = None
) -> Int64[np.ndarray, " n"]:
    """Group nodes as `spectral_communities` does.

    Parameters
    ----------
    links
        The graph as matrices.
    blocks
        Block of each node, where all have one.
    cut, n_groups
        As for `spectral_communities`.

    Returns
    -------
    numpy.ndarray
        Group of each node; below 0 where a node is a group of its own.

    Raises
    ------
    BadRequest
        As `spectral_communities`.
    """
    if not 0 < cut < 1:
        raise BadRequest(f"cut={cut!r}: a number between 0 and 1 is needed; 0.15 is the default.")
    if n_groups is not None:
        n_groups = whole_number(n_groups, "n_groups", minimum=1)
    blocks = None if n_groups else blocks
    weights = links.adjacency()
    linked = np.flatnonzero(weights.any(axis=1))
    labels = -1 - np.arange(len(weights))
    if len(linked) == 0:
        return labels
    place = np.empty(len(weights), dtype=np.int64)
    for number, members in enumerate(links.members):
        place[members] = number
    wanted = n_groups or (0 if blocks is None else len(np.unique(blocks)))
    labels[linked] = _clusters(_embedding(weights[np.ix_(linked, linked)], place[linked], cut, wanted))
    if blocks is None:
        return labels
    by_block = np.where(labels < 0, labels, blocks)
    return max(labels, by_block, key=lambda each: modularity_of_links(links, np.where(labels < 0, 0, each)))


def _clusters(rows: Float64[np.ndarray, "n k"]) -> Int64[np.ndarray, " n"]:
    """Return the cluster of each row: that of the nearest of ``k`` directions which rows themselves pick out."""
    picked = qr(rows.T, mode="economic", pivoting=True)[2][: rows.shape[1]]
    left, _, right = np.linalg.svd(rows[picked].T)
    return np.asarray(np.argmax(np.abs(rows @ (left @ right)), axis=1))


def _embedding(
    links: Float64[np.ndarray, "n n"], place: Int64[np.ndarray, " n"], cut: float, n_groups: int
) -> Float64[np.ndarray, "n groups"]:
    """Return one row per node and one column per group; as many as modes below the cut say where ``n_groups`` is 0."""
    root = np.sqrt(links.sum(axis=1))
    depth = _depth_modes(place, root)
    away = np.eye(len(links)) - depth @ depth.T
    laplacian = np.eye(len(links)) - links / np.outer(root, root)
    # The spectrum of L ends at 2: there the depth modes are out of the way.
    values, vectors = np.linalg.eigh(away @ laplacian @ away + 2 * depth @ depth.T)
    slowest = 1 - math.cos(math.pi / max(depth.shape[1] - 1, 1))
    counted = int((values < min(cut, values[0] + DEPTH_MARGIN * slowest)).sum()) + 1
    # The last vectors are the depth modes themselves, which tell no groups apart.
    modes = vectors[:, : min((n_groups or counted) - 1, len(links) - depth.shape[1])]
    rows = np.column_stack([root / np.linalg.norm(root), modes])
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def _depth_modes(place: Int64[np.ndarray, " n"], root: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, "n spaces"]:
    column = np.unique(place, return_inverse=True)[1]
    modes = np.zeros((len(place), int(column.max()) + 1))
    modes[np.arange(len(place)), column] = root
    return np.asarray(modes / np.linalg.norm(modes, axis=0))
