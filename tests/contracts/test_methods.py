"""Every registered component method keeps the same promises, and each promise can be broken."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from compgraph.decompose import METHODS, Components, components, register_method
from compgraph.statistics import Moments, Space

Parts = dict[Space, Components]
Battery = Callable[..., None]


def deterministic(network, rows, method) -> None:
    one, other = (components(network.statistics(rows), method, n_components=3) for _ in range(2))
    for space in one:
        assert np.array_equal(one[space].axes, other[space].axes)


def order_free(network, rows, method) -> None:
    shuffled = np.random.default_rng(5).permutation(rows)
    one, other = (components(network.statistics(r), method, n_components=3) for r in (rows, shuffled))
    # Gradients of all outputs at once are float32.
    tolerance = 1e-5 if method == "interaction" else 1e-8
    for space in one:
        assert_allclose(one[space].axes, other[space].axes, atol=tolerance)
        assert_allclose(one[space].strength, other[space].strength, rtol=tolerance)


def subset_consistent(network, rows, method) -> None:
    stats = network.statistics(rows)
    # The outputs of the network are three; below that, components of them stand for all.
    few, many = (components(stats, method, n_components=k) for k in ((3 if method == "interaction" else 2), 4))
    for space in few:
        # With fewer target components there are other gradients to look at, not fewer directions of the same ones.
        if method != "gradient" or space.side == "out":
            assert_allclose(few[space].axes, many[space].axes[: len(few[space])], atol=1e-10)


def signs_are_fixed(network, rows, method) -> None:
    for part in components(network.statistics(rows), method, n_components=3).values():
        largest = np.abs(part.axes).argmax(axis=1)
        assert (part.axes[np.arange(len(part)), largest] > 0).all()


def scores_survive_the_round_trip(network, rows, method) -> None:
    for part in components(network.statistics(rows), method, n_components=3).values():
        scores = np.random.default_rng(2).normal(size=(7, len(part)))
        assert_allclose(part.transform(part.inverse_transform(scores)), scores, atol=1e-9)


def scores_have_the_stated_mean_and_deviation(network, rows, method) -> None:
    part = next(iter(components(network.statistics(rows), method, n_components=3).values()))
    scores = part.transform(rows)
    assert_allclose(scores.mean(axis=0), 0, atol=1e-10)
    assert_allclose(scores.std(axis=0), part.deviation, rtol=1e-9)


def shares_are_parts_of_one(network, rows, method) -> None:
    for part in components(network.statistics(rows), method).values():
        assert (part.share >= 0).all()
        assert part.share.sum() <= 1 + 1e-9


def constant_features_are_never_read(network, rows, method) -> None:
    dead = rows * [1, 1, 0, 1, 1]
    part = next(iter(components(network.statistics(dead), method).values()))
    assert_allclose(part.axes[:, 2], 0, atol=1e-9)


def bounded_when_rank_deficient(network, rows, method) -> None:
    flat = rows @ np.outer([1, 1, 1, 1, 1], [1, 0, 2, 0, 1])
    for part in components(network.statistics(flat), method).values():
        assert np.isfinite(part.axes).all()
        assert np.abs(part.axes).max() <= 10


def statistics_stay_as_they_are(network, rows, method) -> None:
    stats = network.statistics(rows)
    before = [stats.moments[pair].xy.copy() for pair in stats.pairs]
    components(stats, method)
    for pair, xy in zip(stats.pairs, before, strict=True):
        assert np.array_equal(stats.moments[pair].xy, xy)


BATTERY = [
    deterministic,
    order_free,
    subset_consistent,
    signs_are_fixed,
    scores_survive_the_round_trip,
    scores_have_the_stated_mean_and_deviation,
    shares_are_parts_of_one,
    constant_features_are_never_read,
    bounded_when_rank_deficient,
    statistics_stay_as_they_are,
]


@pytest.mark.parametrize("method", sorted(METHODS))
@pytest.mark.parametrize("promise", BATTERY, ids=lambda promise: promise.__name__)
def test_every_method_keeps_every_promise(promise: Battery, method: str, network, rows) -> None:
    promise(network, rows, method)


def random_axes() -> Callable[[Moments, int], tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(0)

    def method(moments: Moments, n: int) -> tuple[np.ndarray, np.ndarray]:
        return np.linalg.qr(rng.normal(size=(len(moments.xx), n)))[0].T, np.ones(n) * 1e-3

    return method


def rotated_by_count(moments: Moments, n: int) -> tuple[np.ndarray, np.ndarray]:
    rotation = np.linalg.qr(np.random.default_rng(n).normal(size=(len(moments.xx),) * 2))[0]
    return rotation[:n], np.ones(len(rotation[:n])) * 1e-3


def inflated(moments: Moments, n: int) -> tuple[np.ndarray, np.ndarray]:
    return np.eye(len(moments.xx))[:n], np.full(min(n, len(moments.xx)), np.trace(moments.xx))


def exploding(moments: Moments, n: int) -> tuple[np.ndarray, np.ndarray]:
    return np.eye(len(moments.xx))[:n] * 1e14, np.ones(min(n, len(moments.xx)))


def first_row_first(moments: Moments, n: int) -> tuple[np.ndarray, np.ndarray]:
    # The mean of the first feature leaks in: a centred method must not depend on where the data lie.
    tilt = np.eye(len(moments.xx)) + 1e-3 * np.outer(np.ones(len(moments.xx)), moments.mean_x * 1e12 % 1)
    return tilt[:n], np.ones(min(n, len(moments.xx))) * 1e-3


@pytest.mark.parametrize(
    ("promise", "twin"),
    [
        (deterministic, random_axes()),
        (order_free, first_row_first),
        (subset_consistent, rotated_by_count),
        (shares_are_parts_of_one, inflated),
        (constant_features_are_never_read, rotated_by_count),
        (bounded_when_rank_deficient, exploding),
    ],
)
def test_a_broken_twin_is_rejected(promise: Battery, twin: Callable[..., object], network, rows) -> None:
    with pytest.raises(AssertionError):
        promise(network, rows, twin)


def touch(stats) -> None:
    xy = stats.moments[stats.pairs[0]].xy
    xy.flags.writeable = True
    xy += 1


@pytest.mark.parametrize(
    ("promise", "spoil"),
    [
        (signs_are_fixed, lambda part: replace(part, axes=-part.axes)),
        (scores_survive_the_round_trip, lambda part: replace(part, patterns=part.patterns * 1.1)),
        (scores_have_the_stated_mean_and_deviation, lambda part: replace(part, deviation=part.deviation * 1.1)),
        (statistics_stay_as_they_are, lambda part: part),
    ],
)
def test_broken_components_are_rejected(promise: Battery, spoil, network, rows, monkeypatch) -> None:
    honest = components

    def broken(stats, method, **options) -> Parts:
        parts = {space: spoil(part) for space, part in honest(stats, method, **options).items()}
        touch(stats)
        return parts

    monkeypatch.setitem(promise.__globals__, "components", broken)
    with pytest.raises(AssertionError):
        promise(network, rows, "pca")


def test_a_function_is_as_good_as_a_name(network, rows, monkeypatch) -> None:
    monkeypatch.setattr("compgraph.decompose.methods.METHODS", dict(METHODS))

    def first_features(moments: Moments, n: int) -> tuple[np.ndarray, np.ndarray]:
        return np.eye(len(moments.xx))[:n], np.diagonal(moments.xx)[:n] / moments.n

    stats = network.statistics(rows)
    register_method("first", first_features)
    named, passed = components(stats, "first", n_components=2), components(stats, first_features, n_components=2)
    for space in named:
        assert np.array_equal(named[space].axes, passed[space].axes)
        assert (named[space].method, passed[space].method) == ("first", "first_features")
