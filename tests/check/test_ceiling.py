import math
import sys
from itertools import product

import numpy as np
import pytest

from compgraph.check import HardCeiling, element_centric_similarity, hard_ceiling, omega_index
from compgraph.check.ceiling import omega_after_moves, partitions, similarity_after_moves
from compgraph.check.covers import membership_matrix
from compgraph.check.similarity import affinity, pair_weights, shared_groups
from compgraph.errors import BadRequest, EmptyData

BELL = [1, 1, 2, 5, 15, 52, 203, 877, 4140]


def random_cover(n: int, k: int, seed: int, chance: float = 0.4) -> dict:
    table = np.random.default_rng(seed).random((n, k)) < chance
    return {f"n{i:02}": np.flatnonzero(row).tolist() for i, row in enumerate(table)}


def random_weights(truth: dict, seed: int) -> dict:
    values = np.random.default_rng(seed).uniform(0.1, 2, len(truth))
    return dict(zip(truth, values.tolist(), strict=True))


def brute(truth: dict, weights: dict) -> tuple[float, float]:
    """Both ceilings, from every assignment of nodes to as many groups as there are nodes."""
    hard = [dict(zip(truth, labels, strict=True)) for labels in product(range(len(truth)), repeat=len(truth))]
    return (
        max(omega_index(each, truth, weights=weights) for each in hard),
        max(element_centric_similarity(each, truth, weights=weights).mean for each in hard),
    )


@pytest.fixture
def searched(monkeypatch):
    """The ceiling by search, however small the cover."""

    def ceiling(truth, **options) -> HardCeiling:
        with monkeypatch.context() as patch:
            patch.setattr(sys.modules[HardCeiling.__module__], "SMALL", 0)
            return hard_ceiling(truth, **options)

    return ceiling


def test_all_partitions_are_tried() -> None:
    assert [len(partitions(n)) for n in range(9)] == BELL
    assert len({tuple(labels) for labels in partitions(6)}) == BELL[6]


@pytest.mark.parametrize("seed", range(3))
def test_exact_ceiling_is_the_brute_one(seed) -> None:
    truth = random_cover(4, 3, seed)
    weights = random_weights(truth, seed)
    found = hard_ceiling(truth, weights=weights)
    assert found.exact
    assert (found.omega, found.element_centric) == pytest.approx(brute(truth, weights), abs=1e-12)


def reaches_the_ceiling(search) -> None:
    """A search never passes the exact ceiling, and reaches it on covers of up to 7 nodes."""
    for seed in range(12):
        truth = random_cover(4 + seed % 4, 2 + seed % 3, seed)
        options = {"weights": random_weights(truth, seed)} if seed % 2 else {}
        found, best = search(truth, **options), hard_ceiling(truth, **options)
        assert not found.exact
        assert found.omega == pytest.approx(best.omega, abs=1e-9)
        assert found.element_centric == pytest.approx(best.element_centric, abs=1e-9)


def test_search_reaches_the_exact_ceiling(searched) -> None:
    reaches_the_ceiling(searched)


def test_a_search_that_never_moves_is_seen(searched, monkeypatch) -> None:
    monkeypatch.setattr(sys.modules[HardCeiling.__module__], "climb", lambda labels, _: labels)
    with pytest.raises(AssertionError):
        reaches_the_ceiling(searched)


@pytest.mark.parametrize("seed", range(8))
def test_scores_after_moves_are_those_of_the_moved(seed) -> None:
    truth = random_cover(7, 3, seed)
    weights = random_weights(truth, seed)
    w = np.array(list(weights.values()))
    member = membership_matrix(list(truth), truth)
    _, labels = np.unique(np.random.default_rng(seed).integers(0, 3, 7), return_inverse=True)
    omega = omega_after_moves(shared_groups(member), pair_weights(w))(labels)
    alike = similarity_after_moves(affinity(member, 0.7), w, 0.7)(labels)
    assert omega.shape == alike.shape == (7, labels.max() + 2)
    for node, group in np.ndindex(omega.shape):
        moved = labels.copy()
        moved[node] = group
        hard = dict(zip(truth, moved.tolist(), strict=True))
        assert omega[node, group] == pytest.approx(omega_index(hard, truth, weights=weights), abs=1e-9)
        expected = element_centric_similarity(hard, truth, weights=weights, alpha=0.7).mean
        assert alike[node, group] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("n", [6, 30])
def test_without_overlap_the_ceiling_is_one(n) -> None:
    found = hard_ceiling({f"n{i}": i % 3 for i in range(n)})
    assert (found.omega, found.element_centric) == pytest.approx((1, 1))
    assert found.exact == (n == 6)


def test_ceiling_by_hand() -> None:
    # Two groups of three that share c: of the 10 pairs 6 are together, and the best partition has 4 of those.
    found = hard_ceiling({"a": "x", "b": "x", "c": ["x", "y"], "d": "y", "e": "y"})
    expected = 0.6 * 0.4 + 0.4 * 0.6
    assert found.omega == pytest.approx((0.8 - expected) / (1 - expected))


def test_each_node_in_a_true_group_is_within_reach() -> None:
    rng = np.random.default_rng(5)
    truth = {f"n{i:02}": sorted({i % 3, int(rng.integers(0, 3))}) for i in range(40)}
    found = hard_ceiling(truth)
    for seed in range(20):
        draw = np.random.default_rng(seed)
        hard = {node: int(draw.choice(held)) for node, held in truth.items()}
        assert omega_index(hard, truth) <= found.omega
        assert element_centric_similarity(hard, truth).mean <= found.element_centric


def test_ceiling_is_repeatable_and_blind_to_names() -> None:
    truth = random_cover(25, 4, 2)
    renamed = {node: {"dbca"[group] for group in held} for node, held in reversed(truth.items())}
    assert hard_ceiling(truth, seed=3) == hard_ceiling(renamed, seed=3)


def test_one_group_of_all_can_look_most_alike_where_many_are_shared() -> None:
    truth = {f"n{i:03}": sorted({i % 4, (i // 4) % 4 if i % 3 == 0 else i % 4}) for i in range(96)}
    together, sorted_ = dict.fromkeys(truth, 0), {node: held[0] for node, held in truth.items()}
    high, low = (
        [element_centric_similarity(each, truth, alpha=alpha).mean for each in (together, sorted_)]
        for alpha in (0.9, 0.3)
    )
    assert high[0] > high[1]
    assert low[0] < low[1]
    assert omega_index(together, truth) == pytest.approx(0, abs=1e-12)
    assert omega_index(sorted_, truth) > 0.5


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"n_starts": -1}, r"n_starts="),
        ({"seed": True}, r"seed="),
        ({"alpha": 1.0}, r"alpha="),
        ({"weights": {"a": math.nan}}, r"node 'a' has the weight nan"),
    ],
)
def test_bad_request(options, says) -> None:
    with pytest.raises(BadRequest, match=says):
        hard_ceiling({"a": "x", "b": "x"}, **options)


def test_nothing_known() -> None:
    with pytest.raises(EmptyData, match=r"none of the 0 nodes"):
        hard_ceiling({})
