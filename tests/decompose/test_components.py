import inspect
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch import nn

from compgraph.decompose import components
from compgraph.decompose.find import _side_by_side
from compgraph.errors import BadRequest, DeadSite, NotFinite, ShapeError, UnknownName
from compgraph.observe import collect
from compgraph.statistics import GradientMoments, Moments, Pair, Probe, Space, Statistics

SOURCE, TARGET = Space("input", "in", 0), Space("fc", "out", 1)
PAIR = Pair(SOURCE, TARGET)


def statistics(x: np.ndarray, y: np.ndarray) -> Statistics:
    return Statistics((PAIR,), {PAIR: Moments.of(x, y)}, {}, len(x))


@pytest.fixture
def stats() -> Statistics:
    rng = np.random.default_rng(0)
    return statistics(rng.normal(size=(30, 4)), rng.normal(size=(30, 2)))


def test_a_space_of_lower_rank_gives_what_it_has(stats: Statistics) -> None:
    parts = components(stats, "pca", n_components=3)
    assert {str(space): len(part) for space, part in parts.items()} == {"input in": 3, "fc out": 2}
    assert [len(part) for part in components(stats, "pca").values()] == [4, 2]


def test_above_every_rank_but_not_every_width_gives_what_there_is() -> None:
    x = np.random.default_rng(0).normal(size=(30, 2)) @ np.ones((2, 6))
    parts = components(statistics(x, x[:, :4]), "pca", n_components=5)
    assert [len(part) for part in parts.values()] == [1, 1]


def test_above_the_width_of_every_space_is_an_error(stats: Statistics) -> None:
    with pytest.raises(
        BadRequest,
        match=r"n_components=5 is above the width of every space \(input in 4, fc out 2\)\. Ask for at most 4",
    ):
        components(stats, "pca", n_components=5)


@pytest.mark.parametrize("count", [0, -3])
def test_at_least_one_component_is_needed(stats: Statistics, count: int) -> None:
    with pytest.raises(BadRequest, match=f"n_components={count}: a whole number of at least 1"):
        components(stats, "pca", n_components=count)


@pytest.mark.parametrize("count", [0.9, True, "3", np.bool_(True)])
def test_a_count_is_a_whole_number(stats: Statistics, count: object) -> None:
    unchecked = inspect.unwrap(components)
    with pytest.raises(BadRequest, match=r"n_components=.*: a whole number of at least 1 is needed"):
        unchecked(stats, "pca", n_components=count)


def test_numpy_integers_count(stats: Statistics) -> None:
    assert len(inspect.unwrap(components)(stats, "pca", n_components=np.int64(2))[SOURCE]) == 2


def test_a_misspelt_method_is_named_with_the_nearest(stats: Statistics) -> None:
    with pytest.raises(UnknownName, match=r"no component method 'plrs'.*Did you mean 'plsr'"):
        components(stats, "plrs")


@pytest.mark.parametrize("method", ["pca", "plsr", "neuron", "gradient", "interaction"])
def test_a_dead_layer_is_named(method: str) -> None:
    with pytest.raises(DeadSite, match=r"fc out never varies over the 9 rows.*components\. Give data that moves it"):
        components(statistics(np.random.default_rng(0).normal(size=(9, 2)), np.ones((9, 3))), method)


def test_a_layer_that_can_be_left_out_is_to_be_left_out() -> None:
    dead = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 2))
    nn.init.constant_(dead[0].bias, -100.0)
    data = torch.randn(9, 2, generator=torch.Generator().manual_seed(0))
    with pytest.raises(DeadSite, match=r"1 out never varies over the 9 rows.*Leave '1' out of layers, or give data"):
        components(collect(dead, data), "pca")


def test_gradients_need_the_model(stats: Statistics) -> None:
    with pytest.raises(BadRequest, match="component method 'gradient' needs the model"):
        components(stats, "gradient")
    with pytest.raises(BadRequest, match="component method 'interaction' needs the model"):
        components(stats)


def test_readers_are_put_side_by_side_in_rows_of_the_first() -> None:
    rng = np.random.default_rng(0)
    each = [GradientMoments.of(rng.normal(size=(n, k, 3))) for n, k in ((4, 2), (8, 1), (2, 3))]
    found = _side_by_side(iter(each), 6)
    assert found.n == 4
    for name in ("total", "second"):
        assert_allclose(getattr(found, name), np.concatenate([getattr(m, name) * 4 / m.n for m in each]), rtol=1e-15)


def test_a_layer_nothing_reads_is_named(stats: Statistics) -> None:
    class Cut(Probe):
        def gradient_moments(self, pair: Pair, filters: np.ndarray, patterns: np.ndarray | None = None):
            assert pair == PAIR
            return GradientMoments.of(np.zeros((5, len(filters), 4 if patterns is None else len(patterns))))

        def output_gradients(self, filters: np.ndarray, _most: int | None = None):
            yield {SOURCE: np.zeros((5, len(filters), 4), dtype=np.float32)}

    with pytest.raises(DeadSite, match="no component of fc out changes with input in"):
        components(replace(stats, probe=Cut()), "gradient")
    with pytest.raises(DeadSite, match="the output does not change with input in"):
        components(replace(stats, probe=Cut()))


def test_a_method_of_the_wrong_shape_is_named(stats: Statistics) -> None:
    with pytest.raises(ShapeError, match=r"method 'lopsided' gave axes of shape \(2, 3\).*axes \(k, 4\)"):
        components(stats, lopsided)


def lopsided(moments: Moments, n: int) -> tuple[np.ndarray, np.ndarray]:
    return np.ones((2, 3)), np.ones(2)


def test_a_regression_that_finds_nothing_is_said() -> None:
    x = np.array([[-2.0], [-1.0], [1.0], [2.0]])
    with pytest.raises(DeadSite, match=r"method 'plsr' finds no component of input in: .*Use 'pca'"):
        components(statistics(x, np.abs(x)), "plsr")
    assert [len(part) for part in components(statistics(x, np.abs(x)), "pca").values()] == [1, 1]


def test_gaps_of_a_method_that_does_not_sort(stats: Statistics) -> None:
    def unsorted(moments: Moments, n: int) -> tuple[np.ndarray, np.ndarray]:
        return np.eye(len(moments.xx))[:2], np.array([0.1, 0.4])

    assert_allclose(components(stats, unsorted)[SOURCE].gap, [1, 0.75])


def test_a_method_that_gives_nan_is_named(stats: Statistics) -> None:
    def broken(moments: Moments, n: int) -> tuple[np.ndarray, np.ndarray]:
        return np.full((1, len(moments.xx)), np.nan), np.ones(1)

    with pytest.raises(NotFinite, match="axes of input in from method 'broken'"):
        components(stats, broken)
