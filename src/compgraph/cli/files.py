"""Models, weights and data named by text: imported or read, never unpickled."""

import importlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from compgraph.cli.tensors import read_tensors
from compgraph.errors import BadRequest, FileFormatError
from compgraph.storage import expanded, parse_json, read_regular, settle

WEIGHTS, DATA = (".safetensors", ".pt", ".pth"), (".npy", ".npz", ".pt")
DATA_KEYS = ("x", "inputs", "data")
MAX_ITEM = 8  # bytes of the widest number torch has


def load_model(target: str, weights: str | None = None) -> nn.Module:
    """Make a model from the name of a factory, and fill in its weights.

    Parameters
    ----------
    target
        ``package.module:name``, where ``name`` is a module class, a function without arguments that returns a module,
        or a module. The current folder is searched first. This runs the code it names.
    weights
        A ``.safetensors``, ``.pt`` or ``.pth`` file with a state dict; read without executing anything in it.

    Returns
    -------
    torch.nn.Module
        The model.

    Raises
    ------
    BadRequest
        When nothing can be imported under the name, it is no model, or the weights do not fit it.
    FileFormatError
        When the weights cannot be read.
    """
    module_name, _, attribute = target.partition(":")
    if not module_name or not attribute or module_name.startswith("."):
        raise BadRequest(f"--model {target!r} names no factory; write package.module:name, such as nets:make_mlp.")
    folder = str(Path.cwd())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        made = getattr(importlib.import_module(module_name), attribute)
    except (ImportError, AttributeError) as error:
        raise BadRequest(f"cannot import {target!r}: {error}. Run from the folder that holds the code.") from error
    model = made() if callable(made) and not isinstance(made, nn.Module) else made
    if not isinstance(model, nn.Module):
        raise BadRequest(
            f"{target!r} gave a {type(model).__name__}; a torch.nn.Module, or what returns one, is needed."
        )
    if weights is not None:
        _fill(model, weights)
    return model


def _fill(model: nn.Module, path: str) -> None:
    state = read_tensors(path, WEIGHTS, "weights format")
    if isinstance(state, Mapping) and isinstance(state.get("state_dict"), Mapping):
        state = state["state_dict"]
    if not isinstance(state, Mapping):
        raise BadRequest(f"{path!r} holds a {type(state).__name__}; a state dict, name to tensor, is needed.")
    try:
        model.load_state_dict({**state, **_tied(model, state)})
    except (RuntimeError, TypeError, AttributeError) as error:
        reason = " ".join(str(error).split())
        raise BadRequest(f"the weights in {path!r} do not fit {type(model).__name__}: {reason}") from error


def _tied(model: nn.Module, state: Mapping[str, Any]) -> dict[str, Tensor]:
    """Return the model's own tensors that a file lacks because it holds the same memory under another name.

    Formats without shared memory keep one name of tied weights. What is written there is seen under the other names.
    """
    own = {name: each for name, each in model.state_dict().items() if isinstance(each, Tensor)}
    held = [each for name, each in own.items() if name in state]
    return {
        name: each for name, each in own.items() if name not in state and any(_holds(other, each) for other in held)
    }


def _holds(one: Tensor, other: Tensor) -> bool:
    """Tell whether all of a tensor's memory is that of another."""
    storage, where = one.untyped_storage(), other.untyped_storage().data_ptr()
    if not where or storage.data_ptr() != where:
        return False
    whole = one.numel() * one.element_size() == storage.nbytes()
    return whole or (one.data_ptr(), one.shape, one.stride()) == (other.data_ptr(), other.shape, other.stride())


def load_data(path: str) -> Tensor:
    """Read an array of inputs from a file.

    Parameters
    ----------
    path
        ``.npy``, ``.npz`` or ``.pt``. Of several arrays the one called ``x``, ``inputs`` or ``data`` is taken.

    Returns
    -------
    torch.Tensor
        Rows are samples.

    Raises
    ------
    FileFormatError
        When the file cannot be read.
    BadRequest
        When it holds several arrays and none has one of those names, or something that is not an array.
    """
    found = read_tensors(path, DATA, "data format")
    if isinstance(found, Mapping):
        if len(found) == 1:
            found = next(iter(found.values()))
        else:
            name = next((key for key in DATA_KEYS if key in found), None)
            if name is None:
                listed = ", ".join(map(repr, found)) or "none"
                raise BadRequest(f"{path!r} holds the arrays {listed}; one is needed, or one called 'x'.")
            found = found[name]
    if isinstance(found, np.ndarray) and found.dtype.kind in "biuf" and found.dtype.itemsize <= MAX_ITEM:
        # torch reads the byte order of this machine only; a file may come from another.
        found = torch.from_numpy(found.astype(found.dtype.newbyteorder("="), copy=False))
    if not isinstance(found, Tensor) or found.dim() == 0:
        kind = getattr(found, "dtype", type(found).__name__)
        raise BadRequest(f"{path!r} holds {kind}; an array of numbers with one row per sample is needed.")
    return found


def fit_dtype(data: Tensor, model: nn.Module) -> Tensor:
    """Give floating data the floating type of the model's weights, as NumPy files are float64 by default.

    Parameters
    ----------
    data
        Inputs.
    model
        The model they are for.

    Returns
    -------
    torch.Tensor
        The same numbers; integers stay integers.
    """
    weight = next((p for p in model.parameters() if p.is_floating_point()), None)
    return data if weight is None or not data.is_floating_point() else data.to(weight.dtype)


def read_labels(path: str) -> dict[str, Any]:
    """Read the label of each node.

    Parameters
    ----------
    path
        A file of JSON.

    Returns
    -------
    dict
        Node id to label.

    Raises
    ------
    FileFormatError
        When it cannot be read, gives a node two labels, or is no such object.
    """
    settle(expanded(path).parent)
    try:
        found = parse_json(read_regular(path))
    except FileFormatError as error:
        raise FileFormatError(f"cannot read labels from {path!r}: {error}") from error
    if not isinstance(found, dict) or any(isinstance(label, list | dict) for label in found.values()):
        raise FileFormatError(f'{path!r} is JSON, but no object of node id to label, such as {{"fc1/out/0": "left"}}.')
    return found
