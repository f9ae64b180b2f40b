"""What modules return: whether it is an activation, and which of its axes holds the features."""

import re
from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

import torch
from torch import Tensor, nn

Selector = Callable[[Any], Any] | None

# Types whose name settles which axis holds the features; every other module passes on what came before it.
_CHANNELS_FIRST = re.compile(r"\w*(Conv|ConvTranspose|Norm|Pool)[123]d|GroupNorm|Upsample")
_FEATURES_LAST = re.compile(r"Linear|Bilinear|LayerNorm|RMSNorm|Embedding|RNNBase")


def problem(output: Any, size: int) -> str:
    """Say why an output is no activation: one dense floating tensor with one entry per sample.

    Parameters
    ----------
    output
        What a module or a selector returned.
    size
        Number of samples.

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
        return f"returns {'None' if output is None else f'a {kind}{inner}'}, not one tensor"
    if not output.is_floating_point():
        return f"gives {str(output.dtype).removeprefix('torch.')} numbers, not floating ones"
    if output.is_nested or output.layout != torch.strided or output.is_quantized or output.is_meta:
        return "gives a tensor that is nested, sparse, quantised or without data"
    if output.dim() == 0 or len(output) != size:
        return f"gives {tuple(output.shape)} for a batch of {size}: its first axis is not the samples"
    return ""


def remedy(name: str, trouble: str) -> str:
    """Say what to do about an output that is no activation.

    Parameters
    ----------
    name
        Of the site.
    trouble
        From `problem`.

    Returns
    -------
    str
        A sentence.
    """
    if "same module" in trouble:
        return "Use that name."
    if "numbers" in trouble:
        return "Tap a module before or after it that gives floating-point activations."
    key = re.search("with the keys ('[^']*')", trouble)
    return (
        "Pass a selector that picks one tensor with samples first, such as "
        f"layers={{{name!r}: lambda out: out[{key[1] if key else 0}]}}, or tap one of its submodules."
    )


def feature_axis(module: nn.Module, n_axes: int, before: Mapping[int, int]) -> int:
    """Return the axis of features of an output.

    Parameters
    ----------
    module
        That gave it. Convolutions, pooling and norms over channels settle it, and so do linear maps, layer norms,
        embeddings and recurrent layers.
    n_axes
        Of the output.
    before
        The axis of features of the last output with so many axes: what other modules follow.

    Returns
    -------
    int
        The last axis of two or three, axis 1 of more, where nothing settles it.
    """
    if n_axes <= 2:
        return n_axes - 1
    for kind in type(module).__mro__:
        if _CHANNELS_FIRST.fullmatch(kind.__name__):
            return 1
        if _FEATURES_LAST.fullmatch(kind.__name__):
            return n_axes - 1
    return before.get(n_axes, n_axes - 1 if n_axes == 3 else 1)


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


def tensors_in(output: Any) -> Iterator[Tensor]:
    """Iterate over the tensors in nested tuples and lists.

    Parameters
    ----------
    output
        What a module returned.

    Yields
    ------
    torch.Tensor
        In order.
    """
    if isinstance(output, Tensor):
        yield output
    elif isinstance(output, tuple | list):
        for each in output:
            yield from tensors_in(each)
