"""How well groups keep to the tasks that components serve: those that were found, and those that would be reported."""

from dataclasses import dataclass

from compgraph.check import TaskProfile, agreement
from compgraph.group import Partition


@dataclass(frozen=True, slots=True)
class FoundAndReported:
    """Groups against tasks, before and after `Partition.trusted` has judged them.

    Attributes
    ----------
    found, reported
        Adjusted Rand index against the task that each component serves most: 1 when the partitions are the same, about
        0 by chance, and 0 for a single group against several tasks.
    n_found, n_reported
        Groups: 1 is reported where those that were found are not reliable.
    """

    found: float
    reported: float
    n_found: int
    n_reported: int


def found_and_reported(groups: Partition, profile: TaskProfile) -> FoundAndReported:
    """Compare groups, and what of them would be reported, with the task that each component serves.

    Parameters
    ----------
    groups
        Of the nodes of a component graph.
    profile
        Of the components, as of `compgraph.task_profile`; it may have others that the graph has not.

    Returns
    -------
    FoundAndReported
        Over the components that have a group and that any task moves.

    Raises
    ------
    EmptyData
        When there are none.

    Notes
    -----
    Cost O(nodes).
    """
    served = {node: profile.labels.get(node) for node in groups.assignment}
    reported = groups.trusted()
    scores = [agreement(each, served, n_permutations=0).ari for each in (groups, reported)]
    return FoundAndReported(scores[0], scores[1], groups.n_groups, reported.n_groups)
