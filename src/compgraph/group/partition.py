"""A grouping of every node, with what is needed to judge and repeat it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import networkx as nx

from compgraph.connect.graph import ordered_nodes
from compgraph.records import brief, rebuilt

SIGNIFICANT = 0.05
STABLE = 0.6


@dataclass(frozen=True, slots=True, repr=False)
class Partition:
    """A group for every node of a component graph.

    Parameters
    ----------
    assignment
        Node id to group, in canonical node order; groups are ``0..c-1`` by decreasing size, ties by first node.
    quality
        Modularity of the groups on the undirected graph.
    p_value
        Share of strength-preserving null graphs (the graph itself counted among them) whose grouping is at least as
        strong, by layered modularity, or of those drawn (see `n_drawn`); NaN when no null graph was drawn.
    stability
        Mean pairwise adjusted mutual information of the runs: 1 when all agree, about 0 when they agree by chance.
    algorithm
        Name of the algorithm.
    parameters
        Everything else the call was given.
    seed
        Where all random numbers started.
    membership
        Node id to the share of its links that goes to each group, 1 in total; see `compgraph.group.memberships`.
    names
        Group to the task that it serves, where that is known; see `compgraph.check.match_tasks`.
    n_drawn
        Null graphs behind the p-value: fewer than were asked for where it could not become significant any more. None
        where that is not known.

    Examples
    --------
    >>> found = Partition({"a": 0, "b": 1, "c": 0}, 0.1, 0.01, 1.0, "louvain", {}, 0)
    >>> found.groups(), found.reliable
    ((('a', 'c'), ('b',)), True)
    """

    assignment: Mapping[str, int]
    quality: float
    p_value: float
    stability: float
    algorithm: str
    parameters: Mapping[str, Any]
    seed: int
    membership: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    names: Mapping[int, str] = field(default_factory=dict)
    n_drawn: int | None = None

    __repr__ = brief
    __reduce__ = rebuilt

    def __post_init__(self) -> None:
        for name in ("assignment", "parameters", "membership", "names"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    @classmethod
    def single(
        cls, graph: nx.DiGraph, *, algorithm: str = "none", parameters: Mapping[str, Any] | None = None, seed: int = 0
    ) -> "Partition":
        """Put every node of a graph into one group.

        Parameters
        ----------
        graph
            A component graph.
        algorithm, parameters, seed
            What to record.

        Returns
        -------
        Partition
            One group with quality 0, p-value 1 and stability 1.
        """
        everyone = dict.fromkeys(ordered_nodes(graph), 0)
        shares = dict.fromkeys(everyone, (1.0,))
        return cls(everyone, 0.0, 1.0, 1.0, algorithm, parameters or {}, seed, shares, n_drawn=0)

    @property
    def n_groups(self) -> int:
        """How many groups there are."""
        return len(set(self.assignment.values()))

    @property
    def reliable(self) -> bool:
        """Whether there are several groups, with p-value <= 0.05 and stability >= 0.6 (never when either is NaN)."""
        return self.n_groups > 1 and self.p_value <= SIGNIFICANT and self.stability >= STABLE

    def trusted(self) -> "Partition":
        """Return these groups where they are reliable, and everything in one group where they are not.

        Returns
        -------
        Partition
            With the p-value and stability of the groups that were found, so that the verdict can be read.
        """
        if self.reliable:
            return self
        everyone = dict.fromkeys(self.assignment, 0)
        return replace(self, assignment=everyone, quality=0.0, membership=dict.fromkeys(everyone, (1.0,)), names={})

    def named(self, names: Mapping[int, str]) -> "Partition":
        """Return these groups with names.

        Parameters
        ----------
        names
            Group to the task that it serves; groups may be missing.

        Returns
        -------
        Partition
            The same groups; pictures and files call those with a name by it.
        """
        return replace(self, names=names)

    def name(self, group: int) -> str:
        """Return what people call a group.

        Parameters
        ----------
        group
            Its number.

        Returns
        -------
        str
            Its name where it has one, else such as ``"group 0"``.
        """
        return self.names.get(group, f"group {group}")

    def shared(self, *, below: float = 0.8) -> tuple[str, ...]:
        """Return the components that several groups use.

        Parameters
        ----------
        below
            A component is shared when no group has at least this share of its links.

        Returns
        -------
        tuple of str
            Node ids in canonical order.
        """
        return tuple(node for node, shares in self.membership.items() if max(shares) < below)

    def groups(self) -> tuple[tuple[str, ...], ...]:
        """Return the node ids of each group.

        Returns
        -------
        tuple of tuple of str
            Group 0 first; nodes in canonical order.
        """
        members: dict[int, list[str]] = {}
        for node, group in self.assignment.items():
            members.setdefault(group, []).append(node)
        return tuple(tuple(members[group]) for group in sorted(members))
