"""What panels show is read back from what was drawn, and held against means and errors computed by hand."""

import math

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from numpy.testing import assert_allclose
from scipy.stats import sem

from compgraph.errors import ShapeError
from compgraph.show import INK, NEUTRAL, colour, plain
from note.pictures.panels import (
    chance_marks,
    error_lines,
    grouped_bars,
    mean_and_error,
    named_bars,
    number_matrix,
)

TABLE = np.array([[1.0, 2.0, 6.0], [3.0, 2.0, np.nan], [5.0, 8.0, 2.0]])
MEANS, ERRORS = [3.0, 4.0, 4.0], [2 / math.sqrt(3), 2.0, 2.0]


@pytest.fixture
def axes():
    return Figure().subplots()


def are_means_and_errors(function) -> None:
    means, errors = function(TABLE)
    assert_allclose(means, MEANS)
    assert_allclose(errors, ERRORS)
    assert_allclose(errors, sem(TABLE, axis=0, nan_policy="omit"))


def test_means_and_errors_leave_out_what_is_not_known() -> None:
    are_means_and_errors(mean_and_error)


@pytest.mark.parametrize("broken", [
    lambda values: (np.nanmean(values, axis=0), np.nanstd(values, axis=0, ddof=1) / math.sqrt(len(values))),
    lambda values: (np.nanmean(values, axis=0), np.nanstd(values, axis=0) / np.sqrt(np.isfinite(values).sum(axis=0))),
])  # fmt: skip
def test_other_errors_are_caught(broken) -> None:
    with pytest.raises(AssertionError):
        are_means_and_errors(broken)


def test_of_one_network_no_scatter_is_known() -> None:
    means, errors = mean_and_error(np.array([[2.0, np.nan]]))
    assert_allclose(means, [2.0, np.nan])
    assert np.isnan(errors).all()


def test_bars_stand_side_by_side_and_do_not_overlap(axes) -> None:
    grouped_bars(axes, ["a", "b", "c"], {"one": TABLE, "two": 2 * TABLE})
    bars = sorted(axes.patches, key=lambda each: each.get_x())
    assert_allclose([each.get_height() for each in bars], np.ravel([MEANS, 2 * np.array(MEANS)], order="F"))
    ends = [each.get_x() + each.get_width() for each in bars]
    assert all(end < after.get_x() for end, after in zip(ends[:-1], bars[1:], strict=True))
    assert [round(each.get_x() + each.get_width() / 2) for each in bars] == [0, 0, 1, 1, 2, 2]
    assert [each.get_text() for each in axes.get_xticklabels()] == ["a", "b", "c"]
    assert [to_hex(each.get_facecolor()) for each in bars[:2]] == [colour(0).lower(), colour(1).lower()]


def whiskers(axes) -> list[float]:
    """Return the lengths of all whiskers, of bars and lines."""
    drawn = [each for each in axes.containers if isinstance(each, ErrorbarContainer)]
    segments = [segment for each in drawn for part in each[2] for segment in part.get_segments()]
    return [float(np.ptp(segment, axis=0).max()) for segment in segments]


def test_whiskers_are_one_standard_error_either_way(axes) -> None:
    grouped_bars(axes, ["a", "b", "c"], {"one": TABLE})
    assert_allclose(whiskers(axes), 2 * np.array(ERRORS))


def test_bars_across_start_at_the_top(axes) -> None:
    grouped_bars(axes, ["a", "b", "c"], {"one": TABLE}, across=True, shades=["#123456"])
    assert_allclose([each.get_width() for each in axes.patches], MEANS)
    assert axes.yaxis_inverted()
    assert to_hex(axes.patches[0].get_facecolor()) == "#123456"


@pytest.mark.parametrize("across", [False, True])
def test_chance_lies_over_the_bars_of_its_series(across, axes) -> None:
    grouped_bars(axes, ["a", "b", "c"], {"one": TABLE, "two": TABLE}, across=across, chance={"two": TABLE / 2})
    marks = [each for each in axes.collections if len(each.get_segments()) == 3 and each.get_linewidth()[0] == 2][-1]
    level, along = (0, 1) if across else (1, 0)
    for segment, bar, mean in zip(marks.get_segments(), axes.containers[-1].patches, MEANS, strict=True):
        assert_allclose(segment[:, level], mean / 2)
        start, size = (bar.get_y(), bar.get_height()) if across else (bar.get_x(), bar.get_width())
        assert_allclose(sorted(segment[:, along]), [start, start + size])


def test_lines_go_through_the_means(axes) -> None:
    error_lines(axes, [0.0, 0.5, 2.0], {"one": TABLE, "": 3 * TABLE}, marker=["s", "d"], linestyle="--")
    first, second = (each.lines[0] for each in axes.containers)
    assert_allclose(first.get_xydata(), np.stack([[0.0, 0.5, 2.0], MEANS], axis=1))
    assert_allclose(second.get_ydata(), 3 * np.array(MEANS))
    assert (first.get_marker(), second.get_marker(), second.get_linestyle()) == ("s", "d", "--")
    assert_allclose(whiskers(axes)[:3], 2 * np.array(ERRORS))
    assert [text for text in axes.get_legend_handles_labels()[1] if not text.startswith("_")] == ["one"]


def test_named_bars_say_what_they_are_and_how_much(axes) -> None:
    named_bars(axes, {"first": TABLE[:, 0], "second": TABLE[:, 1]}, shades=["#111111", "#222222"], form=".2f")
    assert_allclose([each.get_width() for each in axes.patches], MEANS[:2])
    assert [each.get_text() for each in axes.texts] == ["first", "3.00", "second", "4.00"]
    assert axes.get_xlim()[1] > MEANS[1] + ERRORS[1]


def test_numbers_of_a_matrix_can_be_read_on_their_colour(axes) -> None:
    image = number_matrix(axes, np.array([[-2.0, 0.004], [0.9, 0.3]]), faint_below=0.5)
    assert {each.get_text(): each.get_color() for each in axes.texts} == {
        "-2.00": "white", "0.00": NEUTRAL, "0.90": INK, "0.30": NEUTRAL
    }  # fmt: skip
    assert (image.norm.vmin, image.norm.vmax) == (-2.0, 2.0)


def test_a_matrix_without_negative_values_starts_at_nothing(axes) -> None:
    image = number_matrix(axes, np.array([[0.2, 0.8]]), form="", bound=1.0)
    assert (image.norm.vmin, image.norm.vmax, len(axes.texts)) == (0.0, 1.0, 0)


def test_rounding_leaves_no_sign_on_nothing(axes) -> None:
    number_matrix(axes, np.array([[-0.001, -1.0]]))
    assert [each.get_text() for each in axes.texts] == ["0.00", "-1.00"]


def test_a_heading_and_no_lines_that_are_not_needed(axes) -> None:
    plain(axes, "what")
    assert axes.get_title() == "what"
    assert [name for name, spine in axes.spines.items() if not spine.get_visible()] == ["right", "top"]


@pytest.mark.parametrize("draw", [
    lambda axes: grouped_bars(axes, ["a"], {"one": TABLE}),
    lambda axes: error_lines(axes, [0.0], {"one": TABLE}),
    lambda axes: chance_marks(axes, [0.0], TABLE),
])  # fmt: skip
def test_a_column_too_many_is_named(draw, axes) -> None:
    with pytest.raises(ShapeError, match="has 3 columns for 1 places"):
        draw(axes)


@pytest.mark.parametrize("given", [("one",), ("two",), ("one", "two")])
def test_the_legend_names_chance_once(given, axes) -> None:
    grouped_bars(axes, ["a", "b", "c"], {"one": TABLE, "two": TABLE}, chance=dict.fromkeys(given, TABLE))
    assert axes.get_legend_handles_labels()[1].count("by chance") == 1
