"""Graphs with the same node strengths and no group structure: what a quality has to beat.

Symbols, for one block (the links from one space to another): ``W`` the weights, ``r`` and ``c`` their row and column
sums, ``P = r c^T / sum(W)`` what the strengths alone predict, ``W / P`` the structure beyond the strengths.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import networkx as nx
import numpy as np
from jaxtyping import Float64

from compgraph.arguments import whole_number
from compgraph.connect.graph import spaces_of
from compgraph.records import read_only
from compgraph.statistics import Space

TOLERANCE = 1e-8  # largest relative error of a refitted strength
FLOOR = 0.01  # smallest W / P told apart from 0, so that every permutation can be refitted
SWEEPS = 1000


@dataclass(frozen=True, slots=True)
class Block:
    """The links from one space to another, as a dense matrix.

    Parameters
    ----------
    sources, targets
        Node ids of the rows and the columns.
    weights
        One weight per pair; 0 where there is no edge.
    fixed
        Whether every null graph keeps the block as it is.
    """

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    weights: Float64[np.ndarray, "k l"]
    fixed: bool


def null_graphs(
    graph: nx.DiGraph, *, n: int | np.integer, seed: int | np.integer = 0, weight: str = "weight"
) -> Iterator[nx.DiGraph]:
    r"""Generate graphs with the strengths of ``graph`` and links that follow no groups.

    In every block between layers the entries of :math:`(W / P)^a`, with
    :math:`a = \sqrt{k l / ((k - 1) (l - 1))}` for :math:`k` rows and :math:`l` columns, are permuted and multiplied by
    :math:`P`; then rows and columns are rescaled in turn (iterative proportional fitting) until :math:`r` and
    :math:`c` are back.

    Parameters
    ----------
    graph
        A component graph whose weights are finite and not negative.
    n
        How many graphs.
    seed
        Where the permutations start; the first graphs are the same for every ``n``.
    weight
        The edge attribute to read and write.

    Returns
    -------
    Iterator of networkx.DiGraph
        Same nodes and attributes; edges carry `weight` only.

    Raises
    ------
    BadRequest
        When ``n`` or ``seed`` is not a whole number of at least 0.

    Notes
    -----
    Permuting the weights themselves would be a wrong null: it evens out the strengths, and strengths alone raise or
    lower modularity. The power :math:`a` gives back the spread that fitting :math:`k + l - 1` strengths took from
    :math:`W / P`; without it the null graphs are too even and chance passes for structure.

    Zeros are permuted like any entry. Entries of :math:`W / P` below 0.01 count as 0.01, so that strengths can be
    refitted wherever the zeros land; they come back to 1e-8 or, where a few strengths outweigh all others so much
    that they force the block, as near as 1,000 sweeps get.

    A block within a layer (what a layer writes to what the next one reads: two descriptions of the same activations)
    is kept: it says how the two bases overlap, not how the network computes. It is often one-to-one, and no permuted
    entries are one-to-one, so that permuting it would make structure of what has none. The null is conditional on
    it, and a graph that has only such blocks is its own null.

    Caveat: where a few entries carry most of a block, they also make the strengths, and the null graphs are too even.
    The test is then too willing to find structure: for sparse blocks, and weights with heavier tails than squares of
    normal numbers.

    Time O(entries x sweeps) a graph, mostly tens of sweeps; memory O(entries).

    References
    ----------
    Deming, W. E., Stephan, F. F. (1940). On a least squares adjustment of a sampled frequency table when the expected
    marginal totals are known. https://doi.org/10.1214/aoms/1177731829
    """
    n, seed = whole_number(n, "n", minimum=0), whole_number(seed, "seed", minimum=0)
    blocks = _blocks(graph, weight)
    streams = np.random.SeedSequence(seed).spawn(n)
    return (_drawn(graph, blocks, np.random.default_rng(stream), weight) for stream in streams)


def permute_block(weights: Float64[np.ndarray, "k l"], rng: np.random.Generator) -> Float64[np.ndarray, "k l"]:
    """Permute what a block holds beyond its strengths, and refit the strengths.

    Parameters
    ----------
    weights
        The block.
    rng
        Draws the permutation.

    Returns
    -------
    numpy.ndarray
        A block with the same row and column sums; rows and columns without weight stay empty.
    """
    rows, columns = weights.sum(axis=1) > 0, weights.sum(axis=0) > 0
    if not rows.any():
        return weights
    active = weights[np.ix_(rows, columns)]
    scale = active.max()
    active = active / scale
    expected = np.outer(active.sum(axis=1), active.sum(axis=0) / active.sum())
    # Fitting the strengths takes k + l - 1 of the k l degrees of freedom, and the spread that goes with them.
    free = (active.shape[0] - 1) * (active.shape[1] - 1)
    beyond = (active / expected) ** np.sqrt(active.size / max(free, 1))
    permuted = rng.permutation(np.maximum(beyond, FLOOR).ravel()).reshape(active.shape)
    result = np.zeros_like(weights)
    result[np.ix_(rows, columns)] = scale * _refit(permuted * expected, expected)
    return result


def _refit(start: Float64[np.ndarray, "k l"], expected: Float64[np.ndarray, "k l"]) -> Float64[np.ndarray, "k l"]:
    """Scale rows and columns of ``start`` in turn to the sums of ``expected``."""
    r, c = expected.sum(axis=1), expected.sum(axis=0)
    fitted = start * (r / start.sum(axis=1))[:, None]
    for _ in range(SWEEPS):
        fitted = fitted * (c / fitted.sum(axis=0))
        rows = fitted.sum(axis=1)
        if np.all(np.abs(rows - r) <= TOLERANCE * r):
            break
        fitted = fitted * (r / rows)[:, None]
    return fitted


def _blocks(graph: nx.DiGraph, weight: str) -> tuple[Block, ...]:
    spaces = spaces_of(graph)
    place = {node: (space, i) for space, members in spaces.items() for i, node in enumerate(members)}
    matrices: dict[tuple[Space, Space], np.ndarray] = {}
    for source, target, value in graph.edges(data=weight):
        (a, i), (b, j) = place[source], place[target]
        matrices.setdefault((a, b), np.zeros((len(spaces[a]), len(spaces[b]))))[i, j] = value
    return tuple(
        Block(tuple(spaces[a]), tuple(spaces[b]), read_only(matrices[a, b]), (a.layer, a.depth) == (b.layer, b.depth))
        for a, b in sorted(matrices)
    )


def _drawn(graph: nx.DiGraph, blocks: tuple[Block, ...], rng: np.random.Generator, weight: str) -> nx.DiGraph:
    null = nx.DiGraph(**graph.graph)
    null.add_nodes_from(graph.nodes(data=True))
    for block in blocks:
        drawn = block.weights if block.fixed else permute_block(block.weights, rng)
        for i, j in np.argwhere(drawn > 0).tolist():
            null.add_edge(block.sources[i], block.targets[j], **{weight: float(drawn[i, j])})
    return null
