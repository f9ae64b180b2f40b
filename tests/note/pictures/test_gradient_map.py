import numpy as np
import pytest
from matplotlib.figure import Figure
from numpy.testing import assert_allclose

from compgraph.check import distinct_directions, merge_angles
from compgraph.errors import BadRequest, EmptyData, NotFinite, ShapeError
from compgraph.show import figure_bytes
from note.pictures.gradient_map import LARGEST, SMALLEST, gradient_map_figure, group_number_curves

FEW = np.array([[3.0, 0, 1], [-3, 0, 1], [0, 1, 1], [0, -1, 1]])


def rows(counts=(4, 4, 1, 1)) -> np.ndarray:
    return np.repeat(FEW, counts, axis=0)


def drawn(gradients: np.ndarray):
    figure = gradient_map_figure({"one": (gradients, distinct_directions(gradients))}, title="gradients")
    return figure.axes[0]


def lie_where_they_should(axes) -> None:
    """The plane is that of the first two features, and areas are proportional to counts."""
    dots, rings = axes.collections
    assert_allclose(np.unique(np.abs(dots.get_offsets()), axis=0), [[0, 1], [3, 0]], atol=1e-12)
    assert_allclose(rings.get_sizes(), [LARGEST, LARGEST, LARGEST / 4, LARGEST / 4])
    tips = [text.xy for text in axes.texts]
    assert_allclose(tips, [(2 * np.sqrt(72 / 10), 0), (0, 2 * np.sqrt(2 / 10))])


def test_points_rings_and_arrows():
    lie_where_they_should(drawn(rows()))


@pytest.mark.parametrize("broken", [rows((4, 4, 2, 1)), rows()[:, ::-1] * 2, np.vstack([rows(), [[5.0, 5, 5]]])])
def test_other_maps_are_seen(broken):
    with pytest.raises(AssertionError):
        lie_where_they_should(drawn(np.ascontiguousarray(broken)))


def test_rare_gradients_can_still_be_seen():
    sizes = drawn(rows((90, 9, 3, 1))).collections[1].get_sizes()
    assert_allclose(sizes, [LARGEST, LARGEST / 10, SMALLEST, SMALLEST])
    assert 18 < LARGEST / SMALLEST < 19


def test_axes_tell_their_share():
    axes = drawn(rows())
    assert axes.get_xlabel() == "1st principal component (97 %)"
    assert axes.get_ylabel() == "2nd principal component (3 %)"


def test_equal_gradients_can_be_drawn():
    assert drawn(rows((5, 0, 0, 0))).get_xlabel() == "1st principal component (0 %)"


def test_the_same_bytes_every_time():
    panels = {name: (rows(), distinct_directions(rows())) for name in ("relu", "tanh")}
    one, other = (figure_bytes(gradient_map_figure(panels, title="$x"), ".png") for _ in range(2))
    assert one == other
    assert len(one) < 200_000


def test_requests_that_cannot_be_met():
    found = distinct_directions(rows())
    with pytest.raises(BadRequest, match=r"0 panels to draw"):
        gradient_map_figure({}, title="")
    with pytest.raises(EmptyData, match=r"panel 'a' has 1 gradients"):
        gradient_map_figure({"a": (rows()[:1], found)}, title="")
    with pytest.raises(ShapeError, match=r"gradients of 2 features and groups of 3"):
        gradient_map_figure({"a": (rows()[:, :2], found)}, title="")
    with pytest.raises(ShapeError, match=r"9 gradients and labels for 10"):
        gradient_map_figure({"a": (rows()[:9], found)}, title="")
    with pytest.raises(NotFinite, match=r"the gradients of 'a'"):
        gradient_map_figure({"a": (np.full_like(rows(), np.nan), found)}, title="")


def number_of_groups(draw) -> None:
    """A curve is as high as there are groups of directions when that angle is asked for."""
    networks = [np.random.default_rng(seed).normal(size=(30, 3)) for seed in range(2)]
    axes = Figure().add_subplot()
    draw(axes, {"one": [merge_angles(networks[0])], "two": [merge_angles(each) for each in networks]}, finest=0.01)
    assert [line.get_label() for line in axes.lines if not line.get_label().startswith("_")] == ["one", "two"]
    assert len({(line.get_color(), line.get_linestyle()) for line in axes.lines}) == 2
    for line, network in zip(axes.lines, (networks[0], *networks), strict=True):
        asked, number = line.get_data()
        assert asked[0] == pytest.approx(0.01)
        for at in range(0, len(asked) - 1, 40):
            assert number[at] == len(distinct_directions(network, by="angle", tolerance=asked[at]))


def test_curves_are_as_high_as_there_are_groups():
    number_of_groups(group_number_curves)

    def one_fewer(axes, merged, **options):
        group_number_curves(axes, {name: [each[1:] for each in some] for name, some in merged.items()}, **options)

    def turned_about(axes, merged, **options):
        group_number_curves(axes, {name: [np.pi - each for each in some] for name, some in merged.items()}, **options)

    for broken in (one_fewer, turned_about):
        with pytest.raises(AssertionError):
            number_of_groups(broken)


@pytest.mark.parametrize("finest", [0.0, 4.0])
def test_curves_start_at_an_angle(finest):
    with pytest.raises(BadRequest, match=r"above 0 and below pi"):
        group_number_curves(Figure().add_subplot(), {}, finest=finest)
