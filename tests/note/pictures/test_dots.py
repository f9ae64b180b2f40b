import numpy as np
import pytest
from matplotlib.figure import Figure

from compgraph.errors import ShapeError
from note.pictures.dots import grouped_dots

SERIES = {"one": np.array([[1.0, 5.0], [2.0, 7.0], [6.0, np.nan]]), "two": np.array([[0.5, 0.25]] * 3)}


def shows_every_network(draw) -> None:
    """Each network is a dot at its value, and the square is the mean of a column, over the dots."""
    axes = Figure().subplots()
    draw(axes, ["a", "b"], SERIES)
    dots = [line for line in axes.lines if line.get_marker() == "."]
    assert [sorted(line.get_ydata()[np.isfinite(line.get_ydata())]) for line in dots] == [
        [1, 2, 5, 6, 7],
        [0.25] * 3 + [0.5] * 3,
    ]
    squares = [line for line in axes.lines if line.get_marker() == "s"]
    assert [line.get_ydata().tolist() for line in squares] == [[3.0, 6.0], [0.5, 0.25]]
    for square, cloud in zip(squares, dots, strict=True):
        middle = cloud.get_xdata().reshape(-1, 2).mean(axis=0)
        assert square.get_xdata() == pytest.approx(middle)
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["a", "b"]
    assert axes.get_legend_handles_labels()[1] == ["one", "two"]


def test_every_network_is_a_dot_around_its_mean() -> None:
    shows_every_network(grouped_dots)

    def means_alone(axes, names, series) -> None:
        grouped_dots(axes, names, {label: np.nanmean(values, axis=0)[None] for label, values in series.items()})

    with pytest.raises(AssertionError):
        shows_every_network(means_alone)


def test_series_do_not_overlap_and_have_their_colours() -> None:
    axes = Figure().subplots()
    grouped_dots(axes, ["a", "b"], SERIES, shades=["red", "blue"])
    first, second = (line for line in axes.lines if line.get_marker() == ".")
    assert (first.get_color(), second.get_color()) == ("red", "blue")
    assert first.get_xdata().reshape(-1, 2)[:, 0].max() < second.get_xdata()[0] < 0.5  # before the next place


def test_chance_is_marked_where_it_is_given() -> None:
    axes = Figure().subplots()
    grouped_dots(axes, ["a", "b"], SERIES, chance={"two": np.array([[0.1, 0.2], [0.3, 0.2], [0.2, 0.2]])})
    segments = [segment for lines in axes.collections for segment in lines.get_segments()]
    level = [segment for segment in segments if np.ptp(segment[:, 0]) > 0]  # whiskers stand upright
    assert [segment[0, 1] for segment in level] == pytest.approx([0.2, 0.2])
    assert [segment[:, 0].mean() for segment in level] == pytest.approx([0.2, 1.2])
    assert axes.get_legend_handles_labels()[1].count("by chance") == 1


def test_a_column_a_place_is_needed() -> None:
    with pytest.raises(ShapeError, match="'one' has 2 columns for 3 places"):
        grouped_dots(Figure().subplots(), ["a", "b", "c"], SERIES)
