from dataclasses import replace

import pytest
from sklearn.metrics import adjusted_rand_score

from compgraph.check import TaskProfile
from compgraph.errors import EmptyData
from compgraph.group import Partition
from note.measures.groups_and_tasks import FoundAndReported, found_and_reported

NODES = ("a", "b", "c", "d", "e")
GROUPS = Partition(dict(zip(NODES, (0, 0, 1, 1, 0), strict=True)), 0.3, 0.01, 1.0, "louvain", {}, 0)
LABELS = {"a": "A", "b": "A", "c": "B", "d": "A", "x": "B"}  # none of e, and one of a component in no graph
PROFILE = TaskProfile({}, {}, LABELS)
EXPECTED = adjusted_rand_score([0, 0, 1, 0], [0, 0, 1, 1])


def judges_by_reliability(score) -> None:
    """What is reported is one group as soon as the groups may be chance, and what was found stays."""
    assert score(GROUPS, PROFILE) == FoundAndReported(EXPECTED, EXPECTED, 2, 2)
    assert score(replace(GROUPS, p_value=0.2), PROFILE) == FoundAndReported(EXPECTED, 0.0, 2, 1)
    assert score(replace(GROUPS, stability=0.1), PROFILE) == FoundAndReported(EXPECTED, 0.0, 2, 1)


def test_groups_are_scored_before_and_after_the_verdict() -> None:
    judges_by_reliability(found_and_reported)

    def unjudged(groups, profile):
        return found_and_reported(replace(groups, p_value=0.01, stability=1.0), profile)

    with pytest.raises(AssertionError):
        judges_by_reliability(unjudged)


def test_components_that_nothing_moves_cannot_be_scored() -> None:
    with pytest.raises(EmptyData):
        found_and_reported(GROUPS, TaskProfile({}, {}, {"x": "A"}))
