import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from sklearn.cross_decomposition import PLSRegression
from torch import nn

from compgraph.decompose import Method, components, partial_least_squares
from compgraph.decompose.partial_least_squares import plsr_reads, plsr_writes
from compgraph.observe import collect
from compgraph.statistics import Moments

spec = importlib.util.spec_from_file_location(
    "reference_pls", Path(__file__).parents[1] / "reference" / "partial_least_squares.py"
)
assert spec is not None
assert spec.loader is not None
reference = importlib.util.module_from_spec(spec)
spec.loader.exec_module(reference)


def well_conditioned(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(400, 9)) * np.arange(1, 10) ** 0.5
    return x, np.tanh(x @ rng.normal(size=(9, 6)) / 3) * [4, 3, 2.2, 1.5, 1, 0.6]


def aligned(found: np.ndarray, expected: np.ndarray) -> np.ndarray:
    return found * np.sign((found * expected).sum(axis=1, keepdims=True))


@pytest.mark.parametrize("seed", range(3))
def test_it_is_what_nipals_converges_to(seed: int) -> None:
    x, y = well_conditioned(seed)
    fit, twin = partial_least_squares(Moments.of(x, y), 5), reference.nipals(x, y, 5)
    for name in ("weights", "rotations", "x_loadings", "y_loadings"):
        assert_allclose(aligned(getattr(fit, name), twin[name]), twin[name], atol=1e-8, err_msg=name)
    assert_allclose(fit.score_variance, (twin["scores"] ** 2).mean(axis=1), rtol=1e-8)


def test_it_is_what_nipals_converges_to_score_by_score() -> None:
    x, y = well_conditioned()
    fit, twin = partial_least_squares(Moments.of(x, y), 6), reference.nipals(x, y, 6)
    scores = (x - x.mean(axis=0)) @ fit.rotations.T
    assert_allclose(aligned(scores.T, twin["scores"]), twin["scores"], atol=1e-7)


def test_rotated_targets_leave_what_is_read_as_it_was() -> None:
    x, y = well_conditioned()
    turn = np.linalg.svd(y - y.mean(axis=0), full_matrices=False)[2]  # the principal axes of the targets
    plain, turned = (partial_least_squares(Moments.of(x, each), 6) for each in (y, y @ turn.T))
    for name in ("weights", "rotations", "x_loadings", "score_variance"):
        assert_allclose(getattr(turned, name), getattr(plain, name), atol=1e-9, err_msg=name)
    whitened = partial_least_squares(Moments.of(x, y @ turn.T / (y @ turn.T).std(axis=0)), 6)
    assert np.abs(whitened.weights - plain.weights).max() > 0.01


def test_an_unconverged_nipals_is_told_apart() -> None:
    x, y = well_conditioned()
    loose = PLSRegression(5, scale=False, tol=1e-2).fit(x, y)
    fit = partial_least_squares(Moments.of(x, y), 5)
    with pytest.raises(AssertionError):
        assert_allclose(aligned(fit.rotations, loose.x_rotations_.T), loose.x_rotations_.T, atol=1e-8)


def test_it_agrees_with_scikit_learn_on_a_well_conditioned_case() -> None:
    x, y = well_conditioned()
    peer = PLSRegression(5, scale=False, tol=1e-14, max_iter=20_000).fit(x, y)
    fit = partial_least_squares(Moments.of(x, y), 5)
    assert_allclose(fit.coefficients(), peer.coef_.T, atol=1e-6)


def test_all_components_give_least_squares() -> None:
    x, y = well_conditioned()
    fit = partial_least_squares(Moments.of(x, y), 9)
    expected = np.linalg.lstsq(x - x.mean(axis=0), y - y.mean(axis=0), rcond=None)[0]
    assert_allclose(fit.coefficients(), expected, atol=1e-10)


def test_scores_are_uncorrelated_and_weights_orthonormal() -> None:
    x, y = well_conditioned()
    moments = Moments.of(x, y)
    fit = partial_least_squares(moments, 9)
    assert_allclose(fit.weights @ fit.weights.T, np.eye(9), atol=1e-10)
    scatter = fit.rotations @ moments.xx @ fit.rotations.T / moments.n
    assert_allclose(scatter, np.diag(fit.score_variance), atol=1e-10)
    assert_allclose(fit.rotations @ fit.x_loadings.T, np.eye(9), atol=1e-10)


def test_dead_and_duplicate_features_end_the_rank_and_blow_nothing_up() -> None:
    x, y = well_conditioned()
    x = np.hstack([x[:, :3], x[:, :1], np.zeros((400, 2))])
    fit = partial_least_squares(Moments.of(x, y), 6)
    assert len(fit.weights) == 3
    assert np.abs(fit.rotations).max() < 10
    assert np.abs(fit.rotations[:, 4:]).max() == 0


def test_nothing_to_explain_gives_no_components() -> None:
    x = np.random.default_rng(0).normal(size=(20, 3))
    assert len(partial_least_squares(Moments.of(x, np.ones((20, 2))), 3).weights) == 0


def test_fewer_components_are_the_first_of_more() -> None:
    moments = Moments.of(*well_conditioned())
    for side in (plsr_reads, plsr_writes):
        assert_allclose(side(moments, 2).axes, side(moments, 5).axes[:2], rtol=0, atol=0)


def test_strengths_are_explained_variances() -> None:
    x, y = well_conditioned()
    moments = Moments.of(x, y)
    assert plsr_reads(moments, 9).strength.sum() == pytest.approx(x.var(axis=0).sum(), rel=1e-10)
    residual = y - y.mean(axis=0) - (x - x.mean(axis=0)) @ partial_least_squares(moments, 6).coefficients()
    explained = y.var(axis=0).sum() - residual.var(axis=0).sum()
    assert plsr_writes(moments, 6).strength.sum() == pytest.approx(explained, rel=1e-10)


def test_more_components_than_targets_leave_the_written_side_at_its_rank() -> None:
    x, y = well_conditioned()
    moments = Moments.of(x, y[:, :2])
    assert len(plsr_reads(moments, 6).axes) == 6
    assert len(plsr_writes(moments, 6).axes) == 2


def test_a_pair_is_fitted_once_for_both_of_its_sides() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3))
    stats, fitted = collect(model, torch.randn(50, 6)), []

    def fit(moments: Moments, n_components: int):
        fitted.append(moments)
        return partial_least_squares(moments, n_components)

    found = components(stats, Method("plsr", plsr_reads, plsr_writes, fit=fit))
    alone = components(stats, Method("plsr", plsr_reads, plsr_writes))
    assert len(fitted) == len(stats.pairs)
    for space in stats.spaces:
        assert_allclose(found[space].axes, alone[space].axes, rtol=0, atol=0)
