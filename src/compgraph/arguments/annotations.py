"""What a parameter takes, read off its annotation and one table of least numbers and of words."""

import types
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from inspect import Parameter
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin

import numpy as np

from compgraph.arguments.values import is_finite, is_real, is_whole, with_article
from compgraph.errors import BadRequest, CompgraphError, GraphError

# One word, one thing: a parameter of this name has the same least value wherever it stands.
LEAST = {
    **dict.fromkeys(("seed", "n", "n_null", "n_permutations", "n_twins", "first_row", "group", "index", "sweeps"), 0),
    **dict.fromkeys(("n_components", "n_seeds", "n_groups", "n_starts", "n_modes", "limit"), 1),
    **dict.fromkeys(("sample", "batch_size", "epochs", "dpi"), 1),
}
FULL = {"couplings", "metrics", "gradients"}  # a sequence of this name has at least one entry
WORDS = {
    "DiGraph": "a networkx.DiGraph, such as compgraph.build_graph returns,",
    "Graph": "a networkx.Graph",
    "Statistics": "what compgraph.collect returned (Statistics)",
    "Partition": "what compgraph.communities returned (a Partition; of your own groups, dataclasses.replace(found, "
    "assignment=...))",
    "Components": "Components",
    "TaskProfile": "what compgraph.task_profile returned (a TaskProfile)",
    "Interactions": "components(...).interactions of the method 'interaction'",
    "Decomposed": "what compgraph.analyze returned",
    "Usage": "what compgraph.check.usage returned (a Usage)",
    "PathLike": "a pathlib.Path",
    "Deal": "a function (work, numbers) -> list",
    "Hashable": "something hashable, such as a text or number (where nodes have several, see compgraph.check.overlap)",
}
# A function is told from a module, and a state dict from both, where models are unwrapped: compgraph.observe.bare.
_OPEN = {"Module"}


class Need(NamedTuple):
    """What one parameter takes, as a test and in words."""

    accepts: Callable[[Any], bool]
    words: tuple[str, ...]
    error: type[CompgraphError] = BadRequest
    kind: Any = None
    choices: tuple[str, ...] = ()


def need(annotation: Any, name: str = "") -> Need:
    """Read off an annotation what is accepted.

    Parameters
    ----------
    annotation
        Of a parameter, or of what is in a container.
    name
        Of the parameter, which settles the least whole number; empty inside a container.

    Returns
    -------
    Need
        Everything is accepted where the annotation says nothing.
    """
    origin, inner = get_origin(annotation), get_args(annotation)
    if annotation is Any or annotation is Parameter.empty:
        return Need(lambda _: True, ("anything",))
    if annotation is None or annotation is type(None):
        return Need(lambda value: value is None, ("None",))
    if origin in (Union, types.UnionType):
        return _any_of(inner, name)
    if origin is Literal:
        return Need(
            lambda value: any(type(value) is type(each) and value == each for each in inner),
            (" or ".join(repr(each) for each in inner),),
            choices=tuple(each for each in inner if isinstance(each, str)),
        )
    if isinstance(origin, type):
        return _container(origin, inner, fewest=int(name in FULL))
    if hasattr(annotation, "dtypes") and hasattr(annotation, "dims"):
        return _array(annotation)
    return _plain(annotation, name) if isinstance(annotation, type) else Need(lambda _: True, ("anything",))


def _any_of(members: Sequence[Any], name: str) -> Need:
    kinds = [each for each in members if each is not np.integer and not (each is int and float in members)]
    needs = [need(each, name) for each in kinds]
    error = next((each.error for each in needs if each.error is not BadRequest), BadRequest)
    kind = next((each.kind for each in needs if each.kind is not None), None)
    words = tuple(dict.fromkeys(word for each in needs for word in each.words))
    return Need(lambda value: any(each.accepts(value) for each in needs), words, error, kind)


def _plain(kind: type, name: str) -> Need:
    if kind is bool:
        return Need(lambda value: isinstance(value, bool | np.bool_), ("True or False",))
    if kind is int or kind is np.integer:
        least = LEAST.get(name)
        words = "a whole number" + ("" if least is None else f" of at least {least}")
        return Need(lambda value: is_whole(value) and (least is None or int(value) >= least), (words,))
    if kind is float:
        # Inside containers the function that reads them names the entry.
        return Need(is_finite if name else is_real, ("a finite number",))
    if kind is str:
        return Need(lambda value: isinstance(value, str), ("a text",))
    if kind.__name__ in _OPEN or kind is object:
        return Need(lambda _: True, (kind.__name__,))
    if getattr(kind, "_is_protocol", False) and not getattr(kind, "_is_runtime_protocol", False):
        return Need(callable, (WORDS.get(kind.__name__, "a function"),))
    words = WORDS.get(kind.__name__, with_article(kind.__name__))
    if kind is Hashable:
        return Need(_has_hash, (words,))
    error = GraphError if kind.__name__ in ("DiGraph", "Graph") else BadRequest
    return Need(lambda value: isinstance(value, kind), (words,), error, kind)


def _has_hash(value: object) -> bool:
    """Tell whether a value has a hash, which a tuple that holds a list has not."""
    try:
        hash(value)
    except TypeError:
        return False
    return True


def _container(origin: type, inner: Sequence[Any], fewest: int) -> Need:
    if origin.__name__ == "Callable":
        return Need(callable, ("a function",))
    if issubclass(origin, Mapping):
        keys, values = (need(each) for each in inner)
        words = f"a mapping of {keys.words[0]} to {' or '.join(values.words)}"
        return Need(
            lambda value: (
                isinstance(value, Mapping)
                and all(map(keys.accepts, value.keys()))
                and all(map(values.accepts, value.values()))
            ),
            (words,),
        )
    parts = [need(each) for each in inner if each is not Ellipsis]
    if origin.__name__ == "PathLike" or len(parts) != 1:
        return _plain(origin, "")
    (part,) = parts
    noun = {"Iterable": "several", "Iterator": "an iterator of"}.get(origin.__name__, f"a {origin.__name__.lower()} of")

    def accepts(value: Any) -> bool:
        if not isinstance(value, origin) or isinstance(value, str | bytes):  # letters are no entries
            return False
        # What can be gone through only once is left alone.
        return not isinstance(value, Collection) or (len(value) >= fewest and all(map(part.accepts, value)))

    return Need(accepts, (f"{noun} {'at least one ' * fewest}{' or '.join(part.words)}",))


def _array(annotation: Any) -> Need:
    kinds = "fiub" if "float64" in annotation.dtypes else "iu" if "int64" in annotation.dtypes else "fiub"
    several = any(type(each).__name__.endswith("VariadicDim") or each is ... for each in annotation.dims)
    axes, home = len(annotation.dims), annotation.array_type

    def accepts(value: Any) -> bool:
        whole = isinstance(value, home) and (several or value.ndim == axes)
        return whole and (home is not np.ndarray or value.dtype.kind in kinds)

    noun = "a numeric NumPy array" if home is np.ndarray else f"a {home.__name__}"
    return Need(accepts, (f"{noun} of {axes} {'axis' if axes == 1 else 'axes'}",))
