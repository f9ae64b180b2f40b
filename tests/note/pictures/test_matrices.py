import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from compgraph.connect import EdgeMatrix, node_id
from compgraph.errors import BadRequest, ShapeError
from compgraph.show import NEUTRAL
from compgraph.statistics import Space
from note.measures.variance.task_correlations import TaskCorrelations
from note.pictures.matrices import effect_matrices, task_matrix

EARLIER, LATER, HEAD = Space("$a_b$", "in", 0), Space("fc", "out", 1), Space("fc", "in", 1)
FIRST = EdgeMatrix(EARLIER, LATER, "between", "covariance", np.array([[0.5, -2.0, 0.0]]), np.full((1, 3), 1 / 3))
SECOND = EdgeMatrix(
    HEAD, Space("head", "out", 2), "between", "covariance", np.full((3, 1), 0.1), np.full((3, 1), 1 / 3)
)


def panels(n: int):
    return Figure().subplots(1, n, squeeze=False)[0]


def share_a_scale(draw) -> None:
    """Blocks are drawn target by source, and a colour is the same number in all of them."""
    axes = panels(2)
    draw(axes, [FIRST, SECOND])
    images = [each.images[0] for each in axes]
    assert [image.get_array().tolist() for image in images] == [[[0.5], [-2.0], [0.0]], [[0.1, 0.1, 0.1]]]
    assert [image.get_clim() for image in images] == [(-2, 2), (-2, 2)]
    assert images[0].get_cmap().name == images[1].get_cmap().name  # though the second has no negative number


def test_blocks_share_a_scale() -> None:
    share_a_scale(effect_matrices)

    def one_by_one(axes, blocks) -> None:
        for each, block in zip(axes, blocks, strict=True):
            effect_matrices([each], [block])

    with pytest.raises(AssertionError):
        share_a_scale(one_by_one)


def test_components_have_numbers_and_labels() -> None:
    axes = panels(1)
    effect_matrices(axes, [FIRST], labels={node_id(LATER, 1): "B"}, scale=1000, form=".0f", faint_below=600)
    assert [tick.get_text() for tick in axes[0].get_yticklabels()] == ["0", "1B", "2"]
    assert [tick.get_text() for tick in axes[0].get_xticklabels()] == ["0"]
    assert axes[0].get_title() == "$a_b$ → fc"
    assert not axes[0].title.get_parse_math()
    assert [text.get_text() for text in axes[0].texts] == ["500", "-2000", "0"]
    assert [to_hex(text.get_color()) == NEUTRAL.lower() for text in axes[0].texts] == [True, False, True]


def test_effects_need_a_panel_a_block() -> None:
    with pytest.raises(ShapeError, match="2 blocks of edges came for 1 panels"):
        effect_matrices(panels(1), [FIRST, SECOND])
    with pytest.raises(BadRequest, match="no blocks of edges came"):
        effect_matrices([], [])


def test_tasks_are_parted_by_lines() -> None:
    values = np.array([[0.5, 0.1, 0.2, 0.0], [0.0, 0.3, 0.1, 1.0]])
    found = TaskCorrelations(values, np.array([0, 0]), np.array([0, 1, 1, 2]), 0.5, 0.5)
    (axes,) = panels(1)
    image = task_matrix(axes, found, "ABC")
    assert image.get_clim() == (-1, 1)
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["A", "B", "B", "C"]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["A", "A"]
    assert [line.get_xdata()[0] for line in axes.lines] == [0.5, 2.5]  # columns alone: rows are of one task
    assert not axes.texts
    with pytest.raises(ShapeError, match="2 names came for at least 3 tasks"):
        task_matrix(axes, found, "AB")
