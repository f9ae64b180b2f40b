"""The same network before it learnt anything."""

import inspect
from collections.abc import Iterator, Sequence
from copy import deepcopy
from itertools import chain

import numpy as np
import torch
from torch import Tensor, nn

from compgraph.arguments import checked, whole_number
from compgraph.errors import BadRequest
from compgraph.observe.run.restore import generators_seeded
from compgraph.observe.run.unwrap import require_module

DRAWN = frozenset(
    {
        nn.Linear, nn.Bilinear, nn.Embedding, nn.EmbeddingBag, nn.LayerNorm, nn.GroupNorm,
        nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d,
        nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d,
    }
)  # fmt: skip


@checked
def untrained_twin(model: nn.Module, seed: int) -> nn.Module:
    """Copy a model and draw its weights anew.

    Parameters
    ----------
    model
        Left as it is.
    seed
        Of the new weights, from 0 on.

    Returns
    -------
    torch.nn.Module
        Every module with a ``reset_parameters`` that needs no arguments is initialised by it, containers after what
        they contain. The entries of each parameter that none of these writes to, such as those of weight
        normalisation and adapters, are shuffled, which keeps their distribution and undoes whatever they computed.
        Devices, dtypes, ``requires_grad`` and the ties between parameters are those of the model.

    Raises
    ------
    BadRequest
        When the model holds tensors that autograd computed, which torch does not copy, or the seed is no whole number.

    Notes
    -----
    Weights are drawn on the CPU, so that a seed gives the same ones on every device. The global generators of Python,
    NumPy and torch follow the seed and are put back; a generator of a module's own starts where the model's is.

    An untrained network whose parameters were all drawn by ``reset_parameters`` cannot be told from its twins, so that
    a test against them rejects it as often as its level says. Costs one copy of the model.

    Examples
    --------
    >>> model = nn.Linear(3, 2)
    >>> twin = untrained_twin(model, seed=0)
    >>> torch.equal(twin.weight, model.weight), torch.equal(twin.weight, untrained_twin(model, seed=0).weight)
    (False, True)
    """
    seed = whole_number(seed, "seed", minimum=0)
    require_module(model)
    twin = _copy(model).cpu()
    _draw(twin, seed)
    _settle(twin, dict(_tensors(model)))
    return twin


def twin_weights(model: nn.Module, seeds: Sequence[int]) -> Iterator[dict[str, Tensor]]:
    """Yield the weights of untrained twins, at the cost of one copy of the model for all.

    Parameters
    ----------
    model
        Left as it is.
    seeds
        Of the weights.

    Yields
    ------
    dict
        Parameters and buffers by name: those of `untrained_twin`, where modules keep nothing else that a reset changes.

    Raises
    ------
    RuntimeError
        When a reset gives a parameter another shape.
    """
    copy, homes = _copy(model).cpu(), dict(_tensors(model))
    for seed in seeds:
        with torch.no_grad():
            for name, tensor in _tensors(copy):
                if name in homes:
                    tensor.copy_(homes[name])
        _draw(copy, seed)
        held = {**dict(copy.named_parameters()), **dict(copy.named_buffers())}
        yield {
            name: tensor.detach().to(homes[name].device, homes[name].dtype, copy=True) for name, tensor in held.items()
        }


def _draw(twin: nn.Module, seed: int) -> None:
    with generators_seeded(seed), torch.no_grad():
        # Shuffled first and reset afterwards, so that nobody has to find out which parameters a reset leaves out.
        if not all(map(_overwritten, twin.modules())):
            _shuffle(twin, np.random.default_rng(seed))
        for module in _children_first(twin, set()):
            _reset(module)


def _overwritten(module: nn.Module) -> bool:
    """Tell whether a module has no parameters of its own, or torch's own reset draws all of them."""
    own = {name for name, _ in module.named_parameters(recurse=False)}
    # With weight normalisation there are others.
    return not own or (type(module) in DRAWN and own <= {"weight", "bias"})


def _copy(model: nn.Module) -> nn.Module:
    try:
        return deepcopy(model)
    except RuntimeError as error:
        if "deepcopy" not in str(error):  # such as no memory
            raise
        names = ", ".join(_computed(model)) or "some inside other objects"
        raise BadRequest(
            "an untrained twin is a copy of the model, and torch does not copy tensors that autograd computed; this "
            f"model holds such ones: {names}. Run the model once under torch.no_grad(), which replaces what a forward "
            "pass computes, or delete them. torch.nn.utils.weight_norm leaves one after each pass, and "
            "torch.nn.utils.parametrizations.weight_norm none."
        ) from error


def _computed(model: nn.Module) -> Iterator[str]:
    for path, module in model.named_modules():
        for name, held in chain(vars(module).items(), module.named_buffers(recurse=False)):
            if isinstance(held, Tensor) and not held.is_leaf:
                yield repr(f"{path}.{name}" if path else name)


def _shuffle(model: nn.Module, rng: np.random.Generator) -> None:
    for parameter in model.parameters():
        order = torch.from_numpy(rng.permutation(parameter.numel()))
        parameter.copy_(parameter.flatten()[order].reshape(parameter.shape))


def _children_first(module: nn.Module, seen: set[nn.Module]) -> Iterator[nn.Module]:
    if module not in seen:
        seen.add(module)
        for child in module.children():
            yield from _children_first(child, seen)
        yield module


def _reset(module: nn.Module) -> None:
    reset = getattr(module, "reset_parameters", None)
    if not callable(reset):
        return
    try:
        inspect.signature(reset).bind()
    except (TypeError, ValueError):  # only its author knows the arguments
        return
    reset()


def _tensors(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    yield from model.named_parameters(remove_duplicate=False)
    yield from model.named_buffers(remove_duplicate=False)


def _settle(twin: nn.Module, homes: dict[str, Tensor]) -> None:
    for name, tensor in _tensors(twin):
        home = homes.get(name, tensor)
        if (tensor.device, tensor.dtype) != (home.device, home.dtype):
            tensor.data = tensor.data.to(device=home.device, dtype=home.dtype)
        if tensor.requires_grad != home.requires_grad:  # a reset may put another parameter in the place of one
            tensor.requires_grad_(home.requires_grad)
    for module in twin.modules():
        if isinstance(module, nn.RNNBase):
            module.flatten_parameters()  # cuDNN wants them side by side, which the way back undid
