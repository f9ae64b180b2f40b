"""What a model is: wrappers taken off, and where it computes."""

from typing import Any

import torch
from torch import nn

from compgraph.errors import BadRequest, SiteError
from compgraph.observe.run.batches import Call


def bare(model: Any) -> nn.Module:
    """Return the module inside wrappers that run it elsewhere or compiled, where hooks would not be called.

    Parameters
    ----------
    model
        A module, or one inside ``torch.compile`` or a data-parallel wrapper.

    Returns
    -------
    torch.nn.Module
        The module whose submodules have the names its author gave.

    Raises
    ------
    SiteError
        For TorchScript, whose modules cannot be tapped, and for lazy modules that never ran.

    Examples
    --------
    >>> inside = nn.Linear(3, 2)
    >>> bare(nn.DataParallel(inside)) is inside
    True
    """
    if not isinstance(model, nn.Module):
        raise BadRequest(f"model is a {type(model).__name__}; needed is a torch.nn.Module.")
    while isinstance(inner := getattr(model, "_orig_mod", None) or _replicated(model), nn.Module):
        model = inner
    for name, module in model.named_modules():
        if isinstance(module, torch.jit.ScriptModule):
            raise SiteError(
                f"{repr(name) if name else 'the model'} is TorchScript ({type(module).__name__}), which calls no "
                "Python hooks. Pass the nn.Module it was scripted or traced from, with the same weights."
            )
    if any(isinstance(each, nn.UninitializedParameter) for each in model.parameters()):
        raise SiteError("the model has lazy parameters that no input has shaped yet. Run it once on a batch first.")
    return model


def device_of(model: nn.Module, call: Call) -> torch.device:
    """Return the device of a model's parameters.

    Parameters
    ----------
    model
        With or without parameters.
    call
        Decides for a model without any.

    Returns
    -------
    torch.device
        Where inputs have to be.
    """
    tensors = (*model.parameters(), *model.buffers(), *call.tensors)
    return tensors[0].device if tensors else torch.device("cpu")


def _replicated(model: nn.Module) -> Any:
    wrappers = (nn.DataParallel, nn.parallel.DistributedDataParallel)
    return model.module if isinstance(model, wrappers) else None
