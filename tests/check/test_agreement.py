import math
import sys
from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score

from compgraph.check.agreement import Agreement, agreement
from compgraph.errors import BadRequest, EmptyData
from compgraph.group import Partition

NODES = [f"n{i}" for i in range(12)]
codes = st.lists(st.integers(0, 3), min_size=len(NODES), max_size=len(NODES))
importances = st.lists(st.floats(0.01, 100), min_size=len(NODES), max_size=len(NODES))


def named(values) -> dict:
    return dict(zip(NODES, values, strict=True))


def literal_weighted_ari(groups: dict, labels: dict, weights: dict) -> float:
    """The formula of the docstring, one pair of nodes at a time."""
    total = in_group = in_label = both = 0.0
    for i, j in combinations(groups, 2):
        pair = weights[i] * weights[j]
        total += pair
        in_group += pair * (groups[i] == groups[j])
        in_label += pair * (labels[i] == labels[j])
        both += pair * (groups[i] == groups[j] and labels[i] == labels[j])
    expected = in_group * in_label / total
    return (both - expected) / ((in_group + in_label) / 2 - expected)


def trivial(a, b):
    return len({*a}) == len({*b}) == 1


def same_partition(a, b) -> bool:
    return len(set(zip(a, b, strict=True))) == len(set(a)) == len(set(b))


@given(codes, codes, importances)
@settings(max_examples=40)
def test_weighted_ari_is_the_literal_sum_over_pairs(a, b, w) -> None:
    found = agreement(named(a), named(b), weights=named(w), n_permutations=0).weighted_ari
    expected = (
        math.nan
        if trivial(a, b)
        else 1.0
        if same_partition(a, b)
        else literal_weighted_ari(named(a), named(b), named(w))
    )
    assert found == pytest.approx(expected, abs=1e-9, nan_ok=True)


@given(codes, codes, st.floats(1e-3, 1e3))
@settings(max_examples=40)
def test_equal_weights_give_the_adjusted_rand_index(a, b, w) -> None:
    found = agreement(named(a), named(b), weights=named([w] * len(NODES)), n_permutations=0)
    assert found.weighted_ari == pytest.approx(found.ari, abs=1e-12, nan_ok=True)
    assert agreement(named(a), named(b), n_permutations=0).weighted_ari == pytest.approx(
        found.ari, abs=1e-12, nan_ok=True
    )


@given(codes, codes, importances, st.permutations(range(4)))
@settings(max_examples=25)
def test_renaming_changes_nothing(a, b, w, new) -> None:
    plain = agreement(named(a), named(b), weights=named(w), n_permutations=50)
    groups = {node: new[group] for node, group in reversed(named(a).items())}
    labels = {node: "abcd"[new[label]] for node, label in named(b).items()}
    renamed = agreement(groups, labels, weights=named(w), n_permutations=50)
    for field in plain.__slots__:
        assert getattr(renamed, field) == pytest.approx(getattr(plain, field), abs=1e-9, nan_ok=True), field


@given(codes, codes, importances)
@settings(max_examples=25)
def test_exchanging_groups_and_labels(a, b, w) -> None:
    one, other = (agreement(named(x), named(y), weights=named(w), n_permutations=0) for x, y in ((a, b), (b, a)))
    for field in ("ari", "ami", "weighted_ari"):
        assert getattr(one, field) == pytest.approx(getattr(other, field), abs=1e-9, nan_ok=True)
    assert one.homogeneity == pytest.approx(other.completeness, abs=1e-9)


def test_weights_move_the_index_towards_the_important_nodes() -> None:
    groups, labels = named([0] * 6 + [1] * 6), named([0] * 5 + [1, 0] + [1] * 5)
    light = named([1] * 5 + [0.01] * 2 + [1] * 5)
    absent = named([1] * 5 + [0] * 2 + [1] * 5)
    plain = agreement(groups, labels, n_permutations=0)
    assert plain.weighted_ari < 0.5
    assert agreement(groups, labels, weights=light, n_permutations=0).weighted_ari > 0.95
    assert agreement(groups, labels, weights=absent, n_permutations=0).weighted_ari == 1


@pytest.mark.parametrize("factor", [1e-200, 7.0, 1e200])
def test_scaling_the_weights_changes_nothing(factor) -> None:
    rng = np.random.default_rng(0)
    groups, labels, w = named(rng.integers(0, 3, 12)), named(rng.integers(0, 3, 12)), rng.random(12)
    one, other = (
        agreement(groups, labels, weights=named(weights), n_permutations=0).weighted_ari for weights in (w, w * factor)
    )
    assert one == pytest.approx(other)


def test_perfect_agreement() -> None:
    found = agreement(named([0, 1, 2] * 4), named(["a", "b", "c"] * 4))
    assert (found.ari, found.ami, found.weighted_ari, found.purity) == pytest.approx((1, 1, 1, 1))
    assert (found.homogeneity, found.completeness) == pytest.approx((1, 1))
    assert found.p_value < 0.005  # 1 of 5,775 ways to deal 12 nodes into three fours is as good
    assert found.chance_mean == pytest.approx(0, abs=0.02)


def test_purity_by_hand() -> None:
    found = agreement(dict(zip("abcde", [0, 0, 0, 1, 1], strict=True)), dict(zip("abcde", "xxyyz", strict=True)))
    assert found.purity == pytest.approx(3 / 5)


def test_chance_is_the_adjusted_rand_index_under_permutation() -> None:
    rng = np.random.default_rng(3)
    groups, labels = rng.integers(0, 3, 12), rng.integers(0, 4, 12)
    found = agreement(named(groups), named(labels), n_permutations=4000)
    literal = [adjusted_rand_score(groups, rng.permutation(labels)) for _ in range(1000)]
    assert found.chance_mean == pytest.approx(np.mean(literal), abs=0.01)
    assert found.chance_sd == pytest.approx(np.std(literal), rel=0.1)
    observed = adjusted_rand_score(groups, labels)
    assert found.p_value == pytest.approx(np.mean(np.array(literal) >= observed - 1e-12), abs=0.04)


def test_chance_in_several_chunks(monkeypatch) -> None:
    monkeypatch.setattr(sys.modules[Agreement.__module__], "CHUNK", 40)
    found = agreement(named([0, 1] * 6), named([0, 1] * 6), n_permutations=300)
    assert found.p_value < 0.02
    assert found.chance_mean == pytest.approx(0, abs=0.05)


def test_labels_themselves_are_one_of_the_permutations() -> None:
    # Of 40 nodes no permutation in 9 agrees as well: the smallest p-value that 9 permutations can give.
    values = {f"n{i}": i % 2 for i in range(40)}
    assert agreement(values, values, n_permutations=9).p_value == pytest.approx(1 / 10)


def test_p_values_are_level_without_agreement() -> None:
    rng = np.random.default_rng(4)
    values = [
        agreement(named(rng.integers(0, 3, 12)), named(rng.integers(0, 3, 12)), n_permutations=99).p_value
        for _ in range(200)
    ]
    assert np.mean(np.array(values) <= 0.05) <= 0.09  # 3 standard errors above 5 % is 9.6 %
    assert 0.4 < np.mean(values) < 0.7


def test_missing_labels_are_counted_and_left_out() -> None:
    groups = named([0, 0, 0, 1, 1, 1] * 2)
    labels = {"n0": "a", "n1": "a", "n3": "b", "n4": "b", "n5": None}
    found = agreement(groups, labels)
    assert (found.n, found.unlabelled, found.ari) == (4, 8, 1.0)


def test_partition_and_mapping_are_alike() -> None:
    values = named([0, 1] * 6)
    found = Partition(values, 0.1, 0.01, 1.0, "louvain", {}, 0)
    labels = named(["a", "b", "b"] * 4)
    assert agreement(found, labels) == agreement(values, labels)


def test_labels_of_mixed_types() -> None:
    assert agreement(named([0, 0, 1, 1] * 3), named([1, 1, "1", "1"] * 3)).ari == 1


@pytest.mark.parametrize(
    ("groups", "labels", "scores"),
    [
        ([0] * 12, ["a"] * 12, (math.nan, math.nan, 1, 1, math.nan)),
        ([0] * 12, ["a", "b"] * 6, (0, 0, 0, 1, 0)),
        ([0, 1] * 6, ["a"] * 12, (0, 0, 1, 0, 0)),
    ],
)
def test_one_group_or_one_label(groups, labels, scores) -> None:
    found = agreement(named(groups), named(labels), n_permutations=20)
    assert (
        found.ari,
        found.ami,
        found.homogeneity,
        found.completeness,
        found.weighted_ari,
    ) == pytest.approx(scores, abs=1e-12, nan_ok=True)
    assert (found.p_value, found.chance_sd) == (1, 0)


def test_one_labelled_node() -> None:
    found = agreement(named([0, 1] * 6), {"n3": "a"}, n_permutations=5)
    assert (found.purity, found.p_value, found.n) == (1, 1, 1)
    assert np.isnan([found.ari, found.ami, found.weighted_ari]).all()  # a perfect score would say what is not known


def test_labels_are_compared_by_what_they_hold() -> None:
    groups, ints = named([0, 0, 1, 1, 2, 2] * 2), named([0, 0, 1, 1, 1, 2] * 2)
    wanted = agreement(groups, ints, n_permutations=20)
    for scalar in (torch.tensor, np.int64, np.array, np.float32):
        held = {node: scalar(label) for node, label in ints.items()}
        if scalar is np.array:  # not hashable: no label, as a list is none
            with pytest.raises(BadRequest, match="something hashable"):
                agreement(groups, held)
            continue
        assert agreement(groups, held, n_permutations=20) == wanted
        assert agreement(held, groups, n_permutations=0).ari == agreement(ints, groups, n_permutations=0).ari
    pairs = {node: (torch.tensor(label), "x") for node, label in ints.items()}
    assert agreement(groups, pairs, n_permutations=20) == wanted


@pytest.mark.parametrize("none", [math.nan, np.float32("nan"), torch.tensor(math.nan), None])
def test_nan_is_no_label(none) -> None:
    groups = named([0, 0, 0, 1, 1, 1] * 2)
    labels = {"n0": "a", "n1": "a", "n3": "b", "n4": "b"}
    assert agreement(groups, {**labels, "n5": none, "n6": none}) == agreement(groups, labels)
    with pytest.raises(BadRequest, match=r"node 'n0' is in the group .*, which is none"):
        agreement({**groups, "n0": none}, labels)


def test_labels_of_several_numbers_are_refused() -> None:
    with pytest.raises(BadRequest, match=r"node 'n0' has a label of shape \(2,\).*compgraph.check.overlap"):
        agreement(named([0, 1] * 6), {"n0": torch.zeros(2)})
    with pytest.raises(BadRequest, match=r"labels=.*compgraph.check.overlap"):
        agreement(named([0, 1] * 6), {"n0": ["left", "right"]})


def test_without_permutations_chance_is_unknown() -> None:
    found = agreement(named([0, 1] * 6), named([0, 1] * 6), n_permutations=0)
    assert all(math.isnan(value) for value in (found.chance_mean, found.chance_sd, found.p_value))


def test_label_of_a_stranger_is_refused() -> None:
    with pytest.raises(BadRequest, match=r"1 of 2 labels belong to no node.*'nowhere'"):
        agreement(named([0] * 12), {"n0": "a", "nowhere": "b"})


@pytest.mark.parametrize("labels", [{}, {"n0": None}])
def test_nothing_to_compare_with(labels) -> None:
    with pytest.raises(EmptyData, match="none of the 12 nodes has a label"):
        agreement(named([0] * 12), labels)


@pytest.mark.parametrize("bad", [-1.0, math.nan, math.inf])
def test_bad_weight_is_named(bad) -> None:
    weights = named([1.0] * 12) | {"n4": bad}
    with pytest.raises(BadRequest, match=f"node 'n4' has the weight {bad}"):
        agreement(named([0] * 12), named([0] * 12), weights=weights)


def test_missing_weight_is_named() -> None:
    with pytest.raises(BadRequest, match="node 'n3' has the weight None"):
        agreement(named([0] * 12), {"n3": "a"}, weights={"n1": 1.0})


def test_no_importance_at_all() -> None:
    with pytest.raises(BadRequest, match="all 12 labelled nodes have weight 0"):
        agreement(named([0] * 12), named([0] * 12), weights=named([0.0] * 12))


@pytest.mark.parametrize("request_", [{"n_permutations": -1}, {"n_permutations": False}, {"seed": -1}, {"seed": True}])
def test_bad_request(request_) -> None:
    with pytest.raises(BadRequest, match=f"{next(iter(request_))}="):
        agreement(named([0] * 12), named([0] * 12), **request_)


def test_one_node_with_all_the_weight_leaves_no_pairs() -> None:
    weights = {"a": 1.0, "b": 1e-17, "c": 1e-17}
    assert agreement({"a": 0, "b": 0, "c": 1}, {"a": "x", "b": "y", "c": "y"}, weights=weights).weighted_ari == 0
