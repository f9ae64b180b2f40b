import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.covariance import EmpiricalCovariance

from compgraph.decompose.numerical_rank import support
from compgraph.errors import NotFinite
from compgraph.observe.sums.column import CHUNK, Column
from compgraph.observe.sums.product import Product


def streamed(x: torch.Tensor, y: torch.Tensor, sizes: list[int]) -> tuple[Column, Product, Product]:
    """Stream rows in batches of the given sizes."""
    left, right = Column("x", x[:1]), Column("y", y[:1])
    xx, xy = Product(left, left), Product(left, right)
    start = 0
    for batch, size in enumerate([*sizes, len(x) - sum(sizes)]):
        left.write(x[start : start + size], batch)
        right.write(y[start : start + size], batch)
        start += size
        last = start == len(x)
        for a, b in zip(left.take(last=last), right.take(last=last), strict=True):
            xx.add(a, a)
            xy.add(a, b)
    return left, xx, xy


def covariance_error(rows: torch.Tensor, found: np.ndarray) -> float:
    """Largest error of a sum of products against float64, in units of the two standard deviations."""
    centred = rows.double().numpy() - rows.double().numpy().mean(axis=0)
    exact = centred.T @ centred
    scale = np.sqrt(np.diag(exact))
    return float(np.abs((found - exact) / np.outer(scale, scale)).max())


@pytest.fixture
def offset_rows() -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    mix = torch.randn(150, 150, generator=generator)
    return 1e4 * 12 + torch.randn(9000, 150, generator=generator) @ mix


def test_sums_of_offset_float32_rows_are_exact(offset_rows):
    left, xx, _ = streamed(offset_rows, offset_rows[:, :3], [4000, 1, 3000])
    assert covariance_error(offset_rows, xx.result()) < 1e-6
    oracle = EmpiricalCovariance().fit(offset_rows.double().numpy())
    assert_allclose(left.mean.numpy(), oracle.location_, rtol=1e-9)
    assert_allclose(xx.result() / left.n, oracle.covariance_, atol=1e-6 * oracle.covariance_.diagonal().max())


def test_an_uncentred_float32_accumulator_is_told_apart(offset_rows):
    mean = offset_rows.mean(dim=0)
    broken = offset_rows.T @ offset_rows - len(offset_rows) * torch.outer(mean, mean)
    assert covariance_error(offset_rows, broken.double().numpy()) > 1e-3


def test_drifting_rows_are_exact():
    generator = torch.Generator().manual_seed(1)
    rows = torch.randn(6000, 5, generator=generator) + 100 * torch.arange(6000)[:, None] / 6000
    _, xx, _ = streamed(rows, rows, [7, 2000])
    assert covariance_error(rows, xx.result()) < 1e-6


@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(0, 1500), max_size=3), st.sampled_from([torch.float16, torch.bfloat16, torch.float64]))
def test_sums_do_not_depend_on_batches(sizes, dtype):
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(2 * CHUNK + 500, 4, generator=generator).to(dtype)
    y = torch.randn(len(x), 3, generator=generator).to(dtype)
    left, xx, xy = streamed(x, y, sizes)
    a, b = (each.double().numpy() for each in (x, y))
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    assert left.n == len(x)
    # Halves are multiplied in float32, whose rounding adds up like a random walk over the rows of a chunk.
    error = 1e-13 if dtype == torch.float64 else math.sqrt(CHUNK) * np.finfo(np.float32).eps / 2
    assert_allclose(xx.result(), a.T @ a, atol=error * np.square(a).sum(axis=0).max(), rtol=0)
    assert_allclose(
        xy.result(),
        a.T @ b,
        atol=error * np.sqrt(np.square(a).sum(axis=0).max() * np.square(b).sum(axis=0).max()),
        rtol=0,
    )


def test_float64_rows_keep_their_digits():
    x = torch.randn(3000, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(3)) + 1e6
    _, xx, _ = streamed(x, x, [100])
    a = x.numpy() - x.numpy().mean(axis=0)
    assert_allclose(xx.result(), a.T @ a, rtol=1e-9, atol=1e-6)


@pytest.fixture
def medium_precision():
    torch.set_float32_matmul_precision("medium")
    yield
    torch.set_float32_matmul_precision("highest")


@pytest.mark.usefixtures("medium_precision")
def test_products_that_may_be_bfloat16_are_formed_in_float64(offset_rows):
    rows = offset_rows[:, :80]
    _, xx, _ = streamed(rows, rows, [])
    assert covariance_error(rows, xx.result()) < 1e-12


def test_strips_of_a_wide_column_join_to_a_symmetric_sum():
    x = torch.randn(500, 300, generator=torch.Generator().manual_seed(4))
    _, xx, _ = streamed(x, x, [])
    assert covariance_error(x, xx.result()) < 1e-6
    assert_array_equal(xx.result(), xx.result().T)


def test_constant_features_have_exactly_no_variance():
    x = torch.full((3000, 2), 0.1)
    x[:, 1] = torch.randn(3000, generator=torch.Generator().manual_seed(5))
    _, xx, xy = streamed(x, x, [1, 1000])
    assert xx.result()[0, 0] == 0
    assert xy.result()[0].tolist() == [0, 0]


@pytest.mark.parametrize("scale", [1e-25, 1e25])
def test_squares_outside_the_range_of_float32(scale):
    x = torch.randn(100, 3, generator=torch.Generator().manual_seed(6)) * scale
    _, xx, _ = streamed(x, x[:, :1], [])
    assert covariance_error(x, xx.result()) < 1e-6


def test_a_sum_outside_the_range_of_float32():
    x = torch.linspace(1e38, 3e38, 100)[:, None]
    left, xx, _ = streamed(x, x, [])
    assert covariance_error(x, xx.result()) < 1e-6
    assert_allclose(left.mean.item(), 2e38, rtol=1e-6)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("row", [0, 3, 29])
def test_values_that_are_not_finite_are_located(value, row):
    x = torch.randn(30, 2)
    x[row, 1] = value
    column = Column("encoder.fc1", x)
    for batch in range(3):
        column.write(x[10 * batch : 10 * batch + 10], batch)
    with pytest.raises(NotFinite, match=rf"'encoder\.fc1' holds NaN or infinite values in batch {row // 10}\b"):
        column.take(last=True)


def one_hot(classes: int, n: int = 20_000, seed: int = 2) -> torch.Tensor:
    """Classes ever rarer."""
    weights = 1 / np.arange(1, classes + 1) ** 1.5
    drawn = np.random.default_rng(seed).choice(classes, n, p=weights / weights.sum())
    return torch.from_numpy(np.eye(classes, dtype=np.float32)[drawn])


def rare(threshold: float, n: int = 20_000) -> torch.Tensor:
    """Eight mixtures of three features that are zero but for a few rows."""
    generator = torch.Generator().manual_seed(7)
    active = torch.relu(torch.randn(n, 3, generator=generator) - threshold)
    return active @ torch.rand(3, 8, generator=generator)


def counts(n: int = 20_000) -> torch.Tensor:
    drawn = np.random.default_rng(3).poisson(0.1, (n, 4))
    return torch.from_numpy(np.column_stack([drawn, drawn.sum(axis=1)]).astype(np.float32))


def padded(share: float, n: int = 20_000) -> torch.Tensor:
    """Three directions, and one row again and again."""
    generator = torch.Generator().manual_seed(8)
    full = torch.randn(n, 3, generator=generator) @ torch.randn(3, 8, generator=generator)
    again = torch.rand(n, 1, generator=generator) < share
    return torch.where(again, 3.3 + torch.randn(8, generator=generator), full)


def equal_in_one_chunk() -> torch.Tensor:
    rows = padded(0.0)
    rows[CHUNK : 2 * CHUNK] = rows[0]
    return rows


SHARED = {
    **{f"one-hot {k}": (lambda k=k: one_hot(k), 1e-12, k - 1) for k in (3, 8, 20)},
    "one-hot, rare first": (lambda: one_hot(8).flip(1), 1e-12, 7),
    "one-hot, sorted": (lambda: one_hot(20)[one_hot(20).argmax(dim=1).sort().indices], 1e-12, 19),
    "one-hot, far away": (lambda: 1e4 + one_hot(8), 1e-11, 7),
    **{f"rare above {each}": (lambda each=each: rare(each), 2e-7, 3) for each in (1.5, 2.0, 2.5, 3.0, 3.5)},
    "counts": (counts, 5e-7, 4),
    "padding, 80 %": (lambda: padded(0.8), 2e-7, 4),
    "padding, 99.9 %": (lambda: padded(0.999), 2e-7, 4),
    "equal in one chunk": (equal_in_one_chunk, 5e-7, 3),
}


@pytest.mark.parametrize("name", SHARED)
def test_rows_that_are_mostly_equal_have_the_moments_and_rank_of_float64(name):
    make, error, rank = SHARED[name]
    rows = make()
    left, xx, _ = streamed(rows, rows[:, :1], [len(rows) // 3, 1000])
    exact = rows.double().numpy()
    deviation = exact.std(axis=0)
    assert covariance_error(rows, xx.result()) < error
    assert float(np.abs((left.mean.numpy() - exact.mean(axis=0)) / deviation).max()) < 1e-7
    assert len(support(xx.result())) == len(support(np.cov(exact.T))) == rank


def test_centring_mostly_equal_rows_about_their_mean_is_told_apart():
    rows = one_hot(8)
    centred = rows - rows.mean(dim=0)
    broken = sum((part.T @ part).double() for part in centred.split(CHUNK))
    assert covariance_error(rows, broken.numpy()) > 1e-7


def test_features_without_a_common_value_are_centred_about_their_mean_as_ever():
    generator = torch.Generator().manual_seed(9)
    ordinary = torch.randn(CHUNK, 3, generator=generator) + 5
    common = torch.relu(torch.randn(CHUNK, 2, generator=generator) - 1)
    mixed = torch.column_stack([ordinary, common])
    column = Column("x", mixed[:1])
    column.write(mixed, 0)
    (chunk,) = column.take()
    shifted = mixed - mixed[0]
    twin = shifted - shifted.mean(dim=0)
    assert torch.equal(chunk.rows[:, :3], twin[:, :3])
    assert torch.equal(chunk.residual[:3], twin.sum(dim=0).double()[:3])
    assert int((chunk.rows[:, 3:] == 0).sum()) > CHUNK, "common values are exact zeros"


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.tuples(st.integers(0, 40), st.booleans()), max_size=8),
    st.sampled_from([(1, 1), (6, 6), (8, 3), (5, 2)]),
)
def test_blocks_are_the_same_however_rows_arrive_and_whenever_they_are_taken(parts, sizes):
    block, chunk = sizes
    rows = torch.randn(sum(n for n, _ in parts), 3, generator=torch.Generator().manual_seed(1))
    column, found, start = Column("x", rows[:1].reshape(-1, 3), block=block, chunk=chunk), [], 0

    def uncentred(chunks: list) -> list[torch.Tensor]:
        return [each.rows.double() + each.mean - each.residual / len(each.rows) for each in chunks]

    for batch, (n, taken) in enumerate(parts):
        column.write(rows[start : start + n], batch)
        start += n
        found += uncentred(column.take()) if taken else []
    found += uncentred(column.take(last=True))
    expected = [part for whole in rows.split(block) for part in whole.split(chunk)] if len(rows) else []
    assert column.n == len(rows)
    assert [len(each) for each in found] == [len(each) for each in expected]
    for each, part in zip(found, expected, strict=True):
        torch.testing.assert_close(each, part.double(), rtol=0, atol=1e-6)
