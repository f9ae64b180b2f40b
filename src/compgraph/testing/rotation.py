"""What every rotation of the component method ``"interaction"`` promises."""

from dataclasses import dataclass

import numpy as np

from compgraph.arguments import checked
from compgraph.decompose.interaction import ROTATIONS, Rotation
from compgraph.errors import unknown_name
from compgraph.testing.contract import (
    Breach,
    Unusable,
    answer,
    contract,
    judge,
    other_dice,
    require_equal,
    require_function,
)

SIZE = 4
WITHIN = 1e-6  # as the method itself allows


@dataclass(frozen=True, slots=True)
class _Data:
    """Uncorrelated scores of unit variance, and Jacobians of two outputs with respect to them."""

    scores: np.ndarray
    gradients: np.ndarray
    shown: str


@dataclass(frozen=True, slots=True)
class _Subject:
    rotation: Rotation

    def basis(self, data: _Data) -> np.ndarray:
        return np.asarray(answer(lambda: self.rotation(data.scores, data.gradients), data.shown))

    def usable(self, data: _Data) -> np.ndarray:
        """Return the basis where it can be compared with another."""
        basis, size = self.basis(data), data.scores.shape[1]
        if basis.shape != (size, size) or basis.dtype.kind != "f":
            raise Unusable(f"an array of shape {basis.shape} and type {basis.dtype} came", data.shown)
        return basis


def _data(size: int = SIZE) -> _Data:
    rng = np.random.default_rng(0)
    rows = rng.laplace(size=(300, size))
    rows -= rows.mean(axis=0)
    scores = np.linalg.qr(rows)[0] * np.sqrt(len(rows))
    gradients = rng.normal(size=(50, 2, size)).astype(np.float32)
    shown = f"scores of shape {scores.shape} and float32 gradients of shape {gradients.shape} (seed 0)"
    return _Data(scores, gradients, shown)


@contract("Let it answer for any scores and gradients of finite numbers.")
def answers(subject: _Subject) -> None:
    """An answer to ordinary data, and no exception."""
    subject.basis(_data())


@contract("Return one direction a row: np.eye(scores.shape[1]) turned.")
def square(subject: _Subject) -> None:
    """A matrix of floating-point numbers as wide and high as there are scores."""
    subject.usable(_data())


@contract("Take the nearest rotation, left @ right of np.linalg.svd(basis), where it is one but for rounding.")
def orthonormal(subject: _Subject) -> None:
    """Rows of unit length that are at right angles, up to 1e-6."""
    _require_orthonormal(subject, _data())


@contract("Seed a generator of its own, and keep nothing from one call to the next.")
def deterministic(subject: _Subject) -> None:
    """The same basis for the same scores and gradients, whatever random numbers were drawn elsewhere."""
    data = _data()
    one = subject.usable(data)
    with other_dice():
        require_equal(subject.usable(data), one, "bases from two calls", data.shown)


@contract("Stop where there is nothing to turn.")
def one_direction(subject: _Subject) -> None:
    """An answer of 1 or -1 for a single direction."""
    _require_orthonormal(subject, _data(1))


@contract("Divide by no norm that can be 0; np.eye(scores.shape[1]) is an answer.")
def dead_gradients(subject: _Subject) -> None:
    """An orthonormal basis where all gradients are 0."""
    data = _data()
    _require_orthonormal(subject, _Data(data.scores, 0 * data.gradients, f"{data.shown}, all gradients 0"))


@contract("Scale the gradients by their mean square first.")
def ignores_units(subject: _Subject) -> None:
    """The same basis when the outputs are measured in other units."""
    data = _data()
    one = subject.usable(data)
    for power in (-20, 20):
        shown = f"{data.shown}, gradients times 2**{power}"
        scaled = _Data(data.scores, data.gradients * np.float32(2.0**power), shown)
        require_equal(subject.usable(scaled), one, "bases", shown, within=1e-6)


@contract("Write into copies: gradients.astype(np.float64).")
def leaves_its_input_alone(subject: _Subject) -> None:
    """Scores and gradients that are afterwards what they were before."""
    data, same = _data(), _data()
    subject.basis(data)
    for name in ("scores", "gradients"):
        if not np.array_equal(getattr(data, name), getattr(same, name)):
            raise Breach(f"the {name} are not what they were", data.shown)


def _require_orthonormal(subject: _Subject, data: _Data) -> None:
    basis = subject.usable(data).astype(np.float64)
    worst = float(np.abs(basis @ basis.T - np.eye(len(basis))).max())
    if not worst <= WITHIN:
        raise Breach(f"basis @ basis.T differs from the identity by {worst:.2g}", data.shown)


FORMS = (answers, square)
LAWS = (orthonormal, deterministic, one_direction, dead_gradients, ignores_units, leaves_its_input_alone)


@checked
def check_rotation(rotation: str | Rotation) -> None:
    """Hold a rotation of the component method ``"interaction"`` to everything that the package's own promise.

    Parameters
    ----------
    rotation
        A function ``(scores, gradients) -> basis``, or a registered name.

    Raises
    ------
    ContractBroken
        Naming every contract that is broken: what came, what was needed, the data that show it, and what to do.
    UnknownName
        When no rotation has this name.
    BadRequest
        When it is no function.

    Examples
    --------
    >>> check_rotation("varimax")
    >>> try:
    ...     check_rotation(lambda scores, gradients: 2 * np.eye(scores.shape[1]))
    ... except AssertionError as error:
    ...     print(*error.contracts)
    orthonormal one_direction dead_gradients
    """
    if isinstance(rotation, str):
        if rotation not in ROTATIONS:
            raise unknown_name("rotation", rotation, ROTATIONS)
        judge(f"rotation {rotation!r}", _Subject(ROTATIONS[rotation]), FORMS, LAWS)
        return
    require_function(rotation, "rotation")
    judge(f"rotation {getattr(rotation, '__name__', 'custom')!r}", _Subject(rotation), FORMS, LAWS)
