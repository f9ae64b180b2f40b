from functools import partial

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.decomposition import PCA
from torch import nn

from compgraph.decompose import Directions, components, neurons, pca
from compgraph.decompose.linear_algebra.eigenvalues import neighbour_gaps
from compgraph.errors import BadRequest
from compgraph.observe import collect
from compgraph.statistics import Moments


def rows(seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(300, 5)) @ rng.normal(size=(5, 5)) + 7


def test_pca_equals_scikit_learn() -> None:
    x = rows()
    found, peer = pca(Moments.of(x, x), 5), PCA().fit(x)
    assert_allclose(found.strength, peer.explained_variance_ * 299 / 300, atol=1e-14 * 300)
    overlap = np.abs((found.axes * peer.components_).sum(axis=1))
    assert_allclose(overlap, 1, atol=1e-12)


def test_pca_stops_at_the_rank() -> None:
    x = rows()
    x = np.hstack([x[:, :2], x[:, :2].sum(axis=1, keepdims=True), np.full((300, 1), 3.0)])
    assert len(pca(Moments.of(x, x), 4).axes) == 2


def stops_at_the_share(method) -> None:
    """There are as many components as scikit-learn takes for the same share of the variance."""
    x = rows() @ np.diag([1.0, 2.0, 0.5, 3.0, 0.1])
    for share in (0.1, 0.5, 0.9, 0.99, 0.999):
        peer = PCA(share, svd_solver="full").fit(x)
        found = method(Moments.of(x, x), 5, share=share)
        assert len(found.axes) == len(found.strength) == len(found.gap) == peer.n_components_


def test_pca_stops_at_a_share_of_the_variance() -> None:
    stops_at_the_share(pca)

    def before_it_is_held(moments: Moments, n_components: int, *, share: float) -> Directions:
        found = pca(moments, n_components)
        n = int((np.cumsum(found.strength) / found.strength.sum() < share).sum())
        return Directions(found.axes[:n], found.strength[:n], found.gap[:n])

    with pytest.raises(AssertionError):
        stops_at_the_share(before_it_is_held)


def test_the_share_is_of_all_variance_and_the_limit_holds() -> None:
    x = rows()
    moments = Moments.of(x, x)
    assert len(pca(moments, 2, share=0.9999).axes) == 2
    assert len(pca(moments, 5, share=1.0).axes) == 5
    for share in (0.0, 1.1, float("nan")):
        with pytest.raises(BadRequest, match=r"share=.* is needed"):
            pca(moments, 5, share=share)


def test_pca_of_a_share_is_a_method() -> None:
    model = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3)).double()
    stats = collect(model, rows(), ["1", "2"], progress=False)
    half, everything = components(stats, partial(pca, share=0.5)), components(stats, "pca")
    for space, part in half.items():
        assert part.share[:-1].sum() < 0.5 <= part.share.sum()
        assert_array_equal(part.axes, everything[space].axes[: len(part)])


def test_degenerate_eigenvalues_show_in_the_gap() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 3))
    x, _ = np.linalg.qr(x - x.mean(axis=0))
    found = pca(Moments.of(x * [2, 1, 1], x), 3)
    assert_allclose(found.gap, [0.75, 0, 0], atol=1e-9)


def test_the_gap_looks_past_the_last_component_asked_for() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(50, 3))
    x, _ = np.linalg.qr(x - x.mean(axis=0))
    assert pca(Moments.of(x * [2, 1, 1], x), 2).gap[1] < 1e-9
    assert_array_equal(neighbour_gaps(np.zeros(2)), [0, 0])


def test_gaps_do_not_depend_on_the_order() -> None:
    values = np.array([1.0, 4.0, 0.0, 3.0, 3.9, 0.5])
    others = [np.append(np.delete(values, i), 0) for i in range(len(values))]
    nearest = [np.abs(rest - value).min() for rest, value in zip(others, values, strict=True)]
    expected = np.divide(nearest, values, out=np.zeros(6), where=values > 0)
    assert_allclose(neighbour_gaps(values), expected)
    assert_allclose(neighbour_gaps(np.sort(values)[::-1]), expected[np.argsort(values)[::-1]])


def test_neurons_are_the_basis_by_variance() -> None:
    x = rows() * [1, 0, 5, 2, 3]
    found = neurons(Moments.of(x, x), 3)
    order = np.argsort(-x.var(axis=0))[:3]
    assert_array_equal(found.axes, np.eye(5)[order])
    assert_allclose(found.strength, x.var(axis=0)[order])


def test_dead_neurons_are_never_components() -> None:
    x = rows() * [1, 0, 0, 2, 3]
    assert len(neurons(Moments.of(x, x), 5).axes) == 3


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_the_leading_directions_are_those_of_the_whole_spectrum(share: float) -> None:
    rng = np.random.default_rng(0)
    moments = Moments.of(*[rng.normal(size=(400, 90)) @ rng.normal(size=(90, 90))] * 2)
    some, every = pca(moments, 5, share=share), pca(moments, 90, share=share)
    assert_allclose(np.abs((some.axes * every.axes[:5]).sum(axis=1)), 1, atol=1e-12)
    for name in ("strength", "gap"):
        assert_allclose(getattr(some, name), getattr(every, name)[:5], rtol=1e-9)
