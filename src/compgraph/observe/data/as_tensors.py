"""Arrays, data frames and lists of numbers as tensors, and one sentence about what cannot be a tensor."""

import warnings
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from compgraph.errors import BadRequest
from compgraph.observe.run.nested import exchanged

_NUMBERS = "biufc"


def as_tensors(value: Any, name: str = "", *, sparse: bool = False) -> Any:
    """Return an argument with everything that holds numbers as tensors.

    Parameters
    ----------
    value
        A tensor, an array, a data frame, a list of numbers, or any of these inside containers. Others stay as they are.
    name
        What the value is called, for messages.
    sparse
        Whether sparse tensors are let pass.

    Returns
    -------
    object
        Sharing memory with ``value`` where the type of its numbers allows it.

    Raises
    ------
    BadRequest
        When it holds numbers in a form that no dense tensor has, or things to be made into numbers first.

    Examples
    --------
    >>> as_tensors([1.0, 2.0])
    tensor([1., 2.])
    """
    if isinstance(value, PackedSequence):
        raise _refusal(
            name, "a PackedSequence", "pad to one length and give a mask: torch.nn.utils.rnn.pad_packed_sequence"
        )
    if isinstance(value, list) and _numbers(value):
        try:
            return torch.tensor(value)
        except ValueError as error:
            raise _refusal(
                name, "lists of numbers of different lengths", "pad to one length and give a mask"
            ) from error
    return exchanged(value, partial(_leaf, sparse=sparse), name)


def holds_numbers(value: Any) -> bool:
    """Tell whether a value is a tensor or can be made one.

    Parameters
    ----------
    value
        Anything.

    Returns
    -------
    bool
        True for arrays and data frames, and lists of numbers.
    """
    return is_array(value) or (isinstance(value, list) and _numbers(value))


def is_array(value: Any) -> bool:
    """Tell whether a value is a tensor, an array or a data frame.

    Parameters
    ----------
    value
        Anything.

    Returns
    -------
    bool
        False for arrays of texts and for lists.
    """
    if isinstance(value, np.ndarray):
        return value.dtype.kind in _NUMBERS
    return isinstance(value, Tensor) or (callable(getattr(value, "to_numpy", None)) and not isinstance(value, type))


def kind(value: Any) -> str:
    """Say in a few words what a value is.

    Parameters
    ----------
    value
        Anything.

    Returns
    -------
    str
        With the shape, where it has one.
    """
    if isinstance(value, Tensor):
        return f"{str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}"
    if isinstance(value, np.ndarray):
        return f"{value.dtype} {value.shape}"
    if isinstance(value, tuple | list):
        return f"a {type(value).__name__} of {len(value)}"
    return "None" if value is None else f"a {type(value).__name__}"


def require_possible(data: Any) -> None:
    """Refuse data of a known kind that is no batch and holds none.

    Parameters
    ----------
    data
        Anything; what may hold batches passes.

    Raises
    ------
    BadRequest
        As `as_tensors`.
    """
    if isinstance(data, Tensor | np.ndarray | PackedSequence) or _is_picture(data):
        as_tensors(data)


def _is_picture(value: Any) -> bool:
    return type(value).__module__.split(".")[0] == "PIL"


def _numbers(value: Any) -> bool:
    if isinstance(value, list):
        return len(value) > 0 and all(map(_numbers, value))
    return isinstance(value, int | float | complex | np.number | np.bool_)


def _leaf(name: str, value: Any, *, sparse: bool) -> Any:
    if isinstance(value, Tensor):
        _require_numbers(name, value, sparse=sparse)
        return value
    if isinstance(value, np.ndarray):
        return _from_numpy(name, value)
    if callable(getattr(value, "to_numpy", None)) and not isinstance(value, type):
        return _from_numpy(name, _of_frame(name, value))
    if _is_picture(value):
        raise _refusal(name, "a PIL image", "make it a tensor first, as torchvision.transforms.ToTensor() does")
    return value


def _require_numbers(name: str, tensor: Tensor, *, sparse: bool) -> None:
    if tensor.is_nested:
        raise _refusal(name, "a nested tensor", "pad to one length and give a mask: tensor.to_padded_tensor(0.0)")
    if tensor.is_meta:
        raise _refusal(name, "a tensor on the device 'meta', which holds no numbers", "load the data first")
    if tensor.is_quantized:
        raise _refusal(name, "a quantised tensor", "give tensor.dequantize()")
    if tensor.layout != torch.strided and not sparse:
        raise _refusal(name, "a sparse tensor", "give tensor.to_dense()")


def _of_frame(name: str, frame: Any) -> np.ndarray:
    array = np.asarray(frame.to_numpy())
    if array.dtype.kind in _NUMBERS:
        return array
    by_column = getattr(getattr(frame, "dtypes", None), "items", None)
    kinds = dict(by_column()) if callable(by_column) else {}
    bad = [str(column) for column, dtype in kinds.items() if getattr(dtype, "kind", "O") not in _NUMBERS]
    if kinds and not bad:  # numbers and truth values side by side, which NumPy has no common type for
        return np.asarray(frame.to_numpy(dtype="float64"))
    what = f"in the columns {', '.join(map(repr, bad))}" if bad else f"of the type {array.dtype}"
    raise _refusal(name, f"a {type(frame).__name__} with entries {what} that are no numbers", "drop or encode them")


def _from_numpy(name: str, array: np.ndarray) -> Tensor:
    if array.dtype.kind in "US":
        raise _refusal(name, "an array of texts", "turn them into numbers first, such as token ids")
    if array.dtype.kind not in _NUMBERS:
        raise _refusal(name, f"an array of the type {array.dtype}", "give numbers: array.astype('float32')")
    if isinstance(array, np.ma.MaskedArray) and np.any(array.mask):
        raise _refusal(name, "an array some of whose entries are masked", "fill these in: array.filled(0)")
    if array.dtype.itemsize > (16 if array.dtype.kind == "c" else 8):
        array = array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)
    # torch reads the byte order of this machine, and steps forward, only.
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    if any(step < 0 for step in array.strides):
        array = array.copy()
    with warnings.catch_warnings():
        # It warns of arrays that cannot be written to, and nobody writes: models get copies.
        warnings.filterwarnings("ignore", message="The given NumPy array is not writ")
        return torch.from_numpy(np.asarray(array))


def _refusal(name: str, came: str, remedy: str) -> BadRequest:
    what = f"{name!r} of a batch is" if name else "the data hold"
    return BadRequest(f"{what} {came}; needed are dense tensors or arrays of numbers. To give them, {remedy}.")
