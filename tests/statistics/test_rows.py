"""Sets of row numbers behave as Python's sets, and are small where the numbers follow a rule."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compgraph.errors import BadRequest
from compgraph.statistics import Rows

NUMBERS = st.sets(st.integers(0, 60) | st.integers(2**60, 2**60 + 3))


def rows(numbers: set[int]) -> Rows:
    return Rows.of(np.array(sorted(numbers, key=hash), dtype=np.int64))


@settings(deadline=None)
@given(NUMBERS, NUMBERS)
def test_rows_are_sets(one: set[int], other: set[int]) -> None:
    other = other - one
    joined = Rows.union([rows(one), rows(other)])
    assert set(joined.ids.tolist()) == one | other
    assert len(joined) == len(one) + len(other)
    assert joined == rows(one | other) == Rows.union([rows(other), rows(one)])
    assert hash(joined) == hash(rows(one | other))
    assert joined.first == min(one | other, default=0)
    assert (joined == rows(one)) is (not other)


@settings(deadline=None)
@given(st.sets(st.integers(0, 40)))
def test_gaps_are_what_is_missing(numbers: set[int]) -> None:
    missing = set(range(max(numbers, default=-1))) - numbers
    assert set(rows(numbers).gaps.ids.tolist()) == missing


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ([], "none"),
        ([7], "7"),
        (range(5, 90), "5-89"),
        (range(1, 1000, 3), "1-997 by 3"),
        ([*range(10), 20, 30, 40], "0-9, 20-40 by 10"),
        ([0, 5, 11, 18, 26, 35, 45, 56], "0-5 by 5, 11-18 by 7, 26-35 by 9, and 1 more runs"),
    ],
)
def test_what_follows_a_rule_is_short(numbers: range | list[int], words: str) -> None:
    assert str(Rows.of(np.array(numbers, dtype=np.int64))) == words


def test_every_kth_row_takes_24_bytes() -> None:
    shards = [Rows.of(np.arange(rank, 1_000_000, 4)) for rank in range(4)]
    assert [each.runs.nbytes for each in shards] == [24] * 4
    assert Rows.union(shards).runs.tolist() == [[0, 1_000_000, 1]]


@pytest.mark.parametrize("parts", [[range(5), range(4, 8)], [range(0, 9, 2), range(8, 12)], [[3, 3]]])
def test_a_row_counts_once(parts: list) -> None:
    with pytest.raises(BadRequest, match=r"row \d comes twice"):
        Rows.union([Rows.of(np.array(each, dtype=np.int64)) for each in parts])
