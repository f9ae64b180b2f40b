import numpy as np
import pytest

from compgraph.errors import BadRequest
from compgraph.statistics import Moments, Pair, Sample, Space, Statistics

INPUT, HIDDEN_OUT = Space("input", "in", 0), Space("h", "out", 1)
HIDDEN_IN, OUTPUT = Space("h", "in", 1), Space("a/out:1", "out", 2)
PAIRS = (Pair(INPUT, HIDDEN_OUT), Pair(HIDDEN_IN, OUTPUT))


def statistics(ids: np.ndarray, pairs: tuple[Pair, ...] = PAIRS) -> Statistics:
    x = np.random.default_rng(0).normal(size=(40, 2))[ids]
    return Statistics(
        pairs,
        {pair: Moments.of(x, x) for pair in pairs},
        {pair: Sample.of(x, x, ids=ids, capacity=5, seed=0) for pair in pairs},
        len(ids),
        notes=("a note",),
    )


def test_spaces_sort_the_way_data_flows() -> None:
    assert sorted([OUTPUT, HIDDEN_IN, INPUT, HIDDEN_OUT]) == [INPUT, HIDDEN_OUT, HIDDEN_IN, OUTPUT]
    assert PAIRS[0] < PAIRS[1]
    assert not PAIRS[1] < PAIRS[0]
    assert str(PAIRS[1]) == "h -> a/out:1"


def test_a_pair_goes_from_in_to_out() -> None:
    with pytest.raises(BadRequest, match="from h out to h in"):
        Pair(HIDDEN_OUT, HIDDEN_IN)


def test_statistics_of_shards_add_up() -> None:
    merged = statistics(np.arange(15)) + statistics(np.arange(15, 40))
    whole = statistics(np.arange(40))
    assert merged.n_samples == 40
    assert merged.notes == ("a note",)
    assert merged.layers == ("input", "h", "a/out:1")
    for pair in PAIRS:
        np.testing.assert_allclose(merged.moments[pair].xx, whole.moments[pair].xx, rtol=1e-12)
        np.testing.assert_array_equal(merged.samples[pair].ids, whole.samples[pair].ids)


def test_statistics_of_other_layers_do_not_add_up() -> None:
    with pytest.raises(BadRequest, match=r"layers input, h, a/out:1 and input, h do not merge"):
        statistics(np.arange(3)) + statistics(np.arange(3, 6), PAIRS[:1])


def test_what_was_observed_cannot_be_replaced() -> None:
    with pytest.raises(TypeError):
        statistics(np.arange(3)).moments[PAIRS[0]] = Moments.empty(2, 2)
