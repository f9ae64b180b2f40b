"""Leaving a model, its gradients and every random generator exactly as they were."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from sklearn.utils import check_random_state
from torch import Tensor, nn

from compgraph.arguments import checked
from compgraph.observe.run.eager import eager, unrecorded
from compgraph.observe.run.unwrap import require_module


@contextmanager
def untouched(model: nn.Module) -> Iterator[None]:
    """Put back everything a forward pass can change, whatever ends the ``with`` statement.

    Restored are each submodule's training flag, ``requires_grad`` and ``.grad`` of each parameter, the buffers
    (by value, and by object where one was replaced) and the random generators of Python, NumPy and torch.

    Parameters
    ----------
    model
        Looked at on entry; its parameters are never written to.

    Yields
    ------
    None
        Nothing; use it as ``with untouched(model):``.

    Notes
    -----
    Costs one copy of the buffers. Plain Python attributes that ``forward`` sets are not restored.
    """
    undo = [_flags(model), _parameters(model), _buffers(model), _generators()]
    try:
        yield
    finally:
        for restore in undo:
            restore()


@checked
@contextmanager
def observing(model: nn.Module, *, gradients: bool = False) -> Iterator[None]:
    """Run what follows in eval mode, step by step, with or without autograd, and leave no trace of it.

    Parameters
    ----------
    model
        Every submodule's training flag is off meanwhile, by assignment: overridden ``train`` methods,
        which may fold or unfold weights, are not called.
    gradients
        Whether autograd records, whatever the model says: see `compgraph.observe.run.eager.eager`. Parameters do not
        require gradients meanwhile, either way.

    Yields
    ------
    None
        Nothing; use it as ``with observing(model):``.

    Examples
    --------
    >>> model = nn.Sequential(nn.Linear(3, 2), nn.Dropout())
    >>> with observing(model):
    ...     model.training, model(torch.ones(1, 3)).requires_grad
    (False, False)
    >>> model.training
    True
    """
    require_module(model)
    with untouched(model), eager(model, gradients=gradients):
        for module in model.modules():
            module.training = False
        for parameter in model.parameters():
            if not parameter.is_inference():  # such a one could not be put back outside inference mode
                parameter.requires_grad_(False)
        yield


@contextmanager
def generators_seeded(seed: int) -> Iterator[None]:
    """Run what follows with the global random generators seeded, and put them back, whatever ends it.

    Parameters
    ----------
    seed
        Of the generators of Python, NumPy and torch, from 0 on. Torch and NumPy look at its last 32 bits.

    Yields
    ------
    None
        Nothing; use it as ``with generators_seeded(0):``.

    Notes
    -----
    The generators of CUDA devices are among them once CUDA runs; this does not start it.
    """
    restore = _generators()
    try:
        random.seed(seed)
        # NumPy's generator is Python's, so that seeded alike both would give the same numbers.
        check_random_state(None).seed([seed % 2**32, 1])
        torch.default_generator.manual_seed(seed % 2**64)
        if cuda_runs():
            torch.cuda.manual_seed_all(seed % 2**64)
        yield
    finally:
        restore()


def _flags(model: nn.Module) -> Callable[[], None]:
    before = [(module, module.training) for module in model.modules()]

    def restore() -> None:
        for module, training in before:
            module.training = training

    return restore


def _parameters(model: nn.Module) -> Callable[[], None]:
    before = [(parameter, parameter.requires_grad, parameter.grad) for parameter in model.parameters()]

    def restore() -> None:
        for parameter, requires_grad, grad in before:
            if parameter.requires_grad != requires_grad:
                parameter.requires_grad_(requires_grad)
            if parameter.grad is not grad:
                parameter.grad = grad

    return restore


def _buffers(model: nn.Module) -> Callable[[], None]:
    before = [
        (held, {name: (each, _copy(each)) for name, each in held.items()})
        for module in model.modules()
        for held in (module._buffers,)  # noqa: SLF001 - replaced buffers are seen nowhere else
    ]

    def restore() -> None:
        for buffers, saved in before:
            for name in [name for name in buffers if name not in saved]:
                del buffers[name]
            for name, (original, value) in saved.items():
                buffers[name] = original
                if original is not None and value is not None:
                    _write_back(original, value)

    return restore


def _copy(tensor: Tensor | None) -> Tensor | None:
    return None if tensor is None else tensor.detach().clone()


def _write_back(original: Tensor, value: Tensor) -> None:
    with unrecorded():
        if original.shape != value.shape:
            original.resize_(value.shape)
        if not torch.equal(original, value):
            original.copy_(value)


def _generators() -> Callable[[], None]:
    numpy_global = check_random_state(None)
    python, numpy_state, cpu = random.getstate(), numpy_global.get_state(), torch.get_rng_state()
    cuda = torch.cuda.get_rng_state_all() if cuda_runs() else None

    def restore() -> None:
        random.setstate(python)
        numpy_global.set_state(numpy_state)
        torch.set_rng_state(cpu)
        if cuda is not None:
            torch.cuda.set_rng_state_all(cuda)

    return restore


def cuda_runs() -> bool:
    """Tell whether CUDA was used in this process.

    Returns
    -------
    bool
        Asking does not start it.
    """
    return bool(torch.cuda.is_initialized())  # type: ignore[no-untyped-call]  # torch leaves it without types
