"""What modules return: which of its tensors are activations, and which of their axes hold samples and features."""

import re
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any

import torch
from torch import Tensor, nn

from compgraph.observe.run.nested import leaves, parts_of

Selector = Callable[[Any], Any] | None

# torch's own types whose name settles which axis holds the features; a type of another author may use the name of one
# of torch's and do otherwise, unless the name says how many axes of positions there are.
_CHANNELS_FIRST = re.compile(r"\w*(Conv|ConvTranspose|Norm|Pool)[123]d|GroupNorm|Upsample")
_FEATURES_LAST = re.compile(
    r"Linear|Bilinear|LayerNorm|RMSNorm|Embedding|RNNBase|MultiheadAttention|Transformer(En|De)coder(Layer)?"
)
_SEVERAL = re.compile(r"RNNBase|\w*(Attention|Attn|LSTM|GRU|RNN)\w*", re.IGNORECASE)


def problem(output: Any) -> str:
    """Say why an output is no dense tensor of floating-point numbers.

    Parameters
    ----------
    output
        What a module or a selector returned.

    Returns
    -------
    str
        Empty where it is one.
    """
    if not isinstance(output, Tensor):
        kind = type(output).__name__
        inner = f" of {len(output)}" if isinstance(output, tuple | list) else ""
        if isinstance(output, Mapping):
            inner = f" with the keys {', '.join(map(repr, output))}"
        return f"returns {'None' if output is None else f'a {kind}{inner}'}, not one tensor{_hint(output)}"
    if not output.is_floating_point():
        return f"gives {str(output.dtype).removeprefix('torch.')} numbers, not floating ones"
    if output.is_nested or output.layout != torch.strided or output.is_quantized or output.is_meta:
        return "gives a tensor that is nested, sparse, quantised or without data"
    return ""


def _hint(output: Any) -> str:
    """Say where in an output a tensor is, or that there is none; nothing where it is what comes first."""
    path = _path(output)
    if path is None:
        return ", and no floating-point tensor is in it" if output is not None else ""
    parts = parts_of(output) or {}
    usual = f"[{next(iter(parts), '')}]" if not isinstance(output, Mapping) else f"[{next(iter(output), None)!r}]"
    return "" if path == usual else f" (one is out{path})"


def _path(output: Any) -> str | None:
    """Return the Python that leads from an output to the first floating-point tensor in it."""
    if isinstance(output, Tensor):
        return "" if not problem(output) else None
    for name, each in (parts_of(output) or {}).items():
        inner = _path(each)
        if inner is not None:
            numbered = isinstance(output, tuple | list) and not hasattr(output, "_fields")
            step = f"[{name}]" if numbered else f"[{name!r}]" if isinstance(output, Mapping) else f".{name}"
            return step + inner
    return None


def sample_axis(shape: tuple[int, ...], size: int, fewer: tuple[tuple[int, ...], int] | None) -> int | str:
    """Find the axis of samples of an activation: the one whose length follows the number of samples.

    Parameters
    ----------
    shape
        Of the activation.
    size
        Number of samples.
    fewer
        Shape and number of samples in another run; without one, samples are the first axis.

    Returns
    -------
    int or str
        The axis, or why there is none.
    """
    of_batch = f"gives {shape} for a batch of {size}: "
    if fewer is None or len(fewer[0]) != len(shape):
        return 0 if shape[:1] == (size,) else of_batch + "its first axis is not the samples"
    moved = [i for i, (one, other) in enumerate(zip(shape, fewer[0], strict=True)) if one != other]
    if len(moved) == 1 and (shape[moved[0]], fewer[0][moved[0]]) == (size, fewer[1]):
        return moved[0]
    if not moved:
        return of_batch + "no axis follows the number of samples"
    return of_batch + f"its samples are folded into axis {moved[0]} with something else"


def remedy(name: str, trouble: str) -> str:
    """Say what to do about an output that is no activation.

    Parameters
    ----------
    name
        Of the site.
    trouble
        From `problem` or `sample_axis`.

    Returns
    -------
    str
        A sentence.
    """
    if "same module" in trouble:
        return "Use that name."
    if "numbers" in trouble or "for a batch of" in trouble:
        return "Tap a module before or after it that gives floating-point activations, one entry for each sample."
    if "returns None" in trouble or "no floating-point tensor is in it" in trouble:
        return "Tap a module before or after it, or one of its submodules, that returns a tensor."
    key = re.search("with the keys ('[^']*')", trouble)
    place = re.search(r"\(one is out(.+)\)$", trouble)
    return (
        "Pass a selector that picks one tensor, such as "
        f"layers={{{name!r}: lambda out: out{place[1] if place else f'[{key[1] if key else 0}]'}}}, or tap one of its "
        "submodules."
    )


def instead(name: str, trouble: str, shape: tuple[int, ...]) -> str:
    """Say what to have a model return in place of something that no graph can end at.

    Parameters
    ----------
    name
        Of the output.
    trouble
        From `problem` or `sample_axis`.
    shape
        Of the output.

    Returns
    -------
    str
        A sentence.
    """
    if "ndarray" in trouble:
        return "NumPy arrays are cut off from the model: return the tensor that the array was made from."
    if "numbers, not floating" in trouble:
        return "Whole numbers were chosen from scores, such as by argmax: return the scores, too."
    if shape == () and "for a batch of" in trouble:
        return "One number for a whole batch is a loss: return what it is computed from, too, such as the scores."
    if "for a batch of" in trouble:
        return "Return it with an axis of samples, before it is folded or averaged over them."
    return remedy(name, trouble)


def places(module: nn.Module, output: Any) -> tuple[str, ...]:
    """Return the names of the tensors in what a module returned that may stand for it.

    Parameters
    ----------
    module
        That returned it.
    output
        One tensor, whose name is empty, or a container.

    Returns
    -------
    tuple of str
        Recurrent layers and attention return what they compute first. Of other modules only a container with one
        floating-point tensor has any.
    """
    if parts_of(output) is None:
        return ("",)
    found = tuple(name for name, each in leaves(output) if not problem(each))
    several = any(_SEVERAL.fullmatch(kind.__name__) for kind in type(module).__mro__)
    return found if several or len(found) == 1 else ()


def feature_axis(module: nn.Module, n_axes: int) -> int | None:
    """Return the axis of features that a type of module settles, for what it reads and what it gives.

    Parameters
    ----------
    module
        Convolutions, pooling and norms over channels settle it, and so do linear maps, layer norms, embeddings,
        attention and recurrent layers.
    n_axes
        Of its input or output.

    Returns
    -------
    int or None
        None where the type says nothing.
    """
    if n_axes <= 2:
        return n_axes - 1
    for kind in type(module).__mro__:
        if _CHANNELS_FIRST.fullmatch(kind.__name__):
            return 1
        if _FEATURES_LAST.fullmatch(kind.__name__) and kind.__module__.startswith("torch."):
            return n_axes - 1
    return None


def selector_for(name: str, selectors: Mapping[str, Selector]) -> Selector:
    """Return the selector of a module: that of its name, or of the first glob that matches.

    Parameters
    ----------
    name
        Of the module.
    selectors
        By name or glob.

    Returns
    -------
    callable or None
        ``None`` where the output is taken as it is.
    """
    if name in selectors:
        return selectors[name]
    return next((select for pattern, select in selectors.items() if fnmatchcase(name, pattern)), None)
