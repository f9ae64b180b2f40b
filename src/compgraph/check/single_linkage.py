"""Rows that a chain of small steps connects, without listing the pairs of near rows."""

import numpy as np
from jaxtyping import Float64, Int64
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from compgraph.arguments import checked


@checked
def single_linkage(rows: Float64[np.ndarray, "u p"], *, tolerance: float) -> Int64[np.ndarray, " u"]:
    r"""Label the rows that steps of at most :math:`r = \epsilon \max_i \lVert x_i \rVert` connect.

    Parameters
    ----------
    rows
        At least one; no two equal.
    tolerance
        :math:`\epsilon`, at least 0.

    Returns
    -------
    numpy.ndarray
        Equal labels for connected rows.

    Notes
    -----
    Rows within :math:`r / 2` of a leader are within :math:`r` of one another, so a ball around it joins them without
    a look at their pairs. Leaders are further than :math:`r / 2` apart, so in few dimensions few of them are within
    reach of one another. Time O(u p log u) for few features and O(u^2 p) for many; memory O(u p), and three numbers
    for every two leaders within :math:`2 r`.

    Examples
    --------
    >>> rows = np.array([[0.0], [0.1], [0.2], [1.0]])
    >>> single_linkage(rows, tolerance=0.15).tolist()
    [1, 1, 1, 0]
    """
    radius = tolerance * float(np.linalg.norm(rows, axis=1).max())
    labels = np.arange(len(rows))
    if radius == 0 or len(rows) < 2:
        return labels
    # The bound is exclusive; with it isolated rows, mostly all of them, are passed over fast.
    nearest = cKDTree(rows).query(rows, k=2, distance_upper_bound=radius * (1 + 1e-9))[0][:, 1]
    close = np.flatnonzero(nearest <= radius)
    if len(close):
        crowd = rows[close]
        leads, balls = _balls(crowd, radius / 2)
        labels[close] = len(rows) + _connected(crowd, leads, balls, radius)[balls]
    return np.unique(labels, return_inverse=True)[1].astype(np.int64)


def _balls(
    rows: Float64[np.ndarray, "u p"], radius: float
) -> tuple[Int64[np.ndarray, " leaders"], Int64[np.ndarray, " u"]]:
    """Return rows whose balls cover all, and the ball that each row is in."""
    tree, ball = cKDTree(rows), np.full(len(rows), -1)
    leads: list[int] = []
    for row in range(len(rows)):
        if ball[row] < 0:
            inside = np.asarray(tree.query_ball_point(rows[row], radius))
            ball[inside[ball[inside] < 0]] = len(leads)
            leads.append(row)
    return np.array(leads), ball


def _connected(
    rows: Float64[np.ndarray, "u p"], leads: Int64[np.ndarray, " leaders"], ball: Int64[np.ndarray, " u"], radius: float
) -> Int64[np.ndarray, " leaders"]:
    """Label the balls with members within the radius of one another."""
    reach = np.zeros(len(leads))
    np.maximum.at(reach, ball, np.linalg.norm(rows - rows[leads[ball]], axis=1))
    tree = cKDTree(rows[leads])
    linked = tree.query_pairs(radius, output_type="ndarray")
    first = _components(linked, len(leads))
    # Balls touch where their leaders do not: what is left to see are single members of balls not yet connected.
    rest = np.flatnonzero(first != np.bincount(first).argmax())
    near = cKDTree(rows[leads[rest]]).sparse_distance_matrix(
        tree, radius + 2 * float(reach.max()), output_type="coo_matrix"
    )
    one, other = rest[near.row], near.col
    open_ = (first[one] != first[other]) & (near.data <= radius + reach[one] + reach[other])
    members = np.split(np.argsort(ball, kind="stable"), np.cumsum(np.bincount(ball))[:-1])
    touching = [
        (a, b)
        for a, b in zip(one[open_], other[open_], strict=True)
        if _touch(rows[members[a]], rows[members[b]], radius)
    ]
    return _components(np.concatenate([linked, np.array(touching, dtype=np.int64).reshape(-1, 2)]), len(leads))


def _touch(one: Float64[np.ndarray, "a p"], other: Float64[np.ndarray, "b p"], radius: float) -> bool:
    few, many = sorted((one, other), key=len)
    return bool((cKDTree(many).query(few)[0] <= radius).any())


def _components(pairs: Int64[np.ndarray, "m 2"], size: int) -> Int64[np.ndarray, " size"]:
    graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(size, size))
    return connected_components(graph, directed=False)[1].astype(np.int64)
