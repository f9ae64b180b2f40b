"""Numerical rank of what float32 models do, in whatever units their features are."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from torch import nn

from compgraph.decompose import Components, components, numerical_rank
from compgraph.decompose.numerical_rank import support, varying
from compgraph.observe import collect
from compgraph.statistics import Moments

UNITS = torch.tensor([1.0, 1.0, 1e4, 1.0, 1.0])


def bottleneck(n: int = 4000) -> tuple[nn.Module, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    model = nn.Sequential(nn.Linear(40, 3), nn.Linear(3, 40))
    for parameter in model.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator)
    return model, torch.randn(n, 40, generator=generator)


def in_units(units: torch.Tensor) -> tuple[nn.Module, torch.Tensor]:
    """Return one and the same network with its input and its hidden layer measured in other units."""
    generator = torch.Generator().manual_seed(1)
    first, second = torch.randn(5, 5, generator=generator), torch.randn(5, 5, generator=generator)
    model = nn.Sequential(nn.Linear(5, 5, bias=False), nn.ReLU(), nn.Linear(5, 5, bias=False))
    model[0].weight.data = first * units[:, None] / units
    model[2].weight.data = second / units
    return model, torch.randn(3000, 5, generator=generator) * units


def counts(model: nn.Module, data: torch.Tensor, method: str, layers: list[str]) -> dict[str, int]:
    parts = components(collect(model, data, layers, progress=False), method)
    return {str(space): len(part) for space, part in parts.items()}


def dimensions(part: Components) -> int:
    """Count the independent axes, each feature in units of its own."""
    return int(np.linalg.matrix_rank(part.axes / np.abs(part.axes).max(axis=0)))


@pytest.mark.parametrize("method", ["pca", "gradient"])
@pytest.mark.parametrize("n", [500, 4000])
def test_float32_noise_is_no_component(method: str, n: int) -> None:
    found = counts(*bottleneck(n), method, ["0", "1"])
    assert [found[name] for name in ("input in", "0 out", "0 in")] == [16 if method == "pca" else 3, 3, 3]
    assert found["1 out"] == (3 if method == "pca" else 16)  # the gradient method's last targets are single neurons


@pytest.mark.parametrize("n", [500, 4000])
def test_float32_noise_is_neither_written_nor_read_by_a_regression(n: int) -> None:
    found = counts(*bottleneck(n), "plsr", ["0", "1"])
    assert (found["0 out"], found["0 in"], found["1 out"]) == (3, 3, 3)


@pytest.mark.parametrize("method", ["neuron", "pca", "plsr"])
@pytest.mark.parametrize("scaled", [0, 2, 4])
def test_a_feature_on_a_large_scale_hides_none(method: str, scaled: int) -> None:
    units = torch.ones(5)
    units[scaled] = 1e4
    parts = components(collect(*in_units(units), ["1"], progress=False), method)
    for space, part in parts.items():
        assert (len(part), dimensions(part)) == (5, 5), space


def test_a_feature_on_a_large_scale_leaves_the_others_read() -> None:
    parts = components(collect(*in_units(UNITS), ["1"], progress=False), "gradient")
    for space in list(parts)[:3]:
        small = parts[space].axes[:, [0, 1, 3, 4]]
        assert np.linalg.matrix_rank(small, tol=1e-2) >= 3, space


def test_variances_alone_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    def by_variance(scatter: np.ndarray) -> np.ndarray:
        values, vectors = numerical_rank.descending_eigh(scatter)
        return vectors[values > values[0] * 1e-8]

    monkeypatch.setattr("compgraph.decompose.principal.support", by_variance)
    with pytest.raises(AssertionError):
        test_float32_noise_is_no_component("pca", 4000)
    with pytest.raises(AssertionError):
        test_a_feature_on_a_large_scale_hides_none("pca", 2)


def correlated(units: np.ndarray) -> np.ndarray:
    """Return the scatter of five features of rank three, one of them constant, in the given units."""
    x = np.random.default_rng(0).normal(size=(100, 3))
    x = np.hstack([x, x[:, :1] - 2 * x[:, 1:2], np.ones((100, 1))]) * units
    return Moments.of(x, x).xx


@pytest.mark.parametrize("units", [[1, 1, 1, 1, 1], [1e-3, 1, 1e3, 1, 1], [1, 1, 1, 1e4, 1e9]])
def test_the_support_is_orthonormal_and_holds_all_variance(units: list[float]) -> None:
    scatter = correlated(np.array(units))
    basis = support(scatter)
    assert basis.shape == (3, 5)
    assert_allclose(basis @ basis.T, np.eye(3), atol=1e-12)
    scale = np.sqrt(np.outer(np.diagonal(scatter), np.diagonal(scatter)))
    projected = basis.T @ basis @ scatter @ basis.T @ basis
    assert (np.abs(projected - scatter) <= 1e-10 * scale).all()
    assert_array_equal(basis[:, 4], 0)


def test_independent_features_are_their_own_support() -> None:
    assert_array_equal(support(np.diag([4.0, 0.0, 1e9])), np.eye(3)[[0, 2]])
    assert support(np.zeros((3, 3))).shape == (0, 3)


def test_what_cancels_in_float32_is_constant() -> None:
    x = torch.randn(2000, 8, generator=torch.Generator().manual_seed(0))
    rows = torch.cat([x, (x / x.norm(dim=1, keepdim=True)).norm(dim=1, keepdim=True)], dim=1).double().numpy()
    assert rows[:, 8].std() > 0
    assert_array_equal(varying(Moments.of(rows, rows).xx), [True] * 8 + [False])


@pytest.mark.parametrize("smallest", [1e-7, 3e-7, 2e-6, 1e-4])
def test_the_short_cut_gives_what_eigenvalues_give(smallest: float, monkeypatch: pytest.MonkeyPatch) -> None:
    scatter = np.array([[1.0, 1 - smallest], [1 - smallest, 1.0]])
    quick = support(scatter)
    monkeypatch.setattr(numerical_rank, "_surely_independent", lambda _: False)
    assert_array_equal(quick, support(scatter))
    assert len(quick) == (2 if smallest / (2 - smallest) > numerical_rank.RANK_TOLERANCE else 1)
