"""What a model is: wrappers taken off, and where it computes."""

import re
import sys
from collections.abc import Mapping
from typing import Any

import torch
import torch.fx
from torch import nn

from compgraph.arguments import checked, shown
from compgraph.arguments.values import with_article
from compgraph.errors import BadRequest, SiteError
from compgraph.observe.data.call import Call

_SHARDED = {"FullyShardedDataParallel", "FSDPModule"}
_WHOLE = (
    "Pass a fresh module with all of them, on each process: fresh.load_state_dict(get_model_state_dict(model, "
    "options=StateDictOptions(full_state_dict=True))), with both names from torch.distributed.checkpoint.state_dict."
)
_QUANTISED = re.compile(r"torch\.(ao\.)?nn\.(intrinsic\.)?quantized\.(?!reference|_reference)")


@checked
def bare(model: Any) -> nn.Module:
    """Return the module inside wrappers that run it elsewhere or compiled, where hooks would not be called.

    Parameters
    ----------
    model
        A module, or one inside ``torch.compile`` or a data-parallel wrapper. A wrapper of the user's own is the model,
        also where it hands unknown attributes on to a module inside it.

    Returns
    -------
    torch.nn.Module
        The module whose submodules have the names its author gave.

    Raises
    ------
    BadRequest
        For what is no module.
    SiteError
        For modules that cannot be tapped (TorchScript, exported programs, quantised and sharded modules), and for
        lazy modules that never ran.

    Examples
    --------
    >>> inside = nn.Linear(3, 2)
    >>> bare(nn.DataParallel(inside)) is inside
    True
    """
    require_module(model)
    while (inner := _wrapped(model)) is not None:
        model = inner
    for name, module in model.named_modules():
        trouble = _trouble(module)
        if trouble:
            raise SiteError(f"{repr(name) if name else 'the model'} is {trouble}")
    if _exported(model):
        raise SiteError(
            f"the model is the graph of an exported program ({type(model).__name__}), which calls operators and no "
            "modules. Pass the nn.Module that was exported, or torch.export.unflatten(program)."
        )
    if any(isinstance(each, nn.UninitializedParameter) for each in model.parameters()):
        raise SiteError("the model has lazy parameters that no input has shaped yet. Run it once on a batch first.")
    return model


def require_module(model: object) -> None:
    """Refuse what is no module, and say how to come by one.

    Parameters
    ----------
    model
        Anything.

    Raises
    ------
    BadRequest
        Naming what came.
    """
    if not isinstance(model, nn.Module):
        raise BadRequest(
            f"model is {with_article(type(model).__name__)}; needed is a torch.nn.Module.{_module_of(model)}"
        )


def require_device(device: object) -> None:
    """Refuse a device that there is none of.

    Parameters
    ----------
    device
        A name, a device of torch, or ``None``.

    Raises
    ------
    BadRequest
        When it has no such name, or nothing can be put there.
    """
    if device is None:
        return
    if not isinstance(device, str | torch.device):
        raise BadRequest(f"device={shown(device)}: a name such as 'cpu' or 'cuda:0', or a torch.device, is needed.")
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        said = str(error).split("\n", 1)[0].rstrip(".")
        raise BadRequest(
            f"device={shown(str(device))} cannot be used here: {said}. Leave device out to compute where the model's "
            "parameters are, or name one that this machine has, such as 'cpu'."
        ) from error


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
    tensors = (*model.parameters(), *model.buffers(), *call.tensors.values())
    return tensors[0].device if tensors else torch.device("cpu")


def _wrapped(model: nn.Module) -> nn.Module | None:
    """Return the module in a wrapper of torch's; asked by type, since wrappers may hand on any attribute."""
    if isinstance(model, nn.DataParallel | nn.parallel.DistributedDataParallel):
        return model.module
    compiler = sys.modules.get("torch._dynamo.eval_frame")  # whoever compiled the model imported it
    if compiler is not None and isinstance(model, compiler.OptimizedModule):
        inner: nn.Module = model._modules["_orig_mod"]  # noqa: SLF001 - the name torch gives it in state dicts
        return inner
    return None


def _trouble(module: nn.Module) -> str:
    """Say why a module cannot be tapped and what to pass instead, or nothing."""
    kinds = [kind for kind in type(module).__mro__ if kind.__module__.startswith("torch.")]
    named = f"({type(module).__name__})"
    if isinstance(module, torch.jit.ScriptModule):
        return (
            f"TorchScript {named}, which calls no Python hooks. Pass the nn.Module it was scripted or traced from, "
            "with the same weights."
        )
    if any(kind.__name__ in _SHARDED for kind in kinds):
        return f"sharded by FSDP {named}: each process holds a part of its weights. {_WHOLE}"
    if any(_spread(each) for each in module.parameters(recurse=False)):
        return f"spread over several processes {named}: its weights are DTensors, of which each holds a part. {_WHOLE}"
    if any(_QUANTISED.match(f"{kind.__module__}.") for kind in kinds):
        return (
            f"quantised {named}, and autograd does not pass through its whole numbers. Pass the float model it was "
            "converted from."
        )
    return ""


def _spread(weight: nn.Parameter) -> bool:
    """Tell whether a parameter is a DTensor of more than one process, as tensor parallelism makes them."""
    mesh = getattr(weight, "device_mesh", None)
    return mesh is not None and mesh.size() > 1


def _exported(model: nn.Module) -> bool:
    """Tell whether a model is a graph whose layers are operators, as torch.export makes them."""
    if not isinstance(model, torch.fx.GraphModule):
        return False
    modules = [node for node in model.graph.nodes if node.op == "call_module" and node.target != "_guards_fn"]
    return not modules and any(type(node.target).__name__ == "OpOverload" for node in model.graph.nodes)


def _module_of(model: Any) -> str:
    """Say how to come by a module, for what people pass in its place."""
    if type(model).__name__ == "ExportedProgram":
        return " Pass the nn.Module that was exported, or torch.export.unflatten(program)."
    if isinstance(model, type) and issubclass(model, nn.Module):
        return f" Pass an instance, {model.__name__}(...), with its trained weights."
    if isinstance(model, torch.jit.ScriptFunction):
        return " TorchScript calls no Python hooks: pass the module it was made from."
    if isinstance(model, Mapping):
        return " A state dict holds weights alone: make the module and call module.load_state_dict(...) with it."
    if callable(model):
        return " Hooks need modules: put the function into the forward of one, with its layers as submodules."
    return ""
