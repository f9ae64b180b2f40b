"""How heavy an edge looks, and which edges a dense graph can do without at first sight."""

import networkx as nx

EDGES_A_NODE = 3
"""How many edges a node a picture still reads well with."""


def relative_weights(graph: nx.DiGraph) -> dict[tuple[str, str], float]:
    """Compare every edge with the strongest edge between the same two spaces.

    ``relative = weight / max(weight between the spaces)``: weights are shares of all between two spaces, so
    those of spaces of many components are all small; relative weights look alike everywhere.

    Parameters
    ----------
    graph
        A component graph.

    Returns
    -------
    dict of (str, str) to float
        Edge to a number in [0, 1]; 0 throughout where there is no weight.

    Notes
    -----
    O(m) for m edges. Dimensionless.
    """
    space_of = {node: (data["depth"], data["side"], data["layer"]) for node, data in graph.nodes(data=True)}
    strongest: dict[tuple[object, ...], float] = {}
    for source, target, weight in graph.edges(data="weight"):
        ends = space_of[source], space_of[target]
        strongest[ends] = max(strongest.get(ends, 0.0), weight)
    return {
        (source, target): weight / strongest[space_of[source], space_of[target]] if weight > 0 else 0.0
        for source, target, weight in graph.edges(data="weight")
    }


def readable_threshold(relative: dict[tuple[str, str], float], n_nodes: int) -> float:
    """Choose the relative weight below which edges are hidden at first.

    Parameters
    ----------
    relative
        See `relative_weights`.
    n_nodes
        Number of nodes of the picture.

    Returns
    -------
    float
        The relative weight of the edge of rank ``3 n_nodes``, cut down to three decimals; 0 when there are no more
        edges than that. Between any two linked spaces the strongest edge is kept, and edges that tie stay together.

    Examples
    --------
    >>> readable_threshold({("a", str(i)): i / 10 for i in range(1, 11)}, 2)
    0.5
    """
    ranked = sorted(relative.values(), reverse=True)
    budget = EDGES_A_NODE * n_nodes
    if len(ranked) <= budget:
        return 0.0
    return int(1000 * ranked[budget - 1] + 1e-9) / 1000


def pen_width(relative: float) -> float:
    """Return the width an edge is drawn with, in points.

    Parameters
    ----------
    relative
        Its relative weight, see `relative_weights`.

    Returns
    -------
    float
        From 0.4 to 5, linear in the weight.
    """
    return round(0.4 + 4.6 * relative, 3)
