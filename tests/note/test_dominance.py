"""Sets of networks against one another: counts worked out by hand, and what the last run found and experiments say."""

import json
from dataclasses import fields

import numpy as np
import pytest

from note.dominance import FIRST_SEED, KINDS, N_NETWORKS, N_SETS, RESULTS, Comparison, compared, lines, shares, spread
from note.reproduce import EXPERIMENTS, load

FOUND = np.array([[[0.5, 0.9], [0.7, 0.9]], [[0.6, 0.8], [0.8, np.nan]]])  # two sets of two networks, two components


def is_compared(compare) -> None:
    """Sets have means 0.6, 0.9 and 0.7, 0.8; all together 0.65 and 0.867, of four networks and of three."""
    found = compare(FOUND, np.array([0.65, 0.95]))
    assert found.mean == pytest.approx([0.65, 2.6 / 3])
    assert found.sets == [pytest.approx([0.6, 0.9]), pytest.approx([0.7, 0.8])]
    assert (found.far_from_published, found.sets_far_from_published, found.far_between_sets) == (1, [2, 2], [2])
    assert found.standard_error == pytest.approx([np.sqrt(0.05 / 3 / 4), 0.1 / 3])
    assert found.chi_squared == pytest.approx((2.6 / 3 - 0.95) ** 2 / (0.01 / 3 * (1 / 3 + 1 / 100)))


def test_sets_are_compared_with_one_another_and_with_what_was_published() -> None:
    is_compared(compared)
    with pytest.raises(AssertionError):  # as if all networks had every component
        is_compared(lambda found, published: compared(np.nan_to_num(found), published))
    with pytest.raises(AssertionError):  # networks for sets
        is_compared(lambda found, published: compared(found.swapaxes(0, 1), published))


def test_scaled_units_have_another_share(trained) -> None:
    found = shares(trained[0])
    assert list(found) == list(KINDS)
    for share in found.values():
        assert share.shape == (16,)
        assert (share[:4] >= 0.5).all()
        assert (share[:4] <= 1).all()
    assert not np.allclose(found["plain"][:4], found["scaled"][:4])


def test_the_last_run_was_of_all_sets_and_is_what_experiments_say() -> None:
    kept = {kind: Comparison(**each) for kind, each in json.loads(RESULTS.read_bytes()).items()}
    assert list(kept) == list(KINDS)
    assert all(len(each.sets) == N_SETS for each in kept.values())
    experiment = load(EXPERIMENTS / "002_task_inputs.py")
    differing = np.mean(kept["plain"].far_between_sets)
    assert f"by more than 0.03 in {differing:.1f} of 16 PCs" in experiment.NOISE
    said = lines(kept, np.array(experiment.DOMINANT), N_SETS * N_NETWORKS)
    assert len(said) == 2 + 16 + 1 + len(KINDS)
    assert spread(kept["scaled"].far_between_sets) in said[-1]
    assert FIRST_SEED >= 1000  # seeds below were looked at before
    assert {field.name for field in fields(Comparison)} == set(json.loads(RESULTS.read_bytes())["plain"])
