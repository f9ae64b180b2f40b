"""Groups of nodes with like links, by k-means: what does not look for links inside groups."""

from collections.abc import Iterable

import networkx as nx
import numpy as np
from sklearn.cluster import KMeans

from compgraph.arguments import whole_number
from compgraph.errors import BadRequest


def k_means_communities(
    graph: nx.Graph, weight: str = "weight", seed: int | None = None, *, n_groups: int = 2
) -> Iterable[set[int]]:
    r"""Group the nodes by their rows of edge weights, so that rows are near the mean of their group.

    .. math:: \min_{g} \sum_i \Big\lVert W_i - \frac{1}{|g_i|} \sum_{j \in g_i} W_j \Big\rVert^2

    Parameters
    ----------
    graph
        Undirected, with weights of any sign.
    weight
        The edge attribute to read; 0 where two nodes have no edge.
    seed
        Of the three starts, of which the best is taken.
    n_groups
        How many groups to make, whether there are any or not.

    Returns
    -------
    iterable of set
        The groups: fewer where fewer rows differ.

    Raises
    ------
    BadRequest
        When ``n_groups`` is no whole number from 1 to the number of nodes.

    Notes
    -----
    Cost O(n^2 groups) time per iteration and O(n^2) memory. Nodes with the same neighbours go together and a node need
    not be with its neighbours: in a graph of layers, groups tend to be layers, and nodes with many links.

    Examples
    --------
    >>> graph = nx.Graph([(0, 2), (1, 2), (0, 3), (1, 3)])
    >>> sorted(map(sorted, k_means_communities(graph, seed=0)))
    [[0, 1], [2, 3]]
    """
    if whole_number(n_groups, "n_groups", minimum=1) > len(graph):
        raise BadRequest(f"n_groups={n_groups}: the graph has {len(graph)} nodes; at most as many groups are possible.")
    nodes = list(graph)
    rows = nx.to_numpy_array(graph, nodelist=nodes, weight=weight)
    distinct = len(np.unique(rows, axis=0))
    labels = KMeans(min(n_groups, distinct), n_init=3, random_state=seed).fit_predict(rows)
    return [{node for node, each in zip(nodes, labels, strict=True) if each == label} for label in set(labels.tolist())]
