"""Arrows that pass columns run around them, side by side."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compgraph.show.graph.detours import Arrow, Detour, detours

COLUMNS = {0.0: (-1.0, 1.0), 1.0: (-4.0, 3.0), 2.0: (-1.0, 1.0), 3.0: (-2.0, 5.0), 4.0: (-1.0, 1.0)}
ENDS = [(a, b) for a, b in combinations(sorted(COLUMNS), 2)]


def require_clear(arrows: dict[object, Arrow], found: dict[object, Detour], gap: float) -> None:
    """Fail unless level stretches keep clear of every column they pass, and of each other."""
    spans = {
        key: (way.level - arrows[key].thickness / 2, way.level + arrows[key].thickness / 2)
        for key, way in found.items()
    }
    for key, way in found.items():
        for x, (top, bottom) in COLUMNS.items():
            if way.start <= x <= way.stop:
                assert spans[key][1] <= top - gap + 1e-9 or spans[key][0] >= bottom + gap - 1e-9
    for one, other in combinations(found, 2):
        if found[one].start <= found[other].stop and found[other].start <= found[one].stop:
            assert spans[one][1] <= spans[other][0] - gap + 1e-9 or spans[other][1] <= spans[one][0] - gap + 1e-9


@given(
    chosen=st.lists(st.tuples(st.sampled_from(ENDS), st.floats(-9, 9), st.floats(0, 2)), max_size=12),
    gap=st.floats(0, 2),
)
def test_nothing_is_crossed(chosen, gap) -> None:
    arrows = {i: Arrow(*ends, level, thickness) for i, (ends, level, thickness) in enumerate(chosen)}
    found = detours(arrows, COLUMNS, gap=gap)
    assert set(found) == {i for i, arrow in arrows.items() if arrow.stop - arrow.start > 1}
    require_clear(arrows, found, gap)


def test_arrows_in_one_place_or_across_a_column_are_rejected() -> None:
    arrows = {i: Arrow(0.0, 4.0, 0.0, 1.0) for i in range(2)}
    found = detours(arrows, COLUMNS, gap=0.5)
    require_clear(arrows, found, 0.5)
    with pytest.raises(AssertionError):
        require_clear(arrows, {0: found[0], 1: found[0]}, 0.5)
    with pytest.raises(AssertionError):
        require_clear(arrows, {0: Detour(1.0, 3.0, 0.0)}, 0.5)


def test_the_nearer_side_is_taken_and_above_where_both_are_alike() -> None:
    assert detours({0: Arrow(0.0, 2.0, -0.5, 1.0)}, COLUMNS, gap=1.0)[0].level == -5.5
    assert detours({0: Arrow(0.0, 2.0, 3.0, 1.0)}, COLUMNS, gap=1.0)[0].level == 4.5


def test_long_arrows_run_around_short_ones() -> None:
    arrows = {"long": Arrow(0.0, 4.0, -9.0, 1.0), "short": Arrow(0.0, 2.0, -9.0, 1.0)}
    found = detours(arrows, COLUMNS, gap=1.0)
    assert found["long"].level < found["short"].level
