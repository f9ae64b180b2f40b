"""One level of Louvain's search: nodes move one by one to neighbouring communities until none gains."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64

from compgraph.group.modularity.levels import Level
from compgraph.records import brief


def settled(
    level: Level, orders: Int64[np.ndarray, "searches n"], resolution: float | int
) -> tuple[Int64[np.ndarray, "searches n"], Bool[np.ndarray, " searches"]]:
    r"""Move the nodes of every search, each in its own order, sweep after sweep, until a sweep moves none.

    Node :math:`u` of strength :math:`k_u` leaves its community :math:`h` for the neighbouring :math:`c` of the largest

    .. math:: \Delta Q = \frac{w_{uc} - w_{uh}}{m} - \gamma \frac{k_u (S_c - S_h)}{2 m^2},

    where that is above 0, with :math:`w_{uc}` its weight to the others of :math:`c`, :math:`S_c` their summed
    strength, :math:`m` all weight, and :math:`\gamma` the resolution.

    Parameters
    ----------
    level
        Graphs and searches; at the start each node is a community.
    orders
        Nodes of each search as they are visited; what is beyond the nodes of its graph is not read.
    resolution
        Higher for more, smaller communities.

    Returns
    -------
    tuple of numpy.ndarray
        Community of each node, from 0 in every search in the order of their first members at the start; and whether
        any node moved.

    Notes
    -----
    All searches make their ``i``-th visit together. Sums run in the order in which networkx has them, and of equal
    gains the first neighbour's community counts, so that rounding and ties decide as they do there.
    """
    searches, sizes = _Searches.start(level, resolution), level.sizes[level.graph]
    active, ever = np.arange(len(orders)), np.zeros(len(orders), dtype=bool)
    while len(active):
        moved = np.zeros(len(orders), dtype=bool)
        for turn in range(int(sizes[active].max())):
            now = active[sizes[active] > turn]
            moved[now] |= searches.visit(now, orders[now, turn])
        ever |= moved
        active = active[moved[active]]
    return searches.numbered(sizes), ever


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class _Searches:
    """Where all searches stand: row ``s n + u`` is node or community ``u`` of search ``s``."""

    level: Level
    resolution: float | int
    home: Int64[np.ndarray, " rows"]  # community of each node
    totals: Float64[np.ndarray, " rows"]  # strength of each community
    masses: Float64[np.ndarray, " searches"]
    twice_squared: Float64[np.ndarray, " searches"]

    __repr__ = brief

    @classmethod
    def start(cls, level: Level, resolution: float | int) -> "_Searches":
        """Make each node a community."""
        totals = level.strengths[level.graph].ravel()
        masses = level.masses[level.graph]
        # Python's power, as networkx has it: NumPy's may differ in the last digit.
        twice_squared = np.array([2 * mass**2 for mass in masses.tolist()])
        return cls(level, resolution, np.arange(len(totals)), totals, masses, twice_squared)

    def visit(self, now: Int64[np.ndarray, " some"], nodes: Int64[np.ndarray, " some"]) -> Bool[np.ndarray, " some"]:
        """Move a node of each of some searches where it gains most; tell which moved."""
        level, start = self.level, now * self.level.n
        row, place = level.graph[now] * level.n + nodes, start + nodes
        strength, mass, twice_squared = level.strengths.ravel()[row], self.masses[now], self.twice_squared[now]
        here = self.home[place]
        there = self.home.take(level.near.take(row, axis=0) + start[:, None])
        shared = np.bincount(there.ravel(), level.weights.take(row, axis=0).ravel(), len(self.home))
        self.totals[here] -= strength
        leaving = self.resolution * (self.totals[here] * strength) / twice_squared - shared[here] / mass
        joining = self.resolution * (self.totals.take(there) * strength[:, None]) / twice_squared[:, None]
        gain = (leaving[:, None] + shared.take(there) / mass[:, None]) - joining
        best, each = gain.argmax(axis=1), np.arange(len(now))
        target = np.where(gain[each, best] > 0, there[each, best], here)
        self.totals[target] += strength
        self.home[place] = target
        return target != here

    def numbered(self, sizes: Int64[np.ndarray, " searches"]) -> Int64[np.ndarray, "searches n"]:
        """Return the community of each node, numbered from 0 in every search."""
        shape = len(sizes), self.level.n
        used = np.zeros(len(self.home), dtype=np.int64)
        used[self.home.reshape(shape)[np.arange(shape[1]) < sizes[:, None]]] = 1
        number = np.cumsum(used.reshape(shape), axis=1) - 1
        return number.ravel()[self.home].reshape(shape)
