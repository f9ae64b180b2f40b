"""Purity against bases and deals of which chance is known by algebra."""

import numpy as np
import pytest

from compgraph.check import ChanceTest
from compgraph.errors import BadRequest, EmptyData, NotFinite, ShapeError
from note.measures.variance.purity import direction_purity, group_purity, joined

APART = {"A": np.diag([1.0, 1, 0, 0]), "B": np.diag([0.0, 0, 1, 1])}


def test_directions_of_one_task_are_pure_and_half_of_each_is_the_least():
    assert direction_purity(np.eye(4), APART).observed == 1
    half = np.array([[1.0, 0, 1, 0], [0, 1, 0, 1], [1, 0, -1, 0], [0, 1, 0, -1]]) / np.sqrt(2)
    found = direction_purity(half, APART)
    assert found.observed == pytest.approx(0.5)
    assert found.p_value == 1


def test_a_random_direction_of_four_is_three_quarters_pure():
    # Its squared length within two of four dimensions is uniform on (0, 1), and the larger part of that has mean 3/4.
    found = direction_purity(np.eye(4), APART, n=1000)
    assert np.mean(found.by_chance) == pytest.approx(0.75, abs=0.01)
    assert found.p_value == 1 / 1001


def test_turns_keep_the_total_where_tasks_are_not_the_whole():
    rng = np.random.default_rng(0)
    axes, parts = rng.normal(size=(3, 5)), rng.normal(size=(2, 5, 2))
    tasks = {name: part @ part.T for name, part in zip("AB", parts, strict=True)}
    a, b = (np.diag(axes @ each @ axes.T) for each in tasks.values())
    found = direction_purity(axes, tasks, n=2000)
    assert found.observed == pytest.approx(np.maximum(a, b).sum() / (a + b).sum())
    # The eigenvectors of the difference are the purest basis there is.
    values = np.linalg.eigvalsh(axes @ (tasks["A"] - tasks["B"]) @ axes.T)
    ceiling = 0.5 + np.abs(values).sum() / 2 / (a + b).sum()
    assert 0.9 * ceiling < max(found.by_chance) <= ceiling


@pytest.mark.parametrize(
    ("groups", "observed"), [([0, 0, 1, 1], 1.0), ([1, 1, 0, 0], 1.0), ([0, 1, 0, 1], 0.5), ([0, 0, 1, 2], 0.75)]
)
def test_groups_are_as_pure_as_their_best_names_make_them(groups, observed):
    assert group_purity(np.eye(4), np.array(groups), APART).observed == observed


@pytest.mark.parametrize(
    ("groups", "chance"),
    # Of the six ways to deal two and two, two are right and four are half right; one alone takes one wrong along.
    [([0, 0, 1, 1], 2 / 3), ([0, 1, 1, 1], 0.75), ([0, 0, 0, 0], 0.5)],
)
def test_chance_of_groups_is_that_of_all_deals_of_their_sizes(groups, chance):
    found = group_purity(np.eye(4), np.array(groups), APART, n=3000)
    assert np.mean(found.by_chance) == pytest.approx(chance, abs=0.015)


def test_two_directions_are_always_grouped_right_and_that_says_nothing():
    two = {"A": np.diag([1.0, 0.0]), "B": np.diag([0.0, 1.0])}
    found = group_purity(np.eye(2), np.array([0, 1]), two)
    assert (found.observed, found.p_value) == (1, 1)


def test_group_purity_weighs_by_variance():
    axes = np.diag([3.0, 1, 1, 1])
    assert group_purity(axes, np.array([1, 0, 1, 1]), APART).observed == pytest.approx((9 + 0) / 12)


def test_groups_under_other_names_are_no_better_than_themselves():
    rng = np.random.default_rng(3)
    axes, groups = rng.normal(size=(9, 9)), np.repeat([0, 1, 2], 3)
    tasks = {name: np.diag(row) for name, row in zip("ABC", rng.uniform(size=(3, 9)), strict=True)}
    names = [group_purity(axes, order[groups], tasks, n=0).observed for order in np.array([[0, 1, 2], [2, 0, 1]])]
    assert names[0] == names[1]


@pytest.mark.parametrize("measure", [direction_purity, lambda a, c: group_purity(a, np.array([0, 1, 0, 1]), c)])
def test_purity_refuses_what_it_cannot_compare(measure):
    with pytest.raises(BadRequest, match=r"compares tasks and got 1"):
        measure(np.eye(4), {"A": np.eye(4)})
    with pytest.raises(ShapeError, match=r"task 'B' has shape \(3, 3\); \(4, 4\) is needed"):
        measure(np.eye(4), {"A": np.eye(4), "B": np.eye(3)})
    with pytest.raises(EmptyData, match=r"none of 4 directions varies"):
        measure(np.eye(4), dict.fromkeys("AB", np.zeros((4, 4))))
    with pytest.raises(NotFinite, match=r"task 'A' holds 4 NaN"):
        measure(np.eye(4), {"A": np.diag([np.nan] * 4), "B": np.eye(4)})


def test_groups_that_do_not_fit_are_refused():
    with pytest.raises(ShapeError, match=r"3 groups came for 4 directions"):
        group_purity(np.eye(4), np.array([0, 1, 1]), APART)
    with pytest.raises(BadRequest, match=r"group -1 came"):
        group_purity(np.eye(4), np.array([0, 1, -1, 0]), APART)


def test_networks_together_tell_what_one_cannot():
    # A third of all deals is right, so that one network has p = 1/3, and six networks (1/3)^6.
    tests = [group_purity(np.eye(4), np.array([0, 0, 1, 1]), APART, seed=seed) for seed in range(6)]
    assert 0.25 < tests[0].p_value < 0.4
    found = joined(tests)
    assert found.observed == 1
    assert np.mean(found.by_chance) == pytest.approx(2 / 3, abs=0.01)
    assert found.p_value < 0.01
    # With one seed for all, networks are dealt alike and tell no more than one.
    assert joined([tests[0]] * 6).p_value == tests[0].p_value


def test_only_tests_of_one_kind_are_joined():
    one = ChanceTest("n", "s", 1.0, (0.5, 0.0))
    assert joined([one, ChanceTest("n", "s", 0.0, (0.5, 1.0))]).by_chance == (0.5, 0.5)
    with pytest.raises(BadRequest, match=r"tests of 2 kinds came: .*'other'"):
        joined([one, ChanceTest("other", "s", 1.0, (0.5, 0.0))])
    with pytest.raises(BadRequest, match=r"tests of 2 kinds"):
        joined([one, ChanceTest("n", "s", 1.0, (0.5,))])
    with pytest.raises(EmptyData, match=r"no tests came"):
        joined([])
