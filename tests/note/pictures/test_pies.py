import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure

from compgraph.errors import BadRequest
from compgraph.show import FAINT, NEUTRAL, figure_bytes
from fixtures.graphs import HOSTILE, make_graph
from note.pictures.pies import SIZE, draw_pies

RED, GREEN, BLUE = "#ff0000", "#00ff00", "#0000ff"


def drawn(graph, pies):
    figure = Figure(figsize=(3, 3))
    axes = figure.subplots()
    draw_pies(axes, graph, pies)
    return figure, axes


def areas(figure) -> list[float]:
    """Return how much of what has a colour is red, green and blue."""
    figure.canvas.draw()
    pixels = np.asarray(figure.canvas.buffer_rgba())[..., :3]
    counts = [np.all(np.abs(pixels - 255 * np.array(to_rgb(shade))) < 2, axis=-1).sum() for shade in (RED, GREEN, BLUE)]
    return (np.array(counts) / np.sum(counts)).tolist()


def has_areas_by_share(draw) -> None:
    """The area of a colour is its share, wherever its wedge lies: none is stretched to fill the square of a marker."""
    graph = make_graph(("input", "head"), width=1)
    for shares in ((0.06, 0.12, 0.82), (0.3, 0.2, 0.5), (0.5, 0.25, 0.25)):
        figure = Figure(figsize=(2, 2), dpi=600)
        FigureCanvasAgg(figure)
        axes = figure.subplots()
        draw(axes, graph, {node: dict(zip((RED, GREEN, BLUE), shares, strict=True)) for node in graph})
        for text in list(axes.texts):
            text.remove()
        assert areas(figure) == pytest.approx(list(shares), rel=0.1)


def test_a_colour_takes_its_share_of_the_circle() -> None:
    has_areas_by_share(draw_pies)

    def stretched(axes, graph, pies) -> None:
        draw_pies(axes, graph, pies)
        for each in axes.collections[1:]:
            each.set_sizes([SIZE], axes.figure.dpi)

    with pytest.raises(AssertionError):
        has_areas_by_share(stretched)


def test_an_edge_has_a_colour_when_both_ends_have_that_one_alone() -> None:
    graph = make_graph(("input", "head"), width=2)
    first, second, third, fourth = graph
    pies = {first: {RED: 1.0, BLUE: 0.0}, second: {BLUE: 2.0}, third: {RED: 0.3}, fourth: {RED: 0.5, BLUE: 0.5}}
    _, axes = drawn(graph, pies)
    lines = axes.collections[0]
    ranked = sorted((graph.edges[edge]["weight"], edge) for edge in graph.edges)
    shades = [to_hex(shade) for shade in lines.get_colors()]
    assert shades == [RED if edge == (first, third) else FAINT.lower() for _, edge in ranked]
    widths = lines.get_linewidths()
    assert widths[-1] == pytest.approx(4.3)
    assert widths[0] == pytest.approx(0.3 + 4 * ranked[0][0] / ranked[-1][0])


def test_an_edge_that_could_not_be_seen_is_left_out() -> None:
    graph = make_graph(("input", "head"), width=2)
    weights = dict(zip(graph.edges, (1.0, 0.011, 0.009, 0.0), strict=True))
    for (a, b), weight in weights.items():
        graph.edges[a, b]["weight"] = weight
    _, axes = drawn(graph, {node: {RED: 1.0} for node in graph})
    assert axes.collections[0].get_linewidths() == pytest.approx([0.3 + 4 * 0.011, 4.3])


def test_a_node_without_shares_is_grey_and_one_without_a_pie_is_refused() -> None:
    graph = make_graph(("input", "head"), width=1)
    _, axes = drawn(graph, {node: {RED: 0.0} for node in graph})
    assert {to_hex(shade) for each in axes.collections[1:] for shade in each.get_facecolors()} == {NEUTRAL.lower()}
    with pytest.raises(BadRequest, match="1 of 2 nodes have no pie, the first is 's1/out/0'"):
        drawn(graph, {"s0/in/0": {RED: 1.0}})


def test_any_name_of_a_layer_can_be_drawn() -> None:
    graph = make_graph(HOSTILE[:4] + HOSTILE[-1:], width=2)
    figure, axes = drawn(graph, {node: {RED: 1.0} for node in graph})
    assert figure_bytes(figure, ".png", dpi=50) == figure_bytes(figure, ".png", dpi=50)
    assert len({tuple(text.xy) for text in axes.texts}) == len(graph)
