"""Rows of ours beside published numbers: their verdicts, against numbers worked out by hand."""

import math

import pytest

from note.published import over_networks, table

# Of 1, 3, 5 and 7: sqrt(20 / 3) / 2. A published mean over as many networks doubles the variance of the difference.
ERROR = math.sqrt(5 / 3)


@pytest.mark.parametrize(("published", "n", "within"), [
    (4 + 1.99 * ERROR * math.sqrt(2), 4, True),
    (4 + 2.01 * ERROR * math.sqrt(2), 4, False),
    (4 - 1.99 * ERROR * math.sqrt(5), 1, True),
    (4 - 2.01 * ERROR * math.sqrt(5), 1, False),
])  # fmt: skip
def test_a_number_agrees_within_two_standard_errors_of_the_difference(published, n, within) -> None:
    row = over_networks("x", "q", [1.0, 3.0, 5.0, 7.0], published=published, published_n=n)
    assert row.spread == pytest.approx(ERROR)
    assert row.within_error is within


def test_verdicts_are_left_out_where_there_is_nothing_to_judge() -> None:
    assert over_networks("x", "q", [1.0, 3.0]).within_error is None
    assert over_networks("x", "q", [1.0, 3.0], published=math.nan, tolerance=1).within_error is None
    assert over_networks("x", "q", [1.0], published=1.0).within_error is None
    assert over_networks("x", "q", [1.0, 1.0], published=1.0).within_error is True
    assert over_networks("x", "q", [1.0, 3.0], published=2.5, tolerance=0.5).as_asked is True
    assert over_networks("x", "q", [1.0, 3.0], published=2.5, tolerance=0.4).as_asked is False
    assert over_networks("x", "q", [1.0, 3.0], tolerance=0.4).as_asked is None
    assert over_networks("x", "q", [1.0, 3.0], published=math.nan, tolerance=1).as_asked is None


def test_networks_without_a_value_are_left_out() -> None:
    row = over_networks("x", "q", [1.0, math.nan, 3.0], published=2.0, published_n=2)
    assert (row.ours, row.spread, row.n, row.errors) == (2.0, 1.0, 2, 0.0)
    assert row.record()["values"] == [1.0, None, 3.0]


def test_a_row_of_the_table_reads_as_it_is_meant() -> None:
    row = over_networks("x", "a|b", [1.0, 2.0, 3.0], published=4.0, published_n=3, tolerance=1, note="n")
    assert (
        table([row]).splitlines()[2] == r"| x | a\|b | 4 | 2 | 0.577 | 3 | **no** (2.4 s.e.) | within 1: **no** | n |"
    )
