"""What a contract is, and how a function is held to many of them at once."""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from compgraph.errors import BadRequest, ContractBroken, MissingTool

Answer = TypeVar("Answer")


class Breach(Exception):
    """What came in place of what a contract promises, and the input that shows it."""

    def __init__(self, came: str, shown: str) -> None:
        super().__init__(f"{came}, on {shown}")
        self.came, self.shown = came, shown


class Unusable(Breach):
    """No answer that a contract could judge: the function raised, or what it gave was refused."""


@dataclass(frozen=True, slots=True)
class Contract:
    """One promise of an extension point.

    Attributes
    ----------
    check
        Raises `Breach` when what it is given breaks the promise. Its name is that of the contract, its docstring the
        promise in words.
    remedy
        What to do about it.
    """

    check: Callable[[Any], None]
    remedy: str

    @property
    def name(self) -> str:
        """How messages and tests call it."""
        return self.check.__name__

    @property
    def promise(self) -> str:
        """What is needed, in words."""
        return (self.check.__doc__ or "").strip().rstrip(".")


def contract(remedy: str) -> Callable[[Callable[[Any], None]], Contract]:
    """Make a contract of a check.

    Parameters
    ----------
    remedy
        What to do when it is broken.

    Returns
    -------
    callable
        A decorator.
    """
    return lambda check: Contract(check, remedy)


def judge(what: str, subject: Any, forms: Sequence[Contract], laws: Sequence[Contract]) -> None:
    """Hold a subject to all contracts, and report every one that it breaks.

    Parameters
    ----------
    what
        How to call it in the message.
    subject
        What the checks take.
    forms
        Contracts on what an answer looks like, on ordinary data. Where one is broken, others that get no answer they
        could judge are not counted: the reason is known.
    laws
        The other contracts.

    Raises
    ------
    ContractBroken
        Naming all that are broken.
    """
    broken: list[tuple[Contract, Breach]] = []
    unjudged = 0
    for each in (*forms, *laws):
        try:
            each.check(subject)
        except Unusable as breach:
            if any(other in forms for other, _ in broken):
                unjudged += 1
            else:
                broken.append((each, breach))
        except Breach as breach:
            broken.append((each, breach))
    if broken:
        raise ContractBroken(
            _message(what, broken, len(forms) + len(laws), unjudged), tuple(each.name for each, _ in broken)
        )


def _message(what: str, broken: Sequence[tuple[Contract, Breach]], n: int, unjudged: int) -> str:
    lines = [f"{what} breaks {len(broken)} of {n} contracts:"]
    lines += [
        f"- {each.name}: {breach.came}. Needed: {each.promise}. Shown by {breach.shown}. {each.remedy}"
        for each, breach in broken
    ]
    if unjudged:
        lines.append(f"{unjudged} others could not be judged for want of an answer: mend these first.")
    return "\n".join(lines)


def answer(call: Callable[[], Answer], shown: str) -> Answer:
    """Return what a function under test gives.

    Parameters
    ----------
    call
        Calls it.
    shown
        The input, in words.

    Returns
    -------
    object
        Its answer.

    Raises
    ------
    Unusable
        When it raises, whatever that is.
    MissingTool
        When it needs a tool that is not installed, which says nothing about the function.
    """
    try:
        return call()
    except (Breach, MissingTool):
        raise
    except Exception as error:
        raise Unusable(f"it raised {type(error).__name__}: {str(error)[:300]}", shown) from error


def require_function(given: object, kind: str) -> None:
    """Refuse what can be neither called nor looked up.

    Parameters
    ----------
    given
        What came in place of a function or a registered name.
    kind
        What it should be, for the message.

    Raises
    ------
    BadRequest
        When it is no function.
    """
    if not callable(given):
        raise BadRequest(f"{given!r:.80} came; a function or the name of a registered {kind} is needed.")


def require_equal(came: np.ndarray, needed: np.ndarray, what: str, shown: str, *, within: float = 0.0) -> None:
    """Raise unless two arrays are the same, up to ``within`` where it is given.

    Parameters
    ----------
    came, needed
        The arrays.
    what
        How to call them.
    shown
        The input, in words.
    within
        Largest difference, in units of the largest entry where that is above 1.

    Raises
    ------
    Breach
        When they differ.
    """
    if came.shape != needed.shape:
        raise Breach(f"{what} have shape {came.shape} in place of {needed.shape}", shown)
    allowed = within * max(1.0, float(np.abs(needed).max(initial=0.0)))
    worst = float(np.abs(came - needed).max(initial=0.0))
    if not worst <= allowed:
        raise Breach(f"{what} differ by {worst:.2g}, where {allowed:.2g} is allowed", shown)


@contextmanager
def other_dice() -> Iterator[None]:
    """Let the process's own random numbers go on from elsewhere, and put them back at the end.

    Yields
    ------
    None
        Once.
    """
    kept, kept_numpy = random.getstate(), np.random.get_state()  # noqa: NPY002  the state others draw from
    random.seed(12345)
    np.random.seed(12345)  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(kept)
        np.random.set_state(kept_numpy)  # noqa: NPY002
