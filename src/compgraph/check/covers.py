"""Groups that overlap: which groups each node is in, from soft memberships or from known tasks."""

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from compgraph.arguments import checked
from compgraph.check.labels import labelled, plain
from compgraph.errors import BadRequest, EmptyData
from compgraph.group.partition import Partition

# Node id to the groups it is in: any collection of them, or one that is no collection, or is a str.
Cover = Mapping[str, Iterable[Hashable] | Hashable]
Shares = Mapping[str, Mapping[Hashable, float | int] | Sequence[float | int] | Float[np.ndarray, " k"]]

ROUNDING = 1e-9  # a share this little under a threshold reaches it


@checked
def cover(membership: Shares, *, shared: float = 0.25) -> dict[str, frozenset[Hashable]]:
    """Return the groups that soft memberships put every node in.

    A node is in every group that holds at least ``shared`` of it, and in the one that holds most of it when none does.

    Parameters
    ----------
    membership
        Node id to the share of the node that each group holds: a mapping of groups, or a sequence whose places are the
        groups 0, 1, ... Shares are divided by their sum. A group that a mapping does not name holds nothing.
    shared
        Smallest share that counts, above 0 and at most 1. Less puts nodes in more groups.

    Returns
    -------
    dict
        Node id to its groups: at least one, or none for a node of which every share is 0.

    Raises
    ------
    BadRequest
        When a share is negative or not finite, sequences differ in length, or ``shared`` is not between 0 and 1.
    EmptyData
        When there are no nodes, or no groups.

    Notes
    -----
    The same rule as `true_cover`, so that both sides of a comparison share alike. Of equal largest shares the first in
    the node's own order is taken. Time and memory O(n k).

    Examples
    --------
    >>> found = cover({"a": [0.5, 0.5, 0, 0], "b": [0.9, 0.1, 0, 0], "c": [0.2, 0.2, 0.2, 0.4]})
    >>> {node: sorted(groups) for node, groups in found.items()}
    {'a': [0, 1], 'b': [0], 'c': [3]}
    """
    shared = _share(shared)
    shares = {node: _proportions(node, each) for node, each in membership.items()}
    lengths = {len(each) for each in membership.values() if not isinstance(each, Mapping)}
    if len(lengths) > 1:
        raise BadRequest(f"the memberships have {sorted(lengths)} places; every node needs one share for each group.")
    if not any(shares.values()):
        raise EmptyData(f"{len(shares)} nodes with no shares in any group; at least one node and one group are needed.")
    return {node: _reaching(each, shared) or _largest(each) for node, each in shares.items()}


@checked
def true_cover(
    profile_share: Mapping[str, Mapping[str, float | int]], *, shared: float = 0.25
) -> dict[str, frozenset[Hashable]]:
    """Return the tasks that every component serves: those with at least a given share of its variance.

    Parameters
    ----------
    profile_share
        Node id to task to the task's share of the node's variance, as `compgraph.TaskProfile` has it in ``share``.
    shared
        Smallest share that counts, between 0 and 1. Less lets a component serve more tasks.

    Returns
    -------
    dict
        Node id to its tasks. A node that no task moves is left out; one spread so evenly over many tasks that none
        reaches ``shared`` serves none.

    Raises
    ------
    BadRequest
        When a share is negative or not finite, or ``shared`` is not between 0 and 1.
    EmptyData
        When no task moves any node.

    Notes
    -----
    Shares are divided by their sum. Time and memory O(n tasks).

    Examples
    --------
    >>> found = true_cover({"a": {"add": 0.9, "max": 0.1}, "b": {"add": 0.4, "max": 0.6}, "c": {"add": 0, "max": 0}})
    >>> {node: sorted(tasks) for node, tasks in found.items()}
    {'a': ['add'], 'b': ['add', 'max']}
    """
    shared = _share(shared)
    shares = {node: _proportions(node, each) for node, each in profile_share.items()}
    found = {node: _reaching(each, shared) for node, each in shares.items() if any(each.values())}
    if not found:
        raise EmptyData(f"no task moves any of the {len(shares)} nodes; at least one is needed to compare with.")
    return found


def aligned(
    groups: Partition | Cover, truth: Partition | Cover
) -> tuple[list[str], Bool[np.ndarray, "n a"], Bool[np.ndarray, "n b"]]:
    """Return the nodes whose true groups are known, sorted, and their membership in the groups and in the true ones.

    A node that ``truth`` lacks, or has as None or NaN, is left out; `Cover` says what else a node may come with.
    """
    given, known = (each.assignment if isinstance(each, Partition) else each for each in (groups, truth))
    nodes = labelled(given, known)
    return nodes, membership_matrix(nodes, given), membership_matrix(nodes, known)


def membership_matrix(nodes: list[str], groups: Cover) -> Bool[np.ndarray, "n k"]:
    """Return which node is in which group; the order of the columns depends on their content only."""
    rows = [_groups(node, groups[node]) for node in nodes]
    code = {group: column for column, group in enumerate(dict.fromkeys(group for row in rows for group in row))}
    table = np.zeros((len(nodes), len(code)), dtype=np.bool_)
    for index, row in enumerate(rows):
        table[index, [code[group] for group in row]] = True
    return table[:, np.lexsort(~table[::-1])]


def _groups(node: str, value: Iterable[Hashable] | Hashable) -> frozenset[Hashable]:
    if isinstance(value, Mapping):
        raise BadRequest(f"node {node!r} comes with a mapping; turn shares into groups with cover() or true_cover().")
    value = plain(value)
    if value is None:
        raise BadRequest(f"node {node!r} comes with None; give an empty collection when it is in no group.")
    try:
        several = value if not isinstance(value, str | bytes) and isinstance(value, Iterable) else [value]
        found: frozenset[Any] = frozenset(map(plain, several))
    except TypeError as error:
        raise BadRequest(f"node {node!r} comes with {value!r}; groups must be hashable, such as str or int.") from error
    if None in found:
        raise BadRequest(f"node {node!r} is in the group None or NaN, which is no name; leave it out or name it.")
    return found


def _share(value: object) -> float:
    if not isinstance(value, Real) or isinstance(value, bool) or not 0 < float(value) <= 1:
        raise BadRequest(f"shared={value!r}: a number above 0 and at most 1 is needed.")
    return float(value)


def _proportions(
    node: str, shares: Mapping[Any, float | int] | Sequence[float | int] | Float[np.ndarray, " k"]
) -> dict[Hashable, float]:
    found: dict[Hashable, float | int] = dict(shares) if isinstance(shares, Mapping) else dict(enumerate(shares))
    for group, share in found.items():
        if not isinstance(share, Real) or not 0 <= float(share) < math.inf:
            raise BadRequest(f"group {group!r} holds {share!r} of node {node!r}; shares are finite and at least 0.")
    total = math.fsum(found.values()) or 1.0
    return {group: float(share) / total for group, share in found.items()}


def _reaching(shares: dict[Hashable, float], threshold: float) -> frozenset[Hashable]:
    return frozenset(group for group, share in shares.items() if share > 0 and share >= threshold - ROUNDING)


def _largest(shares: dict[Hashable, float]) -> frozenset[Hashable]:
    return frozenset([max(shares, key=shares.__getitem__)] if any(shares.values()) else [])
