"""Every contract of rotations has a rotation that breaks it and no other, and is caught by its name."""

import numpy as np
import pytest

from compgraph.errors import ContractBroken, UnknownName
from compgraph.testing import CONTRACTS, check_rotation


def honest(scores: np.ndarray, gradients: np.ndarray) -> np.ndarray:
    rows = gradients.reshape(-1, gradients.shape[2]).astype(np.float64)
    return np.linalg.eigh(rows.T @ rows)[1].T


def raises(scores, gradients):
    raise KeyError("nothing here")


def lacks_a_row(scores, gradients):
    return np.eye(scores.shape[1])[1:]


def stretched(scores, gradients):
    size = scores.shape[1]
    return np.eye(size) + 0.1 * (size > 1 and bool(gradients.any())) * np.eye(size)


def needs_two(scores, gradients):
    return np.eye(scores.shape[1]) * (1.0 if scores.shape[1] > 1 else 2.0)


def divides_by_the_norm(scores, gradients):
    with np.errstate(invalid="ignore"):
        return np.eye(scores.shape[1]) * (np.abs(gradients).max() / np.abs(gradients).max())


def by_a_number(scores, gradients):
    return np.eye(scores.shape[1])[:: -1 if np.abs(gradients).max() > 1e3 else 1]


def writes_into_its_input(scores, gradients):
    basis = honest(scores, gradients)
    scores *= 2
    return basis


def restless():
    turns = [1.0]

    def rotation(scores, gradients):
        size = scores.shape[1]
        turns[0] += 1e-9 if np.abs(gradients).max() < 100 else 0.0
        c, s = np.cos(turns[0]), np.sin(turns[0])
        basis = np.eye(size)
        if size > 1:
            basis[:2, :2] = [[c, s], [-s, c]]
        return basis

    return rotation


TWINS = {
    "answers": raises,
    "square": lacks_a_row,
    "orthonormal": stretched,
    "deterministic": restless(),
    "one_direction": needs_two,
    "dead_gradients": divides_by_the_norm,
    "ignores_units": by_a_number,
    "leaves_its_input_alone": writes_into_its_input,
}


def test_every_contract_has_a_broken_twin() -> None:
    assert list(TWINS) == list(CONTRACTS["rotation"])


@pytest.mark.parametrize("name", TWINS)
def test_a_broken_twin_is_rejected_by_the_contract_that_it_breaks(name) -> None:
    with pytest.raises(ContractBroken, match=f"- {name}: ") as caught:
        check_rotation(TWINS[name])
    assert caught.value.contracts == (name,)


def test_what_they_are_twins_of_is_accepted() -> None:
    check_rotation(honest)


def test_a_name_that_is_unknown_is_refused() -> None:
    with pytest.raises(UnknownName, match=r"no rotation 'varimin'.*Did you mean 'varimax'"):
        check_rotation("varimin")
