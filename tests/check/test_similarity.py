import math
from fractions import Fraction
from itertools import combinations

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score

from compgraph.check import agreement, element_centric_similarity, omega_index
from compgraph.errors import BadRequest, EmptyData
from compgraph.group import Partition

NODES = [f"n{i}" for i in range(9)]
codes = st.lists(st.integers(0, 3), min_size=len(NODES), max_size=len(NODES))
groups = st.lists(st.frozensets(st.integers(0, 3), max_size=3), min_size=len(NODES), max_size=len(NODES))
importances = st.lists(st.floats(0.01, 100), min_size=len(NODES), max_size=len(NODES))


def named(values) -> dict:
    return dict(zip(NODES, values, strict=True))


def literal_omega(a: dict, b: dict, weights: dict) -> float:
    """The formula of the docstring, one pair of nodes at a time, in fractions: chance can be nearly all there is."""
    share_a, share_b, same, total = {}, {}, 0, 0
    for i, j in combinations(b, 2):
        pair = Fraction(weights[i]) * Fraction(weights[j])
        in_a, in_b = len(a[i] & a[j]), len(b[i] & b[j])
        share_a[in_a] = share_a.get(in_a, 0) + pair
        share_b[in_b] = share_b.get(in_b, 0) + pair
        same += pair * (in_a == in_b)
        total += pair
    expected = sum(share_a[level] * share_b.get(level, 0) for level in share_a) / total**2
    return 1.0 if same == total else float((same / total - expected) / (1 - expected))


def literal_affinity(cover: dict, node: str, alpha: float) -> dict:
    """Personalised PageRank by networkx on the projection of the two-mode graph of nodes and groups."""
    cover = {each: held or {("alone", each)} for each, held in cover.items()}
    size = {}
    for held in cover.values():
        for group in held:
            size[group] = size.get(group, 0) + 1
    walk = nx.DiGraph()
    for i, held in cover.items():
        for j, other in cover.items():
            step = sum(1 / len(held) / size[group] for group in held & other)
            if step:
                walk.add_edge(i, j, weight=step)
    return nx.pagerank(walk, alpha=alpha, personalization={node: 1}, max_iter=10_000, tol=1e-13)


def literal_element_centric(a: dict, b: dict, alpha: float) -> dict:
    scores = {}
    for i in b:
        p, q = literal_affinity(a, i, alpha), literal_affinity(b, i, alpha)
        scores[i] = 1 - sum(abs(p[j] - q[j]) for j in b) / (2 * alpha)
    return scores


@settings(max_examples=40)
@given(groups, groups, importances)
def test_omega_is_the_literal_sum_over_pairs(a, b, w) -> None:
    found = omega_index(named(a), named(b), weights=named(w))
    assert found == pytest.approx(literal_omega(named(a), named(b), named(w)), abs=1e-9)


@settings(max_examples=40)
@given(codes, codes, importances)
def test_omega_of_partitions_is_the_adjusted_rand_index(a, b, w) -> None:
    assert omega_index(named(a), named(b)) == pytest.approx(adjusted_rand_score(a, b), abs=1e-12)
    weighted = agreement(named(a), named(b), weights=named(w), n_permutations=0).weighted_ari
    weighted = 1.0 if np.isnan(weighted) else weighted  # one group and one label: no evidence there, no difference here
    assert omega_index(named(a), named(b), weights=named(w)) == pytest.approx(weighted, abs=1e-9)


def test_omega_by_hand() -> None:
    # Of 6 pairs, ab, bc share one group in truth, all others none; without b in y only ab does.
    truth = {"a": "x", "b": ["x", "y"], "c": "y", "d": []}
    expected = (2 * 1 + 4 * 5) / 36
    assert omega_index(truth | {"b": "x"}, truth) == pytest.approx((5 / 6 - expected) / (1 - expected))


@settings(max_examples=12)
@given(groups, groups, st.sampled_from([0.3, 0.9]))
def test_element_centric_is_personalised_pagerank(a, b, alpha) -> None:
    found = element_centric_similarity(named(a), named(b), alpha=alpha)
    assert found.scores == pytest.approx(literal_element_centric(named(a), named(b), alpha), abs=1e-8)
    assert found.mean == pytest.approx(np.mean(list(found.scores.values())))


# Values of the authors' own package, CluSim 0.4 (element_sim_elscore and omega_index), for this pair of covers.
CLUSIM_A = [[1], [1, 2], [1], [2], [2], [1], [0], [0, 1]]
CLUSIM_B = [[0], [0, 1], [2], [1], [1], [0, 2], [1, 2], [0, 1]]
CLUSIM_OMEGA = 0.24137931034482774
CLUSIM_SCORES = [
    *(0.8893720285875447, 0.8411320965232536, 0.7951468737796679, 0.7674937549975516),
    *(0.7674937549975516, 0.8478771124017795, 0.8138193794461421, 0.8768851229475171),
]


def published_values(element_centric, omega) -> None:
    a, b = (dict(zip(NODES[:8], map(frozenset, each), strict=True)) for each in (CLUSIM_A, CLUSIM_B))
    np.testing.assert_allclose([element_centric(a, b)[node] for node in a], CLUSIM_SCORES, atol=1e-8)
    assert omega(a, b) == pytest.approx(CLUSIM_OMEGA, abs=1e-12)


def scores(a, b) -> dict:
    return dict(element_centric_similarity(a, b).scores)


def test_values_of_the_authors_package() -> None:
    published_values(scores, omega_index)
    ones = dict.fromkeys(NODES, 1)
    published_values(lambda a, b: literal_element_centric(a, b, 0.9), lambda a, b: literal_omega(a, b, ones))


def shares_at_all(a, b) -> float:
    """A broken twin: asks whether pairs share any group, not how many."""
    one, other = (np.array([bool(x[i] & x[j]) for i, j in combinations(b, 2)], dtype=float) for x in (a, b))
    expected = one.mean() * other.mean() + (1 - one.mean()) * (1 - other.mean())
    return float(((one == other).mean() - expected) / (1 - expected))


def one_step(a, b) -> dict:
    """A broken twin: the company one step away, without the walk."""
    return dict(element_centric_similarity(a, b, alpha=1e-6).scores)


@pytest.mark.parametrize(("element_centric", "omega"), [(scores, shares_at_all), (one_step, omega_index)])
def test_broken_twins_miss_the_published_values(element_centric, omega) -> None:
    with pytest.raises(AssertionError):
        published_values(element_centric, omega)


@settings(max_examples=40)
@given(codes, codes, st.sampled_from([0.2, 0.9]))
def test_element_centric_of_partitions_is_shared_company_over_the_larger_group(a, b, alpha) -> None:
    found = element_centric_similarity(named(a), named(b), alpha=alpha).scores
    for i, node in enumerate(NODES):
        mine, theirs = ({j for j in range(len(a)) if x[j] == x[i]} for x in (a, b))
        assert found[node] == pytest.approx(len(mine & theirs) / max(len(mine), len(theirs)), abs=1e-9)


@settings(max_examples=40)
@given(groups, groups, importances, st.permutations(range(4)))
def test_symmetric_bounded_and_blind_to_names(a, b, w, new) -> None:
    one, other, weights = named(a), named(b), named(w)
    renamed = {node: [new[group] for group in held] for node, held in reversed(one.items())}
    assert omega_index(one, other, weights=weights) == pytest.approx(omega_index(other, renamed, weights=weights))
    forth, back = (element_centric_similarity(*pair, weights=weights) for pair in ((one, other), (other, renamed)))
    assert forth.scores == pytest.approx(back.scores, abs=1e-12)
    assert forth.mean == pytest.approx(np.average(list(forth.scores.values()), weights=w))
    assert all(0 <= score <= 1 for score in forth.scores.values())
    assert omega_index(one, one) == 1
    assert element_centric_similarity(one, one).mean == pytest.approx(1)


def test_renaming_changes_no_bit() -> None:
    rng = np.random.default_rng(0)
    a, b = ({node: set(rng.integers(0, 4, 2).tolist()) for node in NODES} for _ in range(2))
    renamed = {node: {"dbca"[group] for group in held} for node, held in a.items()}
    assert element_centric_similarity(a, b) == element_centric_similarity(renamed, b)


def test_scaling_weights_changes_nothing_and_unimportant_nodes_do_not_count() -> None:
    truth = named([["x"]] * 4 + [["x", "y"]] + [["y"]] * 4)
    found = named([0] * 4 + [0, 0] + [1] * 3)
    weights = named([1.0] * 4 + [0, 0] + [1.0] * 3)
    assert omega_index(found, truth) < 0.7
    assert omega_index(found, truth, weights=weights) == 1
    scaled = {node: 7 * weight for node, weight in weights.items()}
    assert element_centric_similarity(found, truth, weights=scaled).mean == pytest.approx(
        element_centric_similarity(found, truth, weights=weights).mean
    )


def test_one_important_node_leaves_next_to_no_pairs() -> None:
    weights = {"a": 1.0, "b": 1e-17, "c": 1e-17}
    found = omega_index({"a": 0, "b": 0, "c": 1}, {"a": "x", "b": "y", "c": "y"}, weights=weights)
    assert found == pytest.approx(0, abs=1e-12)


def test_what_a_node_may_come_with() -> None:
    labels = named(["ab", "ab", "ab", "c", "c", "c", "d", "d", "d"])
    found = Partition(named([0, 0, 0, 1, 1, 1, 2, 2, 2]), 0.1, 0.01, 1.0, "louvain", {}, 0)
    assert omega_index(found, labels) == 1
    assert omega_index({node: [label] for node, label in labels.items()}, labels) == 1
    alone = dict.fromkeys(NODES, ())
    assert omega_index(alone, named(range(9))) == 1
    assert element_centric_similarity(alone, named(range(9))).mean == pytest.approx(1)
    assert list(element_centric_similarity(labels, {"n3": "c", "n1": "b", "n2": None}).scores) == ["n1", "n3"]


@pytest.mark.parametrize("score", [omega_index, element_centric_similarity])
@pytest.mark.parametrize(
    ("a", "b", "options", "says"),
    [
        ({"a": 0}, {"a": 0, "z": 1}, {}, r"1 of 2 labels belong to no node.*'z'"),
        ({"a": None}, {"a": 0}, {}, r"node 'a' comes with None"),
        ({"a": {"x": 0.5}}, {"a": 0}, {}, r"node 'a' comes with a mapping"),
        ({"a": [math.nan]}, {"a": 0}, {}, r"node 'a' is in the group None or NaN"),
        ({"a": (["x"],)}, {"a": 0}, {}, "something hashable"),
        ({"a": 0}, {"a": 0}, {"weights": {"a": -1.0}}, r"node 'a' has the weight -1.0"),
        ({"a": 0}, {"a": 0}, {"weights": {"a": math.nan}}, r"node 'a' has the weight nan"),
        ({"a": 0}, {"a": 0}, {"weights": {}}, r"node 'a' has the weight None"),
        ({"a": 0}, {"a": 0}, {"weights": {"a": 0.0}}, r"all 1 labelled nodes have weight 0"),
    ],
)
def test_bad_input_is_named(score, a, b, options, says) -> None:
    with pytest.raises(BadRequest, match=says):
        score(a, b, **options)


@pytest.mark.parametrize("score", [omega_index, element_centric_similarity])
@pytest.mark.parametrize("truth", [{}, {"a": None}])
def test_nothing_to_compare_with(score, truth) -> None:
    with pytest.raises(EmptyData, match=r"none of the 1 nodes has a label"):
        score({"a": 0}, truth)


@pytest.mark.parametrize("alpha", [0.0, 1.0, -0.5, math.nan])
def test_walk_that_never_ends_or_starts_is_refused(alpha) -> None:
    with pytest.raises(BadRequest, match=r"alpha="):
        element_centric_similarity({"a": 0}, {"a": 0}, alpha=alpha)
