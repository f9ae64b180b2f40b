"""What `components` makes of any method's directions, and that each promise about it can be broken."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from compgraph.decompose import METHODS, Components, components, register_method
from compgraph.statistics import Moments, Space
from compgraph.testing.network import network, rows

Parts = dict[Space, Components]
Promise = Callable[[str], None]


def parts(method: object, *, n_components: int | None = 3) -> Parts:
    return components(network().statistics(rows()), method, n_components=n_components)


def signs_are_fixed(method) -> None:
    for part in parts(method).values():
        largest = np.abs(part.axes).argmax(axis=1)
        assert (part.axes[np.arange(len(part)), largest] > 0).all()


def scores_survive_the_round_trip(method) -> None:
    for part in parts(method).values():
        scores = np.random.default_rng(2).normal(size=(7, len(part)))
        assert_allclose(part.transform(part.inverse_transform(scores)), scores, atol=1e-9)


def scores_have_the_stated_mean_and_deviation(method) -> None:
    part = next(iter(parts(method).values()))
    scores = part.transform(rows())
    assert_allclose(scores.mean(axis=0), 0, atol=1e-10)
    assert_allclose(scores.std(axis=0), part.deviation, rtol=1e-9)


PROMISES = [signs_are_fixed, scores_survive_the_round_trip, scores_have_the_stated_mean_and_deviation]


@pytest.mark.parametrize("method", sorted(METHODS))
@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
def test_components_of_every_method_keep_every_promise(promise: Promise, method: str) -> None:
    promise(method)


@pytest.mark.parametrize(
    ("promise", "spoil"),
    [
        (signs_are_fixed, lambda part: replace(part, axes=-part.axes)),
        (scores_survive_the_round_trip, lambda part: replace(part, patterns=part.patterns * 1.1)),
        (scores_have_the_stated_mean_and_deviation, lambda part: replace(part, deviation=part.deviation * 1.1)),
    ],
)
def test_broken_components_are_rejected(promise: Promise, spoil, monkeypatch) -> None:
    honest = components

    def broken(stats, method, **options) -> Parts:
        return {space: spoil(part) for space, part in honest(stats, method, **options).items()}

    monkeypatch.setitem(globals(), "components", broken)
    with pytest.raises(AssertionError):
        promise("pca")


def test_a_function_is_as_good_as_a_name() -> None:
    def first_features(moments: Moments, n: int) -> tuple[np.ndarray, np.ndarray]:
        return np.eye(len(moments.xx))[:n], np.diagonal(moments.xx)[:n] / moments.n

    register_method("first", first_features)
    named, passed = parts("first", n_components=2), parts(first_features, n_components=2)
    for space in named:
        assert np.array_equal(named[space].axes, passed[space].axes)
        assert (named[space].method, passed[space].method) == ("first", "first_features")
