import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.testing import assert_close

from compgraph.observe.run.rows import common_grid, from_rows, grid_of, to_rows, width_of


@pytest.mark.parametrize(
    ("a", "b", "common"),
    [
        ((), (), ()),
        ((4, 4), (4, 4), (4, 4)),
        ((8, 6), (4, 12), (4, 6)),
        ((5,), (3,), (3,)),
        ((4, 4), (16,), (16,)),
        ((16,), (4, 4), (16,)),
        ((4, 4), (17,), ()),
        ((4, 4), (), ()),
        ((), (7,), ()),
        ((2, 2, 2, 2), (1, 1, 1, 1), ()),
    ],
)
def test_common_grids(a, b, common):
    assert common_grid(a, b) == common


def test_features_and_positions():
    assert (grid_of((9, 3, 4, 5), 1), width_of((9, 3, 4, 5), 1)) == ((4, 5), 3)
    assert (grid_of((9, 3, 4), 2), width_of((9, 3, 4), 2)) == ((3,), 4)
    assert (grid_of((9, 3, 4), None), width_of((9, 3, 4), None)) == ((), 12)
    assert (grid_of((9,), 0), width_of((9,), 0)) == ((), 1)


grids = st.lists(st.integers(1, 3), max_size=3).map(tuple)


@given(grids, st.integers(1, 3), st.data())
def test_spreading_rows_is_undone_by_averaging(coarse, width, data):
    factors = data.draw(st.lists(st.integers(1, 2), min_size=len(coarse), max_size=len(coarse)))
    axis = data.draw(st.integers(1, len(coarse) + 1))
    shape = [2, *(c * f for c, f in zip(coarse, factors, strict=True))]
    shape.insert(axis, width)
    grid = data.draw(st.sampled_from([coarse, ()]))
    n = 2 * torch.Size(grid).numel()
    rows = torch.arange(n * width, dtype=torch.float64).reshape(n, width)
    assert_close(to_rows(from_rows(rows, tuple(shape), axis, grid), axis, grid), rows)


def test_images_flatten_to_tokens_in_reading_order():
    image = torch.arange(8.0).reshape(1, 2, 2, 2)
    assert to_rows(image, 1, (4,)).tolist() == [[0, 4], [1, 5], [2, 6], [3, 7]]
    assert_close(from_rows(to_rows(image, 1, (4,)), (1, 2, 2, 2), 1, (4,)), image)
