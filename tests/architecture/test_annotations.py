"""The annotations of shapes and types are enforced in tests: else none of them would be tested."""

import jaxtyping
import numpy as np
import pytest

from compgraph.arrays import fix_signs
from compgraph.statistics import Moments, Space


def test_shapes_are_enforced() -> None:
    with pytest.raises(jaxtyping.TypeCheckError):
        fix_signs(np.zeros(3))
    with pytest.raises(jaxtyping.TypeCheckError):
        Moments.of(np.zeros((3, 2)), np.zeros(3))
    with pytest.raises(jaxtyping.TypeCheckError):
        Space("fc1", "sideways", 0)


def test_functions_inside_others_are_enforced_once() -> None:
    jaxtyped, made = jaxtyping.jaxtyped(typechecker=lambda each: each), []

    def outer() -> None:
        def inner() -> None: ...

        made.append(jaxtyped(inner) is inner)

    outer()
    outer()
    assert made == [False, True]
