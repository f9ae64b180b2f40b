import math

import numpy as np
import pytest
from scipy.stats import ortho_group

from compgraph.check import gradient_capture, subspace_overlap
from compgraph.errors import BadRequest, EmptyData, NotFinite, ShapeError
from note.measures.gradients.overlap_by_chance import capture_by_chance, gradient_overlap, mean_cosine_by_chance

STEEP = np.diag([100.0, 4.0, 1.0, 0.1, 0.01, 0.001])


def anywhere(seed: int, n: int, k: int, d: int = 6) -> np.ndarray:
    """Return gradients of rank k that point anywhere."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, k)) @ rng.normal(size=(k, d))


def level(chance_of) -> None:
    """What chance is said to give is what gradients that point anywhere overlap on average."""
    for covariance in (None, STEEP):
        found = [gradient_overlap(anywhere(s, 30, 2), anywhere(s + 999, 20, 1), covariance=covariance, energy=1.0,
                                  seed=s) for s in range(120)]  # fmt: skip
        difference = np.array([each.overlap - chance_of(each) for each in found])
        assert abs(difference.mean()) < 4 * difference.std() / math.sqrt(len(difference))


def test_chance_is_level_with_and_without_scaling() -> None:
    level(lambda found: found.chance)
    with pytest.raises(AssertionError):  # the chance level of gradients that are not scaled
        level(lambda found: max(found.dimensions) / 6)


def test_scaling_raises_chance() -> None:
    first, second = anywhere(0, 30, 2), anywhere(1, 30, 2)
    assert gradient_overlap(first, second).chance == 2 / 6
    assert gradient_overlap(first, second, covariance=STEEP).chance > 0.6
    same = gradient_overlap(first, second, covariance=np.eye(6), energy=1.0, n_turns=400)
    assert same.chance == pytest.approx(2 / 6, abs=0.03)


def test_overlap_is_that_of_the_spans() -> None:
    first, second = anywhere(2, 30, 3), anywhere(3, 20, 2)
    found = gradient_overlap(first, second, energy=1.0)
    expected = subspace_overlap(first, second)
    assert (found.overlap, found.chance) == pytest.approx((expected.overlap, expected.chance))
    assert found.dimensions == (3, 2)
    assert np.cos(found.angles) ** 2 @ np.ones(2) / 2 == pytest.approx(found.overlap)
    scaled = gradient_overlap(first, second, energy=1.0, covariance=STEEP)
    assert scaled.overlap == pytest.approx(subspace_overlap(first @ STEEP**0.5, second @ STEEP**0.5).overlap)


def test_only_the_energy_asked_for_counts() -> None:
    rows = np.diag([10.0, 1.0, 0.1])
    assert gradient_overlap(rows, rows, energy=0.9).dimensions == (1, 1)
    assert gradient_overlap(rows, rows, energy=0.99).dimensions == (1, 1)
    assert gradient_overlap(rows, rows, energy=0.995).dimensions == (2, 2)
    assert gradient_overlap(rows, rows, energy=1.0).dimensions == (3, 3)


def correlation_of_scores(overlap_of) -> None:
    """Scaled gradients of linear scores overlap by the squared correlation of the scores."""
    rng = np.random.default_rng(5)
    activations = rng.normal(size=(500, 6)) @ rng.normal(size=(6, 6))
    filters = rng.normal(size=(2, 6))
    correlation = np.corrcoef(filters @ activations.T)[0, 1]
    found = overlap_of(filters[:1], filters[1:], covariance=np.cov(activations.T))
    assert found.overlap == pytest.approx(correlation**2)


def test_scaled_linear_scores_overlap_by_their_correlation() -> None:
    correlation_of_scores(gradient_overlap)
    with pytest.raises(AssertionError):
        correlation_of_scores(lambda a, b, covariance: gradient_overlap(a, b, covariance=covariance @ covariance))
    with pytest.raises(AssertionError):
        correlation_of_scores(lambda a, b, covariance: gradient_overlap(a, b, covariance=np.eye(len(covariance))))


def test_draws_are_those_of_the_seed() -> None:
    first, second = anywhere(0, 9, 2), anywhere(1, 9, 2)
    chances = [gradient_overlap(first, second, covariance=STEEP, seed=seed).chance for seed in (0, 0, 1)]
    assert chances[0] == chances[1] != chances[2]


def test_mean_cosine_by_chance() -> None:
    assert [mean_cosine_by_chance(d) for d in (1, 2, 3)] == pytest.approx([1, 2 / math.pi, 0.5])
    rows = np.random.default_rng(0).normal(size=(200_000, 16))
    drawn = np.abs(rows[:, 0]) / np.linalg.norm(rows, axis=1)
    assert mean_cosine_by_chance(16) == pytest.approx(drawn.mean(), abs=5 * drawn.std() / math.sqrt(len(rows)))
    with pytest.raises(BadRequest, match=r"dimension"):
        mean_cosine_by_chance(0)


def test_capture_by_chance_in_the_plane() -> None:
    # Along an angle t the shares are cos^2 t and sin^2 t, and the larger is 1/2 + |cos 2t| / 2 = 1/2 + 1/pi on average.
    tasks = {"A": np.diag([1.0, 0.0]), "B": np.diag([0.0, 1.0])}
    rows = np.array([[1.0, 0.0], [0.0, 2.0]])
    assert gradient_capture(rows, tasks) == 1
    assert capture_by_chance(rows, tasks, n_turns=4000) == pytest.approx(0.5 + 1 / math.pi, abs=0.01)
    assert capture_by_chance(rows, {"A": np.eye(2), "B": np.eye(2)}) == pytest.approx(0.5)
    turned = rows @ ortho_group.rvs(2, random_state=4)
    assert capture_by_chance(turned, tasks, n_turns=4000) == pytest.approx(0.5 + 1 / math.pi, abs=0.01)


def test_in_one_dimension_nothing_turns() -> None:
    rows = np.array([[2.0], [1.0]])
    found = gradient_overlap(rows, rows, covariance=np.eye(1))
    assert (found.overlap, found.chance, found.dimensions) == (1, 1, (1, 1))
    assert capture_by_chance(rows, {"A": np.eye(1), "B": 3 * np.eye(1)}) == 0.75


def test_requests_that_cannot_be_met() -> None:
    rows = np.eye(3)
    with pytest.raises(BadRequest, match=r"energy=0.0: a share above 0"):
        gradient_overlap(rows, rows, energy=0.0)
    with pytest.raises(BadRequest, match=r"n_turns"):
        gradient_overlap(rows, rows, n_turns=0)
    with pytest.raises(BadRequest, match=r"n_turns"):
        capture_by_chance(rows, {"A": np.eye(3), "B": np.eye(3)}, n_turns=0)
    with pytest.raises(ShapeError, match=r"gradients of 3 and of 2 coordinates"):
        gradient_overlap(rows, np.eye(2))
    with pytest.raises(ShapeError, match=r"covariance has shape \(2, 2\) and gradients have 3"):
        gradient_overlap(rows, rows, covariance=np.eye(2))
    with pytest.raises(EmptyData, match=r"3 gradients of the second set are all 0"):
        gradient_overlap(rows, np.zeros((3, 3)))
    with pytest.raises(EmptyData, match=r"no gradient is left by the scaling"):
        gradient_overlap(rows, rows, covariance=np.zeros((3, 3)))
    with pytest.raises(NotFinite, match=r"the first set of gradients holds 1 NaN"):
        gradient_overlap(np.array([[np.nan, 1.0]]), np.eye(2))
