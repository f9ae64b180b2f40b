import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from compgraph.errors import BadRequest, ShapeError
from compgraph.statistics import Sample, row_priority

ROWS = np.random.default_rng(0).normal(size=(60, 3))


def draw(ids: np.ndarray, capacity: int = 8, seed: int = 1) -> Sample:
    return Sample.of(ROWS[ids], ROWS[ids, :2], ids=ids, capacity=capacity, seed=seed)


@settings(deadline=None, max_examples=50)
@given(st.permutations(range(60)), st.integers(0, 60), st.integers(1, 70))
def test_a_merged_sample_depends_on_neither_order_nor_sharding(order: list[int], cut: int, capacity: int) -> None:
    ids = np.array(order)
    merged = draw(ids[:cut], capacity) + draw(ids[cut:], capacity)
    whole = draw(np.arange(60), capacity)
    assert merged.n == whole.n == 60
    assert_array_equal(merged.ids, whole.ids)
    assert_array_equal(merged.x, whole.x)
    assert_array_equal(merged.y, ROWS[whole.ids, :2])


def test_rows_are_drawn_uniformly() -> None:
    draws, kept = 4000, 6
    counts = np.zeros(60)
    for seed in range(draws):
        counts[np.argsort(row_priority(np.arange(60), seed))[:kept]] += 1
    expected = draws * kept / 60
    # Chi-square with 59 degrees of freedom stays below 104 in 9,998 of 10,000 uniform draws.
    assert ((counts - expected) ** 2 / expected).sum() < 104


def test_the_first_rows_would_not_be_a_sample() -> None:
    assert set(draw(np.arange(60)).ids) != set(range(8))


def test_priorities_are_distinct() -> None:
    assert len(np.unique(row_priority(np.arange(100_000), 7))) == 100_000


def test_each_kept_row_stands_for_its_part_of_the_data() -> None:
    assert draw(np.arange(60)).weight == 60 / 8
    assert draw(np.arange(0)).weight == 0.0


def test_the_same_rows_cannot_be_merged_twice() -> None:
    with pytest.raises(BadRequest, match="id comes twice"):
        draw(np.arange(60)) + draw(np.arange(60))


def test_samples_of_different_seeds_do_not_merge() -> None:
    with pytest.raises(BadRequest, match="seed 1 and capacity 8, seed 2"):
        draw(np.arange(30)) + draw(np.arange(30, 60), seed=2)


def test_samples_of_different_spaces_do_not_merge() -> None:
    wide = Sample.of(ROWS[30:], ROWS[30:], ids=np.arange(30, 60), capacity=8, seed=1)
    with pytest.raises(ShapeError, match=r"3 \+ 2 and 3 \+ 3 features"):
        draw(np.arange(30)) + wide


def test_a_sample_needs_room() -> None:
    with pytest.raises(BadRequest, match="a sample of 0 rows"):
        draw(np.arange(5), capacity=0)
