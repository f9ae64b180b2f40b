import importlib.util
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from compgraph.decompose.interaction import blocks
from compgraph.decompose.interaction.blocks import split, widest_gap

spec = importlib.util.spec_from_file_location(
    "reference_widest_gap", Path(__file__).parents[2] / "reference" / "widest_gap.py"
)
assert spec is not None
assert spec.loader is not None
reference = importlib.util.module_from_spec(spec)
spec.loader.exec_module(reference)


def drawn(plant, seed: int) -> list[np.ndarray]:
    """Jacobians of a few blocks that are apart, nearly so or not at all, and at times of what makes trouble."""
    rng = np.random.default_rng(seed)
    n_blocks = int(rng.integers(1, 4))
    sizes = rng.integers(1, 4, size=(int(rng.integers(1, 4)) + 1, n_blocks)).tolist()
    leak, turn = float(rng.choice([0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.8])), bool(rng.integers(2))
    jacobians = plant(sizes[0], sizes[1:], leak=leak, turn=turn, rows=60, seed=seed).jacobians
    trouble = seed % 8
    if trouble == 1:  # an output that nothing moves
        jacobians = [np.concatenate([each, 0 * each[:, :1]], axis=1) for each in jacobians]
    elif trouble == 2:  # one that hardly anything moves
        jacobians = [np.concatenate([each, 1e-4 * rng.normal(size=each[:, :1].shape)], axis=1) for each in jacobians]
    elif trouble == 3:  # a direction that is not read
        jacobians = [np.concatenate([each, 0 * each[:, :, :1]], axis=2) for each in jacobians]
    elif trouble == 4:  # nearly linear
        jacobians = [each.mean(axis=0) + 0.2 * (each - each.mean(axis=0)) for each in jacobians]
    elif trouble == 5:  # spaces seen in different rows
        jacobians = [each[: 60 - 5 * i] for i, each in enumerate(jacobians)]
    elif trouble == 6:
        jacobians = [each.astype(np.float32) for each in jacobians]
    return jacobians


def test_the_widest_gap_is_that_of_all_modes_found_literally(plant) -> None:
    several = 0
    for seed in range(48):
        jacobians = drawn(plant, seed)
        found, expected = widest_gap(jacobians), reference.widest_gap(jacobians)
        several += expected >= 1
        if found == 0 and expected >= 1:  # a block was lost
            assert split(jacobians).gap == 0
        else:
            assert_allclose(found, expected, rtol=1e-3 if jacobians[0].dtype == np.float32 else 1e-6)
    assert 10 < several < 40


@pytest.mark.parametrize("heads", [False, True])
def test_it_is_the_gap_of_the_split(plant, heads) -> None:
    found = []
    for seed in range(0, 45, 3):
        jacobians = drawn(plant, seed)
        q = jacobians[0].shape[1]
        sizes = (1, q - 1) if heads and q > 1 else ()
        found.append(widest_gap(jacobians, heads=sizes))
        assert_allclose(found[-1], split(jacobians, heads=sizes).gap, rtol=1e-9)
    assert sum(gap > 0 for gap in found) > 5


def test_where_all_leaks_are_large_no_mode_is_sought(plant, monkeypatch) -> None:
    jacobians = [each.astype(np.float32) for each in plant((3, 3), [(4, 4), (4, 3)], leak=0.9).jacobians]
    expected = split(jacobians).gap
    monkeypatch.setattr(blocks, "free_finding", None)
    assert widest_gap(jacobians) == expected == 0
    with pytest.raises(TypeError):
        widest_gap(plant((3, 3), [(4, 4), (4, 3)], leak=0.1).jacobians)
