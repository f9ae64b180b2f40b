import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from compgraph.observe.sums.reservoir import Reservoir
from compgraph.statistics import row_priority


@settings(deadline=None, max_examples=40)
@given(st.permutations(range(30)), st.lists(st.integers(0, 30), max_size=4), st.integers(1, 40))
def test_a_reservoir_holds_the_lowest_priorities_whatever_the_batches(order, cuts, capacity):
    ids = np.array(order, dtype=np.int64)
    reservoir, kept = Reservoir(capacity, 7), np.full(capacity, -1)
    for part in np.split(ids, sorted(cuts)):
        new, slots = reservoir.offer(part)
        kept[slots] = part[new]
    expected = ids[np.argsort(row_priority(ids, 7))][:capacity]
    assert_array_equal(reservoir.ids[reservoir.order], expected)
    assert_array_equal(kept[reservoir.order], expected)
