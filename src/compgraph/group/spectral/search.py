"""Groups from the spectrum of a layered graph, which also says how many there are."""

from collections.abc import Iterable, Sequence

import networkx as nx
import numpy as np
from jaxtyping import Float64, Int64

from compgraph.arguments import is_finite, shown, whole_number
from compgraph.errors import BadRequest
from compgraph.group.layered import SAME_QUALITY, layered_qualities
from compgraph.group.links import groups_of_labels, links_of
from compgraph.group.many import ManyLinks, by_label
from compgraph.group.spectral.directions import clusters
from compgraph.group.spectral.modes import DEPTH_MARGIN, slow_modes
from compgraph.group.spectral.parts import Part, parts_of


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
    Up to 400 nodes O(nodes^3); beyond, time and memory grow with the links, and for long chains of spaces with nodes
    times the size of a space. Modularity prefers many short groups on a deep graph, one per stretch of layers; this
    does not, and is what `compgraph.analyze` uses by default. Where nodes have no blocks, groups of deep graphs
    (:math:`\lambda` small) that differ much in how well they are separated may be merged.

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
    labels = spectral_labels(ManyLinks.of(links), known, cut=cut, n_groups=n_groups)
    return groups_of_labels(links.nodes, labels[0, 0])


def spectral_labels(
    many: ManyLinks, blocks: Int64[np.ndarray, " n"] | None, *, cut: float = 0.15, n_groups: int | None = None
) -> Int64[np.ndarray, "m 1 n"]:
    """Group the nodes of each graph as `spectral_communities` does.

    Parameters
    ----------
    many
        Graphs with the same linked nodes and spaces.
    blocks
        Block of each node, where all have one.
    cut, n_groups
        As for `spectral_communities`.

    Returns
    -------
    numpy.ndarray
        Group of each node of each graph, from the only run there is; below 0 where a node is a group of its own.

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
    labels = np.tile(-1 - np.arange(len(many.links.nodes)), (len(many), 1))
    parts = parts_of(many)
    wanted = n_groups or (0 if blocks is None else len(np.unique(blocks)))
    if 0 < wanted <= len(parts):
        for number, part in enumerate(parts):  # no spectrum says more
            labels[:, part.nodes] = number
    elif parts:
        _group(labels, many, parts, cut=cut, n_groups=wanted)
    if blocks is None:
        return labels[:, None]
    by_block = np.where(labels < 0, labels, blocks)
    better = layered_qualities(many, by_block) > layered_qualities(many, labels) + SAME_QUALITY
    return np.where(better[:, None], by_block, labels)[:, None]


def _group(
    labels: Int64[np.ndarray, "m n"], many: ManyLinks, parts: Sequence[Part], *, cut: float, n_groups: int
) -> None:
    """Group linked nodes, each part of the graph of spaces by itself; the spectrum counts where ``n_groups`` is 0."""
    spectra = [slow_modes(many, part, n=max(n_groups - len(parts), 0), cut=cut) for part in parts]
    margins = [DEPTH_MARGIN * part.slowest for part in parts]
    values = [[each for each, _ in modes] for modes in spectra]
    counts = _allotted(values, n_groups) if n_groups else _counted(values, margins, cut)
    root = np.sqrt(many.degrees())
    starts = np.cumsum(counts, axis=1) - counts
    for number, (part, modes) in enumerate(zip(parts, spectra, strict=True)):
        for count in np.unique(counts[:, number]).tolist():
            those = np.flatnonzero(counts[:, number] == count)
            first = root[those][:, part.nodes]
            first /= np.linalg.norm(first, axis=1, keepdims=True)
            rest = np.stack([modes[i][1][:, : count - 1] for i in those])
            found = clusters(np.concatenate([first[:, :, None], rest], axis=2))
            labels[those[:, None], part.nodes] = starts[those, number][:, None] + found


def _counted(
    values: Sequence[Sequence[Float64[np.ndarray, " _"]]], margins: Sequence[float], cut: float
) -> Int64[np.ndarray, "m parts"]:
    """Return one group of each part of each graph, and another one for each mode that is slow enough."""
    counts = [
        [1 + int((own < min(cut, own.min(initial=cut) + margin)).sum()) for own in of_part]
        for of_part, margin in zip(values, margins, strict=True)
    ]
    return np.array(counts, dtype=np.int64).T


def _allotted(values: Sequence[Sequence[Float64[np.ndarray, " _"]]], n_groups: int) -> Int64[np.ndarray, "m parts"]:
    """Give every part of each graph one group, and the slowest modes of all another one each."""
    part = np.repeat(np.arange(len(values)), [len(of_part[0]) for of_part in values])
    joint = np.concatenate([np.stack(of_part) for of_part in values], axis=1)
    chosen = part[np.argsort(joint, axis=1, kind="stable")[:, : n_groups - len(values)]]
    return 1 + by_label(np.ones(chosen.shape), chosen, len(values)).astype(np.int64)
