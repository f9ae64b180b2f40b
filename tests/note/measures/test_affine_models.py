"""Expansions against algebra: exact where the map is linear, and off by the second order where it is not."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score
from sklearn.neighbors import KNeighborsRegressor
from torch import nn

from compgraph.errors import BadRequest, EmptyData, NotFinite, ShapeError
from compgraph.observe import collect, row_gradients
from compgraph.statistics import Moments
from note.measures.affine_models import Expansion, explained_variance, held_out_fits


@pytest.fixture(scope="module")
def squares() -> Expansion:
    """Rows of the map that squares each of three entries."""
    x = np.random.default_rng(0).normal(size=(40, 3))
    return Expansion(x, x**2, np.stack([np.diag(2 * row) for row in x]))


def second_order(found: Expansion) -> None:
    """Fail unless a prediction misses a square by the square of the step."""
    rows = np.random.default_rng(1).normal(size=(50, 3))
    steps = rows - found.x[found.nearest(rows)]
    assert_allclose(rows**2 - found.predict(rows), steps**2, atol=1e-12)


def test_what_is_missed_is_the_second_order(squares):
    second_order(squares)
    without = replace(squares, gradients=np.zeros_like(squares.gradients))
    elsewhere = replace(squares, gradients=squares.gradients[::-1])
    for broken in (without, elsewhere):
        with pytest.raises(AssertionError):
            second_order(broken)


def test_the_nearest_row_is_the_nearest(squares):
    rows = np.random.default_rng(2).normal(size=(60, 3))
    literal = [int(np.linalg.norm(squares.x - row, axis=1).argmin()) for row in rows]
    assert_array_equal(squares.nearest(rows), literal)
    assert_allclose(squares.predict(rows), squares.predict(rows, at=np.array(literal)))
    assert_allclose(squares.predict(squares.x), squares.y, atol=1e-12)


def test_one_matrix_is_never_better_than_least_squares(squares):
    moments = Moments.of(squares.x, squares.y)
    best = moments.mean_y + (squares.x - moments.mean_x) @ np.linalg.solve(moments.xx, moments.xy)
    averaged, least = (explained_variance(each, squares.y) for each in (squares.averaged(squares.x), best))
    assert averaged < least < explained_variance(squares.predict(squares.x), squares.y) == 1


def test_a_linear_map_is_met_exactly_by_all():
    rng = np.random.default_rng(3)
    matrix, x = rng.normal(size=(2, 4)), rng.normal(size=(20, 4))
    found = Expansion(x, x @ matrix.T + 3, np.broadcast_to(matrix, (20, 2, 4)))
    rows = rng.normal(size=(9, 4))
    for predicted in (found.predict(rows), found.averaged(rows), found.predict(rows, at=np.zeros(9, dtype=np.int64))):
        assert_allclose(predicted, rows @ matrix.T + 3, atol=1e-12)


def test_rectifiers_are_met_exactly_inside_a_region():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2)).double()
    rows = torch.randn(400, 3, dtype=torch.float64)
    stats = collect(network, rows, ["2"], sample=400, progress=False)
    gradients = row_gradients(stats, stats.pairs[0], filters=np.eye(2)).gradients
    with torch.no_grad():
        y, gates = network(rows).numpy(), (network[0](rows) > 0).numpy()
    found = Expansion(rows[:200].numpy(), y[:200], gradients[:200])
    missed = np.abs(found.predict(rows[200:].numpy()) - y[200:]).max(axis=1)
    same = (gates[200:] == gates[:200][found.nearest(rows[200:].numpy())]).all(axis=1)
    assert 0.2 < same.mean() < 1
    assert missed[same].max() < 1e-12 < 1e-6 < missed[~same].min()


def test_explained_variance_is_that_of_scikit_learn():
    rng = np.random.default_rng(4)
    rows = rng.normal(size=(30, 4)) * [1, 2, 3, 10]
    predicted = rows + rng.normal(size=rows.shape)
    found = explained_variance(predicted, rows)
    assert found == pytest.approx(r2_score(rows, predicted, multioutput="variance_weighted"))
    assert found != pytest.approx(r2_score(rows, predicted), rel=1e-3)
    turn = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    assert explained_variance(predicted @ turn, rows @ turn) == pytest.approx(found)
    assert explained_variance(np.tile(rows.mean(axis=0), (30, 1)), rows) == 0


def test_what_does_not_fit_is_refused(squares):
    with pytest.raises(ShapeError, match=r"shape \(2, 1\) came for rows of shape \(3, 1\)"):
        explained_variance(np.zeros((2, 1)), np.zeros((3, 1)))
    with pytest.raises(EmptyData, match=r"3 rows without variance"):
        explained_variance(np.zeros((3, 1)), np.ones((3, 1)))
    with pytest.raises(NotFinite, match=r"the prediction"):
        explained_variance(np.array([[np.nan], [0.0]]), np.array([[1.0], [0.0]]))
    with pytest.raises(ShapeError, match=r"gradients of shape \(40, 3, 2\)"):
        replace(squares, gradients=squares.gradients[:, :, :2])
    with pytest.raises(EmptyData, match=r"at 0 rows"):
        Expansion(squares.x[:0], squares.y[:0], squares.gradients[:0])
    for predict in (squares.predict, squares.averaged):
        with pytest.raises(ShapeError, match=r"rows of 2 entries came for an expansion in 3"):
            predict(np.zeros((1, 2)))
    with pytest.raises(ShapeError, match=r"2 rows to expand at came for 1"):
        squares.predict(np.zeros((1, 3)), at=np.array([0, 1]))
    with pytest.raises(BadRequest, match=r"rows -1 to -1 to expand at came, and there are 0 to 39"):
        squares.predict(np.zeros((1, 3)), at=np.array([-1]))


KINKS = np.random.default_rng(5).normal(size=(300, 3))
FITTED = 200


def tried_on_new_rows(fit) -> None:
    """Hold the models of |x| against scikit-learn's, and those with a gradient against loops over rows."""
    x, y, slopes = KINKS, np.abs(KINKS), np.sign(KINKS)
    gradients = slopes[:, :, None] * np.eye(3)
    found = fit(x, y, gradients, n_fitted=FITTED, n_components=3)
    (old, new), (seen, truth) = ((rows[:FITTED], rows[FITTED:]) for rows in (x, y))
    nearest = [int(np.linalg.norm(old - row, axis=1).argmin()) for row in new]
    center = int(np.linalg.norm(old - old.mean(axis=0), axis=1).argmin())
    by_model = {
        "regression": LinearRegression().fit(old, seen).predict(new),
        "averaged": seen.mean(axis=0) + (new - old.mean(axis=0)) * slopes[:FITTED].mean(axis=0),
        "central": seen[center] + (new - old[center]) * slopes[center],
        "nearest_row": KNeighborsRegressor(1).fit(old, seen).predict(new),
        "nearest": np.array([slopes[at] * row for at, row in zip(nearest, new, strict=True)]),
    }
    for name, predicted in by_model.items():
        expected = r2_score(truth, predicted, multioutput="variance_weighted")
        assert getattr(found, name) == pytest.approx(expected, abs=1e-9), name
    same = (slopes[nearest] == slopes[FITTED:]).all(axis=1)
    assert 0.2 < same.mean() < 1
    assert found.exact == same.mean()


def test_models_are_tried_on_rows_they_were_not_fitted_to():
    tried_on_new_rows(held_out_fits)

    def on_rows_it_knows(x, y, gradients, *, n_fitted, n_components):
        x, y, gradients = (np.concatenate([rows[n_fitted:], rows]) for rows in (x, y, gradients))
        return held_out_fits(x, y, gradients, n_fitted=n_fitted, n_components=n_components)

    def the_other_way_round(x, y, gradients, *, n_fitted, n_components):
        x, y, gradients = (rows[::-1] for rows in (x, y, gradients))
        return held_out_fits(x, y, gradients, n_fitted=len(x) - n_fitted, n_components=n_components)

    def without_gradients(x, y, gradients, **options):
        return held_out_fits(x, y, np.zeros_like(gradients), **options)

    for broken in (on_rows_it_knows, the_other_way_round, without_gradients):
        with pytest.raises(AssertionError):
            tried_on_new_rows(broken)


def test_the_number_of_components_is_that_of_the_regression():
    rng = np.random.default_rng(6)
    x = rng.normal(size=(200, 4))
    matrix = rng.normal(size=(3, 4))
    fits = [
        held_out_fits(x, x @ matrix.T, np.broadcast_to(matrix, (200, 3, 4)), n_fitted=100, n_components=k)
        for k in (1, 2, 4)
    ]
    assert fits[0].regression < fits[1].regression < 1
    assert fits[2].regression == pytest.approx(1, abs=1e-12)
    assert all(each.averaged == pytest.approx(1, abs=1e-12) and each.exact == 1 for each in fits)


def test_rows_must_be_left_to_try_models_on():
    options = {"x": KINKS, "y": KINKS, "gradients": np.zeros((300, 3, 3)), "n_fitted": 100, "n_components": 3}
    for name, value, message in (
        ("n_fitted", 300, r"n_fitted=300 of 300 rows leaves none"),
        ("n_fitted", 0, r"n_fitted"),
        ("n_components", 0, r"n_components"),
    ):
        with pytest.raises(BadRequest, match=message):
            held_out_fits(**{**options, name: value})
    with pytest.raises(ShapeError, match=r"gradients of shape \(100, 3, 2\)"):
        held_out_fits(**{**options, "gradients": np.zeros((300, 3, 2))})
    with pytest.raises(EmptyData, match=r"rows without variance"):
        held_out_fits(**{**options, "y": np.ones((300, 3))})
