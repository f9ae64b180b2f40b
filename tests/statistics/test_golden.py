"""Files that earlier versions wrote are read as what they were: NumPy computes their content anew from the data."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from compgraph.statistics import Statistics, row_priority
from fixtures.golden_statistics import FOLDER, Golden, N, activations, collected, inputs, weights

FILES = {"version_1": False, "version_1_inputs": True}


def read(name: str) -> Statistics:
    return Statistics.load(FOLDER / f"{name}.safetensors")


@pytest.mark.parametrize("name", FILES)
def test_files_are_small_and_are_read(name: str) -> None:
    assert (FOLDER / f"{name}.safetensors").stat().st_size < 30_000
    stats, rows = read(name), activations()
    assert {(pair.source.layer, pair.target.layer) for pair in stats.pairs} == {
        ("input", "a"), ("a", "left"), ("a", "right"),
    }  # fmt: skip
    for pair in stats.pairs:
        x, y = (rows[space.layer] for space in (pair.source, pair.target))
        found, x0, y0 = stats.moments[pair], x - x.mean(0), y - y.mean(0)
        assert found.n == N
        for mine, theirs in (
            (found.mean_x, x.mean(0)), (found.mean_y, y.mean(0)), (found.xx, x0.T @ x0), (found.xy, x0.T @ y0),
            (found.yy, y0.T @ y0),
        ):  # fmt: skip
            assert_allclose(mine, theirs, atol=1e-11)


@pytest.mark.parametrize("name", FILES)
def test_the_rest_is_what_was_asked_for(name: str) -> None:
    stats = read(name)
    assert stats.outputs == ("z", "b")
    assert [space.layer for space in stats.returned.values()] == ["left", "right"]
    assert stats.n_samples == N
    assert stats.asked.layers == ["a", "left", "right"]
    assert stats.identity is not None
    assert str(stats.identity.rows) == f"100-{99 + N}"
    assert stats.identity.options["sample"] == 8
    assert stats.identity.model.keys() == {"(type)", "a.weight", "left.weight", "right.weight"}


def test_sampled_rows_are_those_of_lowest_priority() -> None:
    stats, rows = read("version_1_inputs"), activations()
    ids = np.arange(100, 100 + N)
    lowest = ids[np.argsort(row_priority(ids, 0))[:8]]
    for pair, sample in stats.samples.items():
        assert_array_equal(sample.ids, lowest)
        assert_array_equal(sample.x, rows[pair.source.layer][lowest - 100])
        assert_array_equal(sample.y, rows[pair.target.layer][lowest - 100])
    assert all(each.is_withheld for each in read("version_1").samples.values())


def test_gradients_are_those_of_algebra() -> None:
    stats = read("version_1_inputs").attach(Golden())
    (pair,) = (each for each in stats.pairs if each.target.layer == "left")
    kept = stats.samples[pair].ids - 100
    gates = (inputs()[kept] @ weights()["a"].T > 0).astype(float)
    expected = [(each * gates).T @ (each * gates) for each in weights()["left"]]
    found = stats.live("a test").gradient_moments(pair, np.eye(2))
    assert found.n == 8
    assert_allclose(found.second, expected, atol=1e-12)


def test_todays_code_makes_the_same_statistics() -> None:
    now = collected()
    then = read("version_1_inputs")
    assert now.pairs == then.pairs
    for pair in now.pairs:
        assert_allclose(now.moments[pair].xy, then.moments[pair].xy, atol=1e-11)
