"""The annotations of shapes and types are enforced in tests: else none of them would be tested."""

import dataclasses
from collections.abc import Callable, Iterator

import jaxtyping
import numpy as np
import pytest
from beartype import beartype
from jaxtyping import Float64

from compgraph.arrays import fix_signs
from compgraph.statistics import Moments, Space
from fixtures.enforced import jaxtyped, sparing

ROWS = np.ones((3, 2))


def test_shapes_are_enforced() -> None:
    with pytest.raises(jaxtyping.TypeCheckError):
        fix_signs(np.zeros(3))
    with pytest.raises(jaxtyping.TypeCheckError):
        Moments.of(np.zeros((3, 2)), np.zeros(3))
    with pytest.raises(jaxtyping.TypeCheckError):
        Space("fc1", "sideways", 0)


def plain(n: int, *, text: str = "") -> str:
    return text * n if n else n


def shaped(a: Float64[np.ndarray, "n d"], b: Float64[np.ndarray, " d"] | None = None) -> Float64[np.ndarray, " n"]:
    return a[:, 0] if b is None else a.ravel()


def measured(n: int) -> Float64[np.ndarray, "{n} 2"]:
    return ROWS


def lazy(a: Float64[np.ndarray, "n d"], b: Float64[np.ndarray, " d"]) -> Iterator[int]:
    yield from range(len(a) + len(b))


@dataclasses.dataclass(frozen=True)
class Record:
    a: Float64[np.ndarray, "n d"]
    b: Float64[np.ndarray, " d"]
    n: int = 0


CALLS: list[tuple[Callable[..., object], tuple[object, ...]]] = [
    *((plain, given) for given in ((2,), (2.5,), (0,), (True,))),
    *((shaped, given) for given in ((ROWS,), (ROWS, ROWS[0]), (ROWS, ROWS[:, 0]), (ROWS[0],), (ROWS, 1))),
    *((measured, given) for given in ((3,), (4,), ("3",))),
    *((lazy, given) for given in ((ROWS, ROWS[0]), (ROWS, ROWS[:, 0]), (ROWS, None))),
    *((Record, given) for given in ((ROWS, ROWS[0]), (ROWS, ROWS[:, 0]), (ROWS, ROWS[0], "1"), (1, ROWS[0]))),
]


def refusal(enforce: Callable[..., object], function: Callable[..., object], given: tuple[object, ...]) -> str:
    """Return what is raised where a function, or a copy of a record, is enforced."""
    copy = type(function)(function.__name__, (), dict(function.__dict__)) if isinstance(function, type) else function
    try:
        enforce(copy)(*given)
    except jaxtyping.TypeCheckError:
        return "refused"
    return ""


def test_the_sparing_checks_refuse_what_those_of_jaxtyping_do() -> None:
    literal = jaxtyped(typechecker=beartype)
    found = [[refusal(check, *call) for call in CALLS] for check in (sparing(typechecker=beartype), literal)]
    assert found[0] == found[1]
    assert found[0].count("refused") == 13


def test_functions_inside_others_are_enforced_once() -> None:
    enforced, made = sparing(typechecker=beartype), []

    def outer() -> None:
        def inner(n: int) -> None: ...

        made.append(enforced(inner) is inner)

    outer()
    outer()
    assert made == [False, True]
