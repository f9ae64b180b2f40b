import math

import numpy as np
import pytest

from compgraph.check import agreement, element_centric_similarity, hard_ceiling, omega_index, overlap
from compgraph.errors import BadRequest, EmptyData
from compgraph.group import Partition

NODES = [f"n{i:02}" for i in range(24)]
TRUTH = {node: ["x", "y"] if i % 6 == 0 else "x" if i % 2 else "y" for i, node in enumerate(NODES)}
HARD = {node: held if isinstance(held, str) else held[0] for node, held in TRUTH.items()}


def test_scores_are_those_of_the_parts() -> None:
    weights = {node: 1.0 + i for i, node in enumerate(NODES)}
    found = overlap(HARD, TRUTH, weights=weights, n_permutations=5, alpha=0.6)
    best = hard_ceiling(TRUTH, weights=weights, alpha=0.6)
    assert found.omega == omega_index(HARD, TRUTH, weights=weights)
    assert found.element_centric == element_centric_similarity(HARD, TRUTH, weights=weights, alpha=0.6).mean
    assert (found.ceiling_omega, found.ceiling_element_centric) == (best.omega, best.element_centric)
    assert (found.n, found.unlabelled, found.ceiling_exact) == (24, 0, False)


def test_truth_itself_is_perfect_and_above_what_hard_groups_reach() -> None:
    found = overlap(TRUTH, TRUTH, n_permutations=0)
    assert found.omega == 1
    assert found.element_centric == pytest.approx(1)
    assert 0.5 < found.ceiling_omega < 1
    assert found.ceiling_element_centric < 1


def test_hard_groups_never_pass_the_ceiling_beside_them(monkeypatch) -> None:
    monkeypatch.setattr("compgraph.check.ceiling.climb", lambda labels, _: np.zeros_like(labels))
    found = overlap(HARD, TRUTH, n_permutations=0)
    assert 0.5 < found.omega == found.ceiling_omega
    soft = overlap(TRUTH, TRUTH, n_permutations=0)
    assert soft.ceiling_omega == pytest.approx(0)


def level(score) -> None:
    """Chance is level: unrelated covers score 0 on average, whatever their overlaps."""
    found = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        a, b = ({node: rng.choice(4, rng.integers(1, 4), replace=False).tolist() for node in NODES} for _ in range(2))
        found.append(score(a, b))
    assert abs(np.mean(found)) < 4 * np.std(found) / math.sqrt(len(found))


def test_chance_is_level() -> None:
    level(omega_index)


def test_a_score_without_correction_is_seen() -> None:
    with pytest.raises(AssertionError):
        level(lambda a, b: element_centric_similarity(a, b).mean)


def test_chance_of_partitions_is_that_of_the_adjusted_rand_index() -> None:
    labels = {node: i // 8 for i, node in enumerate(NODES)}
    found = overlap(HARD, labels, n_permutations=1500)
    plain = agreement(HARD, labels, n_permutations=1500)
    assert found.omega == pytest.approx(plain.ari)
    assert found.chance_mean == pytest.approx(0, abs=5 * plain.chance_sd / math.sqrt(1500))
    assert found.chance_sd == pytest.approx(plain.chance_sd, rel=0.15)


def test_unlabelled_nodes_are_left_out() -> None:
    partition = Partition({node: i % 2 for i, node in enumerate(NODES)}, 0.1, 0.01, 1.0, "louvain", {}, 0)
    found = overlap(partition, {"n01": "x", "n03": ["x"], "n02": "y", "n04": "y", "n06": None}, n_permutations=10)
    assert (found.omega, found.n, found.unlabelled, found.ceiling_exact) == (1, 4, 20, True)


def test_repeatable_for_a_seed_and_unknown_chance_without_permutations() -> None:
    assert overlap(HARD, TRUTH, seed=4) == overlap(dict(reversed(HARD.items())), TRUTH, seed=np.int64(4))
    assert overlap(HARD, TRUTH, seed=4).chance_mean != overlap(HARD, TRUTH, seed=5).chance_mean
    found = overlap(HARD, TRUTH, n_permutations=0)
    assert math.isnan(found.chance_mean)
    assert math.isnan(found.chance_sd)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"n_permutations": -1}, r"n_permutations="),
        ({"seed": False}, r"seed="),
        ({"alpha": 0.0}, r"alpha="),
        ({"weights": dict.fromkeys(NODES, -1.0)}, r"node 'n00' has the weight -1.0"),
    ],
)
def test_bad_request(options, says) -> None:
    with pytest.raises(BadRequest, match=says):
        overlap(HARD, TRUTH, **options)


def test_strangers_and_nothing_known() -> None:
    with pytest.raises(BadRequest, match=r"belong to no node of the groups, the first to 'nowhere'"):
        overlap(HARD, TRUTH | {"nowhere": "x"})
    with pytest.raises(EmptyData, match=r"none of the 24 nodes has a label"):
        overlap(HARD, {})
