"""Factorisations at any scale, in another way where one fails, with an error of one kind where all do."""

import ast
from pathlib import Path

import numpy as np
import pytest
import scipy.linalg

from compgraph.decompose.linear_algebra import factorisations
from compgraph.decompose.linear_algebra.factorisations import eigh, eigvalsh, inverse, pinv, svd
from compgraph.decompose.linear_algebra.leading import leading_eigh, leading_of_product, leading_positive
from compgraph.decompose.linear_algebra.triangular import positive_definite
from compgraph.errors import CompgraphError, NotFinite

SOURCE = Path(__file__).parents[2] / "src" / "compgraph"
MATRIX = np.random.default_rng(0).normal(size=(5, 5))
EVEN = MATRIX @ MATRIX.T
RAW = ("eigh", "eigvalsh", "svd", "pinv", "inv", "cholesky", "lstsq", "eig")


def raw_calls(code: str) -> list[str]:
    """List the factorisations of NumPy that raise an error of their own."""
    calls = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)]
    names = [ast.unparse(call.func) for call in calls]
    return [each for each in names if each in {f"np.linalg.{name}" for name in RAW}]


def failing(*_: object, **__: object) -> None:
    raise np.linalg.LinAlgError("did not converge")


@pytest.mark.parametrize("scale", [2.0**-1000, 2.0**-600, 1.0, 2.0**600, 2.0**1010])
def test_results_are_the_same_at_every_scale(scale) -> None:
    np.testing.assert_array_equal(eigh(EVEN * scale)[0], eigh(EVEN)[0] * scale)
    np.testing.assert_array_equal(eigh(EVEN * scale)[1], eigh(EVEN)[1])
    np.testing.assert_array_equal(eigvalsh(EVEN * scale), eigvalsh(EVEN) * scale)
    np.testing.assert_array_equal(leading_eigh(EVEN * scale, 2)[1], leading_eigh(EVEN, 2)[1])
    np.testing.assert_array_equal(svd(MATRIX * scale)[1], svd(MATRIX)[1] * scale)
    np.testing.assert_array_equal(pinv(MATRIX * scale) * scale, pinv(MATRIX))


def test_they_are_what_numpy_gives() -> None:
    np.testing.assert_allclose(eigh(EVEN)[0], np.linalg.eigvalsh(EVEN))
    np.testing.assert_allclose(eigvalsh(np.stack([EVEN, -EVEN]))[1], np.linalg.eigvalsh(-EVEN))
    np.testing.assert_allclose(leading_eigh(EVEN, 2)[0], np.linalg.eigvalsh(EVEN)[-2:])
    np.testing.assert_allclose(leading_positive(EVEN, 2)[0], np.linalg.eigvalsh(EVEN)[-2:])
    np.testing.assert_allclose(svd(MATRIX[:3])[1], np.linalg.svd(MATRIX[:3])[1])
    np.testing.assert_allclose(pinv(MATRIX[:3]), np.linalg.pinv(MATRIX[:3]))
    np.testing.assert_allclose(inverse(MATRIX), np.linalg.inv(MATRIX))
    assert positive_definite(EVEN)
    assert not positive_definite(-EVEN)


def test_another_way_is_tried(monkeypatch) -> None:
    wanted = eigh(EVEN)[0], svd(MATRIX)[1], pinv(MATRIX)
    stacked = eigh(np.stack([EVEN, 2 * EVEN]))[0]
    for name in ("eigh", "eigvalsh", "svd"):
        monkeypatch.setattr(np.linalg, name, failing)
    np.testing.assert_allclose(eigvalsh(EVEN), wanted[0])
    for found, expected in zip((eigh(EVEN)[0], svd(MATRIX)[1], pinv(MATRIX)), wanted, strict=True):
        np.testing.assert_allclose(found, expected)
    np.testing.assert_allclose(eigh(np.stack([EVEN, 2 * EVEN]))[0], stacked)
    np.testing.assert_allclose(inverse(np.ones((2, 2))), np.full((2, 2), 0.25))  # singular: the pseudoinverse


def test_where_no_way_ends_the_error_names_what_was_asked(monkeypatch) -> None:
    monkeypatch.setattr(np.linalg, "eigh", failing)
    monkeypatch.setattr(scipy.linalg, "eigh", failing)
    with pytest.raises(NotFinite, match=r"eigenvalues of the moments of 'fc1' could not be computed in any of 3 ways"):
        eigh(EVEN, "the moments of 'fc1'")


@pytest.mark.parametrize("rank", [1, 20, 50, 51, 100])
@pytest.mark.parametrize("find", [leading_eigh, leading_positive])
def test_some_eigenvalues_are_the_last_of_all(find, rank) -> None:
    rows = np.random.default_rng(rank).normal(size=(rank, 100))
    every, basis = np.linalg.eigh(rows.T @ rows)
    for n in (1, 16, 60, 200):
        values, vectors = find(rows.T @ rows, n)
        k = min(len(values), rank)
        assert k == min(n, rank)
        np.testing.assert_allclose(values[-k:], every[-k:], rtol=1e-9)
        np.testing.assert_allclose(np.abs((vectors[:, -k:] * basis[:, -k:]).sum(axis=0)), 1, atol=1e-9)


@pytest.mark.parametrize("spectrum", ["one", "three alike", "slow", "flat"])
@pytest.mark.parametrize("n", [3, 40, 200])
def test_the_largest_of_an_operator_are_those_of_its_matrix(spectrum, n) -> None:
    size = 200
    basis = np.linalg.qr(np.random.default_rng(1).normal(size=(size, size)))[0]
    number = np.arange(size)
    values = {
        "one": np.where(number == 0, 1.0, 0.0),
        "three alike": np.where(number < 3, 1.0, 0.9**number),
        "slow": 0.98**number,
        "flat": np.ones(size),
    }[spectrum]
    products = []
    found, vectors = leading_of_product(
        lambda block: products.append(block.shape[1]) or (basis * values) @ (basis.T @ block),
        size,
        lambda every: min(n, len(every)),
    )
    assert len(found) == n
    np.testing.assert_allclose(found, values[:n], atol=1e-12)
    np.testing.assert_allclose((basis * values) @ (basis.T @ vectors.T), vectors.T * found, atol=2e-9)
    np.testing.assert_allclose(vectors @ vectors.T, np.eye(n), atol=1e-12)
    if spectrum in ("one", "three alike") and n == 3:
        assert sum(products) < size  # nothing was formed


def test_nothing_has_no_eigenvalues_above_zero() -> None:
    values, vectors = leading_positive(np.zeros((80, 80)), 3)
    assert len(values) == 0
    assert vectors.shape == (80, 0)


def test_eigenvalues_are_found_where_there_is_no_factor(monkeypatch) -> None:
    monkeypatch.setattr(scipy.linalg.lapack, "dpstrf", failing)
    np.testing.assert_allclose(leading_positive(EVEN, 2)[0], np.linalg.eigvalsh(EVEN)[-2:])


@pytest.mark.parametrize("function", [eigh, svd, pinv, inverse])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_no_raw_error_of_numbers_that_are_none(function, bad) -> None:
    with pytest.raises(NotFinite, match="NaN or infinite"):
        function(np.array([[1.0, bad], [bad, 1.0]]), "a basis")
    assert issubclass(NotFinite, CompgraphError)


ROOMS = ("factorisations.py", "leading.py", "triangular.py")


def test_nothing_factorises_by_itself() -> None:
    own = {path: raw_calls(path.read_text()) for path in SOURCE.rglob("*.py") if path.name not in ROOMS}
    assert not {str(path.relative_to(SOURCE)): calls for path, calls in own.items() if calls}
    assert raw_calls("np.linalg.svd(x)\nnp.linalg.norm(x)") == ["np.linalg.svd"]
    assert raw_calls(Path(factorisations.__file__).read_text())
