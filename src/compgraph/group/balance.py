"""Weights in which every component counts alike: the links between two spaces, scaled to even totals."""

import networkx as nx
import numpy as np
from jaxtyping import Float64

from compgraph.arguments import checked
from compgraph.decompose.linear_algebra.factorisations import power_of_two
from compgraph.group.links import links_of
from compgraph.group.many import DensePair
from compgraph.group.sinkhorn import proportional_fit

TOLERANCE = 1e-6  # largest relative error of a row's total


@checked
def balanced(graph: nx.Graph, weight: str = "weight") -> nx.Graph:
    r"""Scale the weights between each two spaces so that every node has the same total there.

    .. math:: V_{ij} = u_i W_{ij} v_j, \qquad \sum_j V_{ij} = m / k, \quad \sum_i V_{ij} = m / l

    for the ``k`` sources and ``l`` targets that have links in the matrix ``W`` between two spaces, with all its weight
    :math:`m`: an arrow that carries little still carries little.

    Parameters
    ----------
    graph
        Directed or undirected, with finite weights of at least 0. Nodes of one space share ``layer``, ``side`` and
        ``depth``; without these, all are in one space.
    weight
        The edge attribute to read and write.

    Returns
    -------
    networkx.Graph
        A copy, of the graph's own kind; other attributes as they were. All links between two spaces weigh together
        what they did. Nodes without links there stay without.

    Raises
    ------
    GraphError
        When a weight is missing, negative or not finite.

    Notes
    -----
    A node with much weight draws its neighbours into its group whatever they do; after balancing only the pattern of
    the links counts. The price: weak nodes, often noise, count as much as strong ones.

    Zeros can make even totals impossible (two sources whose only link is to the same one of two targets), and
    near-zeros can put them out of reach of 1,000 sweeps. Such a matrix becomes
    :math:`D_r^{-1/2} W D_c^{-1/2}`, with the totals of its rows and columns on the diagonals, scaled to the
    weight it had: totals closer to even than they were, and defined for every pattern.

    Time O(k l) for two spaces and a sweep, mostly tens of sweeps; memory O(k l).

    References
    ----------
    Sinkhorn, R., Knopp, P. (1967). Concerning nonnegative matrices and doubly stochastic matrices.
    https://doi.org/10.2140/pjm.1967.21.343

    Examples
    --------
    >>> graph = nx.Graph()
    >>> graph.add_weighted_edges_from([("a", "c", 4.0), ("a", "d", 1.0), ("b", "c", 1.0), ("b", "d", 1.0)])
    >>> {node: round(total, 3) for node, total in balanced(graph).degree(weight="weight")}
    {'a': 3.5, 'c': 3.5, 'd': 3.5, 'b': 3.5}
    """
    links, result = links_of(graph, weight), graph.copy()
    for (a, b), weights in links.matrices.items():
        largest = power_of_two(weights)
        even = (weights / largest).sum() * balanced_weights(weights) * largest
        for i, j in np.argwhere(weights > 0).tolist():
            ends = links.nodes[links.members[a][i]], links.nodes[links.members[b][j]]
            result.edges[ends][weight] = float(even[i, j])
    return result


def balanced_weights(weights: Float64[np.ndarray, "k l"]) -> Float64[np.ndarray, "k l"]:
    """Return the weights between two spaces with even totals, as `balanced` describes.

    Parameters
    ----------
    weights
        Finite and not negative.

    Returns
    -------
    numpy.ndarray
        Sums to 1, or to 0 when there is no weight. Symmetric when ``weights`` is.
    """
    result = np.zeros_like(weights)
    if not weights.any():
        return result
    shares = weights / weights.max()
    linked = np.ix_(shares.sum(axis=1) > 0, shares.sum(axis=0) > 0)
    active = shares[linked]
    rows, columns = (np.full((1, size), 1 / size) for size in active.shape)
    (u,), (v,), (even,) = proportional_fit(DensePair.of(active[None]), rows=rows, columns=columns, tolerance=TOLERANCE)
    if not even:
        u, v = 1 / np.sqrt(active.sum(axis=1)), 1 / np.sqrt(active.sum(axis=0))
    scaled = u[:, None] * active * v
    result[linked] = scaled / scaled.sum()
    return (result + result.T) / 2 if np.array_equal(weights, weights.T) else result
