"""Names for component methods; a function does as well as a name."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from compgraph.arguments import checked
from compgraph.decompose.gradient import gradient_reads
from compgraph.decompose.interaction.method import COMMUTANT
from compgraph.decompose.interaction.rotations import Rotation
from compgraph.decompose.partial_least_squares import partial_least_squares, plsr_reads, plsr_writes
from compgraph.decompose.principal import neurons, pca
from compgraph.errors import BadRequest, unknown_name
from compgraph.statistics import Moments

# (moments, n_components) -> axes, strength; a plain pair of arrays is as welcome as Directions.
Decomposition = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Method:
    """How one method finds the components of the two sides of a layer.

    Attributes
    ----------
    name
        What the components will be called.
    reads
        Components of an ``"in"`` space from the moments of the pair that starts there.
    writes
        Components of an ``"out"`` space from the moments of the pair that ends there.
    from_gradients
        Whether components are found from the model's output backwards: ``writes`` gives those of the last site,
        ``reads`` takes `GradientMoments` of the target components in place of `Moments`, and the directions that are
        read of a layer are also the targets it writes.
    fit
        Function of (moments, n_components) that both sides start from, where there is one: ``reads`` and ``writes``
        take it by this name too, and get one that fits no moments twice.
    """

    name: str
    reads: Decomposition
    writes: Decomposition
    from_gradients: bool = False
    fit: Callable[[Moments, int], Any] | None = None


@dataclass(frozen=True, slots=True)
class Interaction:
    """The method that finds the components of all spaces together, by what they do to the outputs.

    Attributes
    ----------
    rotations
        Compared by how little blocks of components leak: ``"commutant"`` (all spaces and the outputs turned together),
        ``"none"``, ``"varimax"``, ``"ica"``, ``"jade"``, a registered name, or a function
        ``(scores, gradients) -> basis``. At least one, in a tuple.
    name
        What the components will be called.

    Raises
    ------
    BadRequest
        When a rotation comes outside a tuple.
    """

    rotations: tuple[str | Rotation, ...] = (COMMUTANT,)
    name: str = "interaction"

    def __post_init__(self) -> None:
        # The letters of a name, one by one, are no rotations.
        if isinstance(self.rotations, str) or callable(self.rotations):
            raise BadRequest(
                f"rotations={self.rotations!r}: a tuple of rotations is needed; write ({self.rotations!r},) for one."
            )


def one_sided(name: str, decomposition: Decomposition) -> Method:
    """Make a method of a function that looks at one space at a time.

    Parameters
    ----------
    name
        What the components will be called.
    decomposition
        ``(moments, n_components) -> axes, strength`` for the ``x`` side of ``moments``.

    Returns
    -------
    Method
        The function at both sides of every layer.
    """

    def writes(moments: Moments, n_components: int) -> Any:
        return decomposition(moments.swap(), n_components)

    return Method(name, decomposition, writes)


METHODS: dict[str, Method | Interaction] = {
    "neuron": one_sided("neuron", neurons),
    "pca": one_sided("pca", pca),
    "plsr": Method("plsr", plsr_reads, plsr_writes, fit=partial_least_squares),
    "gradient": Method("gradient", gradient_reads, one_sided("neuron", neurons).writes, from_gradients=True),
    "interaction": Interaction(),
}


@checked
def register_method(name: str, method: Method | Interaction | Decomposition) -> None:
    """Give a component method a name that `compgraph.components` understands.

    Parameters
    ----------
    name
        The name; an existing one is replaced.
    method
        A function ``(moments, n_components) -> axes, strength`` of the ``x`` side of `Moments`, or a `Method` where
        the two sides of a layer need different functions, or an
        `Interaction`.

    Examples
    --------
    >>> from functools import partial
    >>> from compgraph.decompose import pca
    >>> register_method("most-variance", partial(pca, share=0.9))
    >>> "most-variance" in METHODS  # and so a method for `compgraph.components`
    True
    """
    METHODS[name] = method if isinstance(method, Method | Interaction) else one_sided(name, method)


def resolve_method(method: str | Method | Interaction | Decomposition) -> Method | Interaction:
    """Turn a name or a function into a `Method`.

    Parameters
    ----------
    method
        A registered name, a `Method`, an `Interaction`, or a function as `register_method` takes it.

    Returns
    -------
    Method or Interaction
        The method.

    Raises
    ------
    UnknownName
        When the name is not registered.
    """
    if isinstance(method, Method | Interaction):
        return method
    if callable(method):
        return one_sided(getattr(method, "__name__", "custom"), method)
    if method not in METHODS:
        raise unknown_name("component method", str(method), METHODS)
    return METHODS[method]
