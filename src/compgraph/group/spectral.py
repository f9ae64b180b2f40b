"""Groups from the spectrum of a layered graph, which also says how many there are."""

from collections.abc import Iterable, Sequence

import networkx as nx
import numpy as np
from jaxtyping import Float64, Int64
from scipy.linalg import qr
from scipy.sparse.csgraph import connected_components

from compgraph.arguments import is_finite, shown, whole_number
from compgraph.decompose.factorisations import eigh, svd
from compgraph.errors import BadRequest
from compgraph.group.layered import modularity_of_links
from compgraph.group.links import Links, Place, groups_of_labels, links_of

DEPTH_MARGIN = 0.5  # a mode this part of a depth mode above the slowest one is that mode again, varying along depth


def spectral_communities(
    graph: nx.Graph, weight: str = "weight", *, cut: float = 0.15, n_groups: int | None = None
) -> Iterable[set[int]]:
    r"""Group nodes by the slow modes of the normalised Laplacian that are not modes of depth.

    .. math:: L = I - D^{-1/2} W D^{-1/2}, \qquad P L P u_j = \mu_j u_j, \quad \mu_1 \le \mu_2 \le \dots

    ``P`` projects out the vectors :math:`D^{1/2} 1_s`, one per space ``s``, and one for all heads together, which are
    ends side by side: a walk over the graph moves slowly from space to space whether there are groups or not. How
    slowly is :math:`\lambda`, the second smallest eigenvalue of the normalised Laplacian of the graph of spaces, two of
    which are linked by all the weight between their nodes; for a chain of ``S`` spaces linked alike
    :math:`\lambda = 1 - \cos(\pi / (S - 1))`. Of what is left a group shows as a mode near 0, so there are

    .. math:: 1 + \#\{ j : \mu_j < \min(\text{cut}, \mu_1 + \lambda / 2) \}

    groups: modes higher than that are the first ones again, varying along depth. Rows of those modes and of
    :math:`D^{1/2} 1`, scaled to unit length, are near one of as many orthogonal directions as there are groups; a
    pivoted QR factorisation finds them, so that the result does not depend on a seed. Where no links join some spaces
    to the others, as in two networks side by side, each part is grouped by itself.

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
        above where nodes have none. Fewer where the graph has too few nodes for so many, and more where it has more
        parts that no links join.

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
    links = links_of(graph, weight).near_one()
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
    if not is_finite(cut) or not 0 < cut < 1:
        raise BadRequest(f"cut={shown(cut)}: a number between 0 and 1 is needed; 0.15 is the default.")
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
    levels = _levels(links.places)[place]
    labels[linked] = _labels(weights[np.ix_(linked, linked)], place[linked], levels[linked], cut=cut, n_groups=wanted)
    if blocks is None:
        return labels
    by_block = np.where(labels < 0, labels, blocks)
    return max(labels, by_block, key=lambda each: modularity_of_links(links, np.where(labels < 0, 0, each)))


def _clusters(rows: Float64[np.ndarray, "n k"]) -> Int64[np.ndarray, " n"]:
    """Return the cluster of each row: that of the nearest of ``k`` directions which rows themselves pick out."""
    picked = qr(rows.T, mode="economic", pivoting=True)[2][: rows.shape[1]]
    left, _, right = svd(rows[picked].T)
    return np.asarray(np.argmax(np.abs(rows @ (left @ right)), axis=1))


def _levels(places: Sequence[Place]) -> Int64[np.ndarray, " spaces"]:
    """Return a number for each space, the same for all heads: they are ends of one walk, and none is before another."""
    read = {layer for layer, side, _ in places if side == "in"}
    ends = [side == "out" and layer not in read for layer, side, _ in places]
    return np.array([len(places) if end else number for number, end in enumerate(ends)], dtype=np.int64)


def _labels(
    links: Float64[np.ndarray, "n n"],
    place: Int64[np.ndarray, " n"],
    level: Int64[np.ndarray, " n"],
    *,
    cut: float,
    n_groups: int,
) -> Int64[np.ndarray, " n"]:
    """Group linked nodes, each part of the graph of spaces by itself; the spectrum counts where ``n_groups`` is 0."""
    column = np.unique(place, return_inverse=True)[1]
    n_parts, part = connected_components(_between(links, place), directed=False)
    if 0 < n_groups <= n_parts:
        return np.asarray(part[column], dtype=np.int64)  # no spectrum says more
    members = [np.flatnonzero(part[column] == number) for number in range(n_parts)]
    spectra = [_spectrum(links[np.ix_(own, own)], level[own]) for own in members]
    slowest = [_slowest(_between(links[np.ix_(own, own)], level[own])) for own in members]
    values = [each for each, _ in spectra]
    counts = _counted(values, slowest, cut) if n_groups == 0 else _allotted(values, n_groups)
    labels, used = np.empty(len(links), dtype=np.int64), 0
    for own, (_, vectors), count in zip(members, spectra, counts, strict=True):
        root = np.sqrt(links[own].sum(axis=1))
        rows = np.column_stack([root / np.linalg.norm(root), vectors[:, : count - 1]])
        labels[own] = used + _clusters(rows / np.linalg.norm(rows, axis=1, keepdims=True))
        used += count
    return labels


def _between(links: Float64[np.ndarray, "n n"], column: Int64[np.ndarray, " n"]) -> Float64[np.ndarray, "s s"]:
    """Return the weight between every two spaces, none within one."""
    one_hot = (column[:, None] == np.unique(column)).astype(float)
    spaces = one_hot.T @ links @ one_hot
    np.fill_diagonal(spaces, 0.0)
    return np.asarray(spaces)


def _spectrum(
    links: Float64[np.ndarray, "n n"], column: Int64[np.ndarray, " n"]
) -> tuple[Float64[np.ndarray, " m"], Float64[np.ndarray, "n m"]]:
    """Return the slow modes first, without those of depth, which tell no groups apart."""
    root = np.sqrt(links.sum(axis=1))
    depth = _depth_modes(column, root)
    away = np.eye(len(links)) - depth @ depth.T
    laplacian = np.eye(len(links)) - links / np.outer(root, root)
    # The spectrum of L ends at 2: there the depth modes are out of the way.
    values, vectors = eigh(away @ laplacian @ away + 2 * depth @ depth.T)
    kept = len(links) - depth.shape[1]
    return values[:kept], vectors[:, :kept]


def _depth_modes(column: Int64[np.ndarray, " n"], root: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, "n spaces"]:
    modes = root[:, None] * (column[:, None] == np.unique(column))
    return np.asarray(modes / np.linalg.norm(modes, axis=0))


def _slowest(spaces: Float64[np.ndarray, "s s"]) -> float:
    """Return the second smallest eigenvalue of the normalised Laplacian of linked spaces; 2, the largest, of one.

    It is L on the vectors of `_depth_modes`.
    """
    if len(spaces) == 1:
        return 2.0
    root = np.sqrt(spaces.sum(axis=1))
    return float(eigh(np.eye(len(spaces)) - spaces / np.outer(root, root))[0][1])


def _counted(values: Sequence[Float64[np.ndarray, " _"]], slowest: Sequence[float], cut: float) -> list[int]:
    limits = [min(cut, each.min(initial=cut) + DEPTH_MARGIN * slow) for each, slow in zip(values, slowest, strict=True)]
    return [1 + int((each < limit).sum()) for each, limit in zip(values, limits, strict=True)]


def _allotted(values: Sequence[Float64[np.ndarray, " _"]], n_groups: int) -> list[int]:
    """Give every part one group, and the slowest modes of all another one each."""
    part = np.repeat(np.arange(len(values)), [len(each) for each in values])
    order = np.argsort(np.concatenate(values), kind="stable")[: max(n_groups - len(values), 0)]
    return (1 + np.bincount(part[order], minlength=len(values))).tolist()
