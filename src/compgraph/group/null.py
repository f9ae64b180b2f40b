"""Graphs with the same node strengths and no group structure: what a quality has to beat.

Symbols, for the links from one space to another: ``W`` the weights, ``r`` and ``c`` their row and column sums,
``P = r c^T / sum(W)`` what the strengths alone predict, ``W / P`` the structure beyond the strengths.
"""

from collections.abc import Iterator

import networkx as nx
import numpy as np
from jaxtyping import Float64

from compgraph.arguments import checked, whole_number
from compgraph.connect.graph import ordered_nodes
from compgraph.group.links import Links, graph_of, links_of
from compgraph.group.sinkhorn import proportional_fit

TOLERANCE = 1e-8  # largest relative error of a refitted strength
FLOOR = 0.01  # smallest W / P told apart from 0, so that every permutation can be refitted


@checked
def null_graphs(
    graph: nx.DiGraph, *, n: int | np.integer, seed: int | np.integer = 0, weight: str = "weight"
) -> Iterator[nx.DiGraph]:
    r"""Generate graphs with the strengths of ``graph`` and links that follow no groups.

    Between every two linked spaces of different layers the entries of :math:`(W / P)^a`, with
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
    that they force the weights, as near as 1,000 sweeps get.

    What is within a layer (what it writes to what the next one reads: two descriptions of the same activations) is
    kept: it says how the two bases overlap, not how the network computes. It is often one-to-one, and no permuted
    entries are one-to-one, so that permuting it would make structure of what has none. The null is conditional on
    it, and a graph that has only such links is its own null.

    Caveat: where a few entries carry most of the weight between two spaces, they also make the strengths, and the null
    graphs are too even. The test is then too willing to find structure: for few links, and weights with heavier tails
    than squares of normal numbers.

    Time O(entries x sweeps) a graph, mostly tens of sweeps; memory O(entries).

    References
    ----------
    Deming, W. E., Stephan, F. F. (1940). On a least squares adjustment of a sampled frequency table when the expected
    marginal totals are known. https://doi.org/10.1214/aoms/1177731829

    Examples
    --------
    >>> graph = nx.DiGraph()
    >>> for layer, side, depth in (("x", "in", 0), ("y", "out", 1)):
    ...     for i in (0, 1):
    ...         graph.add_node(f"{layer}{i}", layer=layer, side=side, depth=depth, index=i)
    >>> graph.add_weighted_edges_from([("x0", "y0", 3.0), ("x0", "y1", 1.0), ("x1", "y1", 4.0)])
    >>> for null in null_graphs(graph, n=2):
    ...     print({node: round(total, 6) for node, total in null.out_degree(weight="weight") if total})
    {'x0': 4.0, 'x1': 4.0}
    {'x0': 4.0, 'x1': 4.0}
    """
    n, seed = whole_number(n, "n", minimum=0), whole_number(seed, "seed", minimum=0)
    links = links_of(graph, weight, ordered_nodes(graph))
    near = links.near_one()
    return (graph_of(null.times(links.unit / near.unit), graph, weight) for null in null_links(near, n=n, seed=seed))


def null_links(links: Links, *, n: int, seed: int) -> Iterator[Links]:
    """Generate what `null_graphs` does as matrices.

    Parameters
    ----------
    links
        Of a component graph, nodes in canonical order.
    n
        How many.
    seed
        Where the permutations start.

    Returns
    -------
    Iterator of Links
        With the strengths of ``links``.
    """
    return (null_of(links, stream) for stream in np.random.SeedSequence(seed).spawn(n))


def null_of(links: Links, stream: np.random.SeedSequence) -> Links:
    """Return one of the null graphs as matrices.

    Parameters
    ----------
    links
        As for `null_links`.
    stream
        Its own of ``numpy.random.SeedSequence(seed).spawn(n)``, so that it is the same whoever makes it.

    Returns
    -------
    Links
        With the strengths of ``links``.
    """
    rng = np.random.default_rng(stream)
    return links.with_matrices(
        {
            ends: weights if links.in_one_layer(*ends) else permuted(weights, rng)
            for ends, weights in links.matrices.items()
        }
    )


def permuted(weights: Float64[np.ndarray, "k l"], rng: np.random.Generator) -> Float64[np.ndarray, "k l"]:
    """Permute what the weights between two spaces hold beyond their strengths, and refit the strengths.

    Parameters
    ----------
    weights
        One per pair; 0 where there is no link.
    rng
        Draws the permutation.

    Returns
    -------
    numpy.ndarray
        Of the same row and column sums; rows and columns without weight stay empty.
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
    start = rng.permutation(np.maximum(beyond, FLOOR).ravel()).reshape(active.shape) * expected
    strengths = {"rows": expected.sum(axis=1), "columns": expected.sum(axis=0)}
    u, v, _ = proportional_fit(start, **strengths, tolerance=TOLERANCE)
    result = np.zeros_like(weights)
    result[np.ix_(rows, columns)] = scale * u[:, None] * start * v
    return result
