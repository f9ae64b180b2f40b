"""Which task a group serves, so that both go by one name."""

from collections import defaultdict
from collections.abc import Hashable, Mapping

from compgraph.arguments import checked
from compgraph.check.agreement import importance
from compgraph.check.labels import labelled, one_label
from compgraph.group.partition import Partition


@checked
def match_tasks(
    groups: Partition, labels: Mapping[str, Hashable], *, weights: Mapping[str, float] | None = None
) -> dict[int, str]:
    """Name groups after the tasks that they serve.

    A group serves the task that most of its components serve, by importance. Where several groups serve one task, its
    name goes to the one that holds most of it.

    Parameters
    ----------
    groups
        A partition of the nodes of a graph.
    labels
        Node id to the task it serves, such as ``task_profile(...).labels``; nodes may be missing.
    weights
        Node id to importance, such as ``dict(graph.nodes(data="share"))``; by default all nodes count alike.

    Returns
    -------
    dict of int to str
        Group to task, for groups with a task of their own; a task names one group at most. See `Partition.named`.

    Examples
    --------
    >>> found = Partition({"a": 0, "b": 0, "c": 1, "d": 2}, 0.4, 0.01, 1.0, "louvain", {}, 0)
    >>> match_tasks(found, {"a": "left", "b": "left", "c": "right", "d": "left"})
    {0: 'left', 1: 'right'}
    """
    nodes = labelled(groups.assignment, labels)
    held: defaultdict[int, defaultdict[str, float]] = defaultdict(lambda: defaultdict(float))
    for node, weight in zip(nodes, importance(nodes, weights).tolist(), strict=True):
        held[groups.assignment[node]][str(one_label(node, labels[node]))] += weight
    names: dict[str, int] = {}
    for group in sorted(held):
        task = max(held[group], key=held[group].__getitem__)
        if task not in names or held[group][task] > held[names[task]][task]:
            names[task] = group
    return {group: task for task, group in sorted(names.items(), key=lambda each: each[1])}
