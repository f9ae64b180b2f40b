"""A group is named after the task it serves, and no task names two."""

import pytest

from compgraph.check import match_tasks
from compgraph.errors import BadRequest, EmptyData
from compgraph.group import Partition


def partition(*groups: str) -> Partition:
    assignment = {node: number for number, nodes in enumerate(groups) for node in nodes}
    return Partition(assignment, 0.4, 0.01, 1.0, "louvain", {}, 0)


def test_groups_and_tasks_in_other_orders() -> None:
    assert match_tasks(partition("abc", "de"), dict.fromkeys("abc", "right") | dict.fromkeys("de", "left")) == {
        0: "right",
        1: "left",
    }


def test_a_task_in_pieces_names_the_largest() -> None:
    labels = dict.fromkeys("abcde", "left") | dict.fromkeys("fg", "right")
    assert match_tasks(partition("ab", "cde", "fg"), labels) == {1: "left", 2: "right"}
    heavy = {**dict.fromkeys("cdefg", 0.1), "a": 1.0, "b": 1.0}
    assert match_tasks(partition("ab", "cde", "fg"), labels, weights=heavy) == {0: "left", 2: "right"}


def test_a_group_goes_by_the_task_that_most_of_it_serves() -> None:
    labels = {"a": "left", "b": "left", "c": "left", "d": "left", "e": "right"}
    assert match_tasks(partition("abc", "de"), labels, weights=dict.fromkeys("abcd", 1.0) | {"e": 0.5}) == {0: "left"}


def test_nodes_without_a_task_do_not_count() -> None:
    assert match_tasks(partition("abc", "d"), {"a": "left", "d": "right"}) == {0: "left", 1: "right"}
    with pytest.raises(EmptyData, match="none of the 4 nodes has a label"):
        match_tasks(partition("abc", "d"), {})
    with pytest.raises(BadRequest, match="belong to no node"):
        match_tasks(partition("abc", "d"), {"z": "left"})
