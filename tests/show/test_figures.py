"""Figures have titles, units and the numbers they were given, and the same bytes every time."""

import numpy as np
import pytest

from compgraph.errors import BadRequest, GraphError, NotFinite, ShapeError
from compgraph.show.figures import similarity_figure, task_variance_figure
from compgraph.show.graph.drawing import figure_bytes, graph_figure


def texts(figure) -> list[str]:
    from matplotlib.text import Text

    return [text.get_text() for text in figure.findobj(Text)]


def test_the_graph_figure_says_what_it_shows(graph, groups):
    found = texts(graph_figure(graph, groups))
    assert "2 groups" in found
    (below,) = [text for text in found if text.startswith("Reliable: p = 0.01, stability 0.97. ")]
    assert below.splitlines()[1] == "12 nodes, 27 edges: plsr components, gradient weights, louvain groups"
    assert {"fc1\nwrites", "head\nreads fc1", "group 0", "group 1"} <= set(found)


def test_unreliable_groups_have_no_legend(graph, doubtful):
    assert "group 0" not in texts(graph_figure(graph, doubtful))


def test_every_edge_with_weight_is_drawn(graph, groups):
    from matplotlib.collections import LineCollection, PathCollection

    graph.edges["s0/in/0", "s1/out/0"]["weight"] = 0.0
    axes = graph_figure(graph, groups).axes[0]
    (lines,) = [item for item in axes.collections if isinstance(item, LineCollection)]
    (dots,) = [item for item in axes.collections if isinstance(item, PathCollection)]
    assert len(lines.get_segments()) == 26
    assert len(dots.get_offsets()) == 12


@pytest.mark.parametrize("suffix", [".svg", ".png", ".pdf"])
def test_same_graph_same_bytes(graph, groups, shuffled, suffix):
    first = figure_bytes(graph_figure(graph, groups), suffix)
    assert first == figure_bytes(graph_figure(shuffled(graph), groups), suffix)


def test_bytes_carry_no_date_and_no_global_state(graph):
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    svg = figure_bytes(graph_figure(graph), ".svg")
    assert b"<dc:date>" not in svg
    assert b"CreationDate" not in figure_bytes(graph_figure(graph), ".pdf")
    assert dict(mpl.rcParams) == before


def test_signed_similarities_are_centred_on_zero():
    matrix = np.array([[-0.2, 0.5, 1.0]])
    figure = similarity_figure(matrix, ["a"], ["x", "y", "z"], title="Overlap", unit="cosine")
    (image,) = figure.axes[0].get_images()
    assert image.get_clim() == (-1.0, 1.0)
    assert {"Overlap", "cosine", "a", "x", "y", "z"} <= set(texts(figure))
    np.testing.assert_array_equal(image.get_array(), matrix)


def test_unsigned_similarities_start_at_zero():
    figure = similarity_figure(np.array([[0.2], [0.6]]), ["a", "b"], ["x"], title="t", unit="u")
    assert figure.axes[0].get_images()[0].get_clim() == (0.0, 0.6)


def test_many_labels_are_thinned():
    labels = [f"component {i}" for i in range(100)]
    figure = similarity_figure(np.eye(100), labels, labels, title="t", unit="u")
    assert len(figure.axes[0].get_yticks()) == 34


def test_names_are_not_formulas(hostile_names):
    matrix = np.zeros((len(hostile_names), 1))
    figure = similarity_figure(matrix, hostile_names, ["$\\frac{"], title="$\\frac{", unit="$x")
    assert b"$\\frac{1}{" in figure_bytes(figure, ".svg")
    assert figure_bytes(figure, ".png").startswith(b"\x89PNG")


def test_labels_that_do_not_fit_are_counted():
    with pytest.raises(ShapeError, match=r"\(2, 3\) came with 1 row labels and 3"):
        similarity_figure(np.zeros((2, 3)), ["a"], ["x", "y", "z"], title="t", unit="u")


def test_a_matrix_with_nan_is_refused():
    with pytest.raises(NotFinite, match="the matrix of 'Overlap' holds 1 NaN"):
        similarity_figure(np.array([[np.nan]]), ["a"], ["x"], title="Overlap", unit="u")


def test_bars_stack_to_the_share_of_the_component(graph):
    shares = {node: {"left": 0.75, "right": 0.25} for node in graph if node != "s1/out/2"}
    figure = task_variance_figure(shares, graph, title="Variance by task")
    panel = figure.axes[1]
    assert panel.get_title() == "fc1 writes"
    tops = {i: max(b.get_y() + b.get_height() for b in panel.patches if round(b.get_x() + 0.4) == i) for i in range(3)}
    assert tops == pytest.approx({i: 100 * graph.nodes[f"s1/out/{i}"]["share"] for i in range(3)})
    left = panel.containers[1]
    assert left[0].get_height() == pytest.approx(75 * graph.nodes["s1/out/0"]["share"])
    assert {"left", "right", "no profile", "share of the space (%)", "component (index)"} <= set(texts(figure))


def test_shares_of_an_unknown_node_are_refused(graph):
    with pytest.raises(GraphError, match="'nowhere', which is not among the 12 nodes"):
        task_variance_figure({"nowhere": {"left": 1.0}}, graph, title="t")


@pytest.mark.parametrize("share", [-0.1, float("nan"), float("inf")])
def test_shares_that_are_no_shares_are_refused(graph, share):
    with pytest.raises(BadRequest, match=r"task 'left' in node 's0/in/0' is .*finite number >= 0"):
        task_variance_figure({"s0/in/0": {"left": share}}, graph, title="t")
