import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from torch import nn
from torch.func import jacrev, vmap

from compgraph.errors import BadRequest, NotFinite, RowsMix, ShapeError
from compgraph.observe import collect
from compgraph.observe.gradients.row_by_row import row_gradients
from compgraph.statistics import GradientMoments, Pair, RowGradients, Space, Statistics


def jacobians(segment, x: torch.Tensor, filters: np.ndarray) -> np.ndarray:
    weights = torch.tensor(filters).to(x)
    return vmap(jacrev(lambda row: weights @ segment(row[None])[0]))(x).detach().numpy()


def follow_the_data(gradients, mlp, rows) -> None:
    """Row i belongs to the sample whose number is ids[i], however the pass was cut into batches."""
    model, data, filters = mlp.double(), rows.double(), np.random.default_rng(0).normal(size=(3, 4))
    stats = collect(model, data, sample=60, batch_size=7)
    assert len(np.unique(stats.samples[stats.pairs[1]].ids)) == 60
    found = gradients(stats, stats.pairs[1], filters=filters)
    assert found.gradients.dtype == np.float64
    expected = jacobians(model[2:4], torch.relu(model[0](data)).detach(), filters)
    assert_allclose(found.gradients, expected[found.ids], atol=1e-12)


def test_rows_follow_the_data(mlp, rows):
    follow_the_data(row_gradients, mlp, rows)


def test_rows_in_another_order_are_seen(mlp, rows):
    def shifted(stats, pair, *, filters):
        found = row_gradients(stats, pair, filters=filters)
        return RowGradients(np.roll(found.gradients, 1, axis=0), found.ids)

    with pytest.raises(AssertionError):
        follow_the_data(shifted, mlp, rows)


def test_they_add_up_to_the_moments(mlp, rows):
    stats = collect(mlp, rows, sample=500)
    for pair in stats.pairs:
        filters = np.eye(stats.samples[pair].y.shape[1])[:2]
        found = row_gradients(stats, pair, filters=filters)
        assert found.gradients.dtype == np.float32
        assert_array_equal(found.ids, np.arange(200))
        sums, expected = GradientMoments.of(found.gradients), stats.probe.gradient_moments(pair, filters)
        assert sums.n == expected.n
        assert_allclose(sums.total, expected.total, rtol=1e-6)
        assert_allclose(sums.second, expected.second, rtol=1e-6)


def test_positions_are_rows_with_numbers_of_their_own():
    model = nn.Sequential(nn.Conv2d(2, 3, 1), nn.Tanh(), nn.Conv2d(3, 4, 1)).double()
    stats = collect(model, torch.randn(6, 2, 4, 4).double())
    pair, filters = stats.pairs[0], np.random.default_rng(0).normal(size=(2, 3))
    found, sample = row_gradients(stats, pair, filters=filters), stats.samples[pair]
    expected = jacobians(lambda row: model[:2](row[:, :, None, None])[:, :, 0, 0], torch.tensor(sample.x), filters)
    assert_array_equal(found.ids, np.sort(sample.ids))
    assert_allclose(found.gradients, expected[np.argsort(sample.ids)], atol=1e-12)


def test_parts_of_the_data_merge(mlp, rows):
    model, filters = mlp.double(), np.eye(3)
    whole = collect(model, rows.double(), sample=500)
    parts = collect(model, rows[:80].double(), sample=500)
    parts += collect(model, rows[80:].double(), sample=500, first_row=80)
    assert len(parts.probe.inputs) == 200
    one, other = (row_gradients(stats, stats.pairs[-1], filters=filters) for stats in (whole, parts))
    assert_array_equal(one.ids, other.ids)
    assert_allclose(one.gradients, other.gradients, atol=1e-12)


def test_the_record_cannot_be_written_to(mlp, rows):
    found = row_gradients(stats := collect(mlp, rows), stats.pairs[0], filters=np.eye(5))
    with pytest.raises(ValueError, match=r"read-only"):
        found.gradients[0] = 0
    assert repr(found) == "RowGradients(gradients=array(200, 5, 6), ids=array(200,))"


def test_requests_that_cannot_be_met(mlp, rows):
    stats = collect(mlp, rows)
    bare = Statistics(stats.pairs, stats.moments, stats.samples, stats.n_samples)
    with pytest.raises(BadRequest, match=r"gradients of single rows needs the model"):
        row_gradients(bare, stats.pairs[0], filters=np.eye(5))
    with pytest.raises(ShapeError, match=r"filters have 4 coordinates, and site 'act' has 5 features"):
        row_gradients(stats, stats.pairs[0], filters=np.eye(4))
    pair = Pair(Space("fc1", "in", 1), stats.pairs[1].target)
    with pytest.raises(BadRequest, match=r"no pair fc1 -> tanh"):
        row_gradients(stats, pair, filters=np.eye(4))


def test_batches_that_mix_and_gradients_that_are_infinite(rows):
    mixing = nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4, track_running_stats=False), nn.Linear(4, 1))
    stats = collect(mixing, rows)
    with pytest.raises(RowsMix, match=r"changing row 0 changed row"):
        row_gradients(stats, stats.pairs[0], filters=np.eye(4))

    class Root(nn.Module):
        def forward(self, x):
            return x + (0 * x).sqrt()

    model = nn.Sequential(nn.Linear(6, 4), Root())
    stats = collect(model, rows, layers=["0", "1"])
    with pytest.raises(NotFinite, match=r"the gradients of 1 out with respect to 0 in"):
        row_gradients(stats, stats.pairs[1], filters=np.eye(4))


def test_one_filter_comes_as_a_row(mlp, rows):
    stats = collect(mlp, rows)
    with pytest.raises(
        ShapeError, match=r"filters have the shape \(5,\); needed is one row each, \(n, 5\).*filters\[None\]"
    ):
        stats.probe._find(stats.pairs[0], np.ones(5), None)
    with pytest.raises(ShapeError, match=r"patterns have the shape \(6,\)"):
        stats.probe._find(stats.pairs[0], np.ones((1, 5)), np.ones(6))
