import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from compgraph.check.distinct import distinct_directions, lasting_factor, merge_angles
from compgraph.errors import BadRequest, EmptyData, NotFinite, UnknownName


def planted(seed: int, n: int = 300) -> tuple[np.ndarray, np.ndarray]:
    """Return gradients that are few up to rounding, and which of them each is."""
    rng = np.random.default_rng(seed)
    few, labels = rng.normal(size=(7, 5)), rng.choice(7, size=n, p=np.arange(1, 8) / 28)
    few[2] = 0
    rounded = few[labels] * (1 + 2.0**-24 * rng.integers(-4, 5, size=(n, 5)))
    return rounded.astype(np.float32), labels


def one_to_one(a: np.ndarray, b: np.ndarray) -> bool:
    pairs = len(np.unique(np.stack([a, b]), axis=1).T)
    return pairs == len(np.unique(a)) == len(np.unique(b))


def recover(count) -> None:
    """Rounding never tells gradients apart, and nothing else is lost."""
    for seed in range(20):
        gradients, labels = planted(seed)
        assert one_to_one(count(gradients).labels, labels)


def test_rounding_does_not_count():
    recover(distinct_directions)


class Binned:
    """Rounds to a grid, which cuts through gradients that straddle the edge of a bin."""

    def __init__(self, gradients: np.ndarray) -> None:
        self.labels = np.unique(np.round(gradients, 6), axis=0, return_inverse=True)[1].reshape(-1)


@pytest.mark.parametrize(
    "broken", [Binned, lambda g: distinct_directions(g, tolerance=0.0), lambda g: distinct_directions(g, tolerance=0.9)]
)
def test_broken_counts_are_seen(broken):
    with pytest.raises(AssertionError):
        recover(broken)


@pytest.mark.parametrize("by", ["value", "angle"])
def test_the_record_describes_the_rows(by):
    gradients, _ = planted(0)
    found = distinct_directions(gradients, by=by)
    assert len(found) == 7
    assert_array_equal(found.counts, np.bincount(found.labels))
    assert (np.diff(found.counts) <= 0).all()
    for group, direction in enumerate(found.directions):
        assert_allclose(direction, gradients[found.labels == group].astype(np.float64).mean(axis=0), atol=1e-12)


@pytest.mark.parametrize("by", ["value", "angle"])
def test_order_of_rows_is_irrelevant(by):
    gradients, _ = planted(3)
    order = np.random.default_rng(0).permutation(len(gradients))
    one, other = distinct_directions(gradients, by=by), distinct_directions(gradients[order], by=by)
    assert_array_equal(one.labels[order], other.labels)
    assert_allclose(one.directions, other.directions, atol=1e-12)


def test_by_value_lengths_count_and_by_angle_they_do_not():
    gradients = np.array([[1.0, 0], [2, 0], [-1, 0], [0, 3], [0, 0]])
    assert len(distinct_directions(gradients)) == 5
    assert distinct_directions(gradients, by="angle").counts.tolist() == [2, 1, 1, 1]


def test_no_angle_within_a_group_is_above_the_tolerance():
    rng = np.random.default_rng(1)
    gradients = rng.normal(size=(200, 3)) * rng.exponential(size=(200, 1))
    units = gradients / np.linalg.norm(gradients, axis=1, keepdims=True)
    angles = np.arccos(np.clip(units @ units.T, -1, 1))
    counts = []
    for tolerance in (0.05, 0.3, 1.0):
        found = distinct_directions(gradients, by="angle", tolerance=tolerance)
        assert angles[found.labels[:, None] == found.labels].max() <= tolerance + 1e-7
        counts.append(len(found))
    assert 200 >= counts[0] > counts[1] > counts[2] > 1


def test_chains_join_by_value_but_not_by_angle():
    steps = np.linspace(0, np.pi / 2, 400)
    arc = np.stack([np.cos(steps), np.sin(steps)], axis=1)
    assert len(distinct_directions(arc, tolerance=0.01)) == 1
    assert len(distinct_directions(arc, by="angle", tolerance=0.5)) >= 4


def test_single_rows_and_zeros():
    assert distinct_directions(np.zeros((3, 2))).counts.tolist() == [3]
    assert distinct_directions(np.zeros((3, 2)), by="angle").counts.tolist() == [3]
    assert distinct_directions(np.ones((1, 2)), by="angle").directions.tolist() == [[1.0, 1.0]]


def test_requests_that_cannot_be_met():
    gradients = np.eye(3)
    with pytest.raises(UnknownName, match=r"no choice of by 'angel'.*Did you mean 'angle'"):
        distinct_directions(gradients, by="angel")
    with pytest.raises(BadRequest, match=r"tolerance=1.0: a number from 0 to below 1 is needed"):
        distinct_directions(gradients, tolerance=1.0)
    with pytest.raises(BadRequest, match=r"tolerance=nan"):
        distinct_directions(gradients, tolerance=float("nan"), by="angle")
    with pytest.raises(EmptyData, match=r"0 gradients"):
        distinct_directions(np.zeros((0, 3)))
    with pytest.raises(NotFinite, match=r"the gradients holds 1 NaN"):
        distinct_directions(np.array([[np.nan, 1.0]]))


def clusters(seed: int) -> np.ndarray:
    """Return five clusters of gradients of any length, a hundredth of a radian wide."""
    rng = np.random.default_rng(seed)
    rows = np.eye(5).repeat(20, axis=0) + 0.003 * rng.normal(size=(100, 5))
    return rows * rng.uniform(0.1, 10, size=(100, 1))


def tells_how_many(angles_of) -> None:
    """There is one more group at an angle than mergers above it."""
    for gradients in (clusters(0), np.random.default_rng(1).normal(size=(60, 3)), planted(2)[0][planted(2)[1] != 2]):
        for angle in (0.01, 0.05, 0.3, 1.0, 2.5):
            found = distinct_directions(gradients, by="angle", tolerance=angle)
            assert len(found) == 1 + (angles_of(gradients) > angle).sum()


def test_angles_at_which_groups_merge() -> None:
    tells_how_many(merge_angles)
    for broken in (lambda g: merge_angles(g)[1:], lambda g: 2 * np.sin(merge_angles(g) / 2)):
        with pytest.raises(AssertionError):
            tells_how_many(broken)


def test_clusters_last_and_a_continuum_does_not() -> None:
    angles = merge_angles(clusters(3))
    assert_allclose(angles[-4:], np.pi / 2, atol=0.05)
    assert angles[-5] < 0.05
    steps = np.linspace(0, 1, 300)
    assert len(merge_angles(np.stack([np.cos(steps), np.sin(steps)], axis=1))) == 299
    assert merge_angles(np.array([[1.0, 0], [-1, 0]])).tolist() == [np.pi]


def test_what_has_no_direction_never_merges() -> None:
    assert len(merge_angles(np.zeros((3, 2)))) == len(merge_angles(np.ones((1, 2)))) == 0
    assert merge_angles(np.array([[1.0, 2.0], [0, 0], [1, 2]])).tolist() == [0]
    with pytest.raises(NotFinite, match=r"the gradients holds 1 NaN"):
        merge_angles(np.array([[np.nan, 1.0]]))


def tells_clusters(factor_of) -> None:
    """A number lasts where gradients are few up to rounding or lie in clusters, and in a continuum none does."""
    rng = np.random.default_rng(4)
    few = rng.normal(size=(7, 5))[rng.integers(7, size=200)] * (1 + 1e-15 * rng.normal(size=(200, 1)))
    assert factor_of(merge_angles(few)) > 1e4
    assert factor_of(merge_angles(clusters(5))) > 30
    assert factor_of(merge_angles(rng.normal(size=(300, 5)))) < 2
    two = np.concatenate([np.eye(2)[:1], np.eye(2)[1:]]).repeat(100, axis=0) + 0.01 * rng.normal(size=(200, 2))
    assert factor_of(merge_angles(two)) < 3


def test_only_clusters_last() -> None:
    tells_clusters(lasting_factor)
    for broken in (
        lambda angles: lasting_factor(angles, finest=0.5),
        lambda angles: (angles[1:] / np.maximum(angles[:-1], 1e-6)).max(),  # two groups or nearly all count
    ):
        with pytest.raises(AssertionError):
            tells_clusters(broken)
    assert lasting_factor(np.array([0.01, 0.02, 0.03, 0.3, 0.6, 3.0])) == pytest.approx(2)


def test_factors_that_cannot_be_told() -> None:
    with pytest.raises(EmptyData, match=r"5 angles came, and at least 6"):
        lasting_factor(np.ones(5))
    with pytest.raises(BadRequest, match=r"finest=0.0: an angle above 0"):
        lasting_factor(np.ones(6), finest=0.0)
