"""Running a model step by step: what hides from hooks or from autograd what a forward computes is off meanwhile."""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from threading import Lock
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils import checkpoint as checkpointing
from torch.utils._pytree import tree_map

from compgraph.errors import SiteError

Undo = Callable[[], object]

# What is patched is patched for all threads, and acts only on those that run a model here.
_runs_here = ContextVar("_runs_here", default=False)


@contextmanager
def eager(model: nn.Module, *, gradients: bool = False) -> Iterator[None]:
    """Run every step of a model's forward where hooks, and autograd if wanted, see it.

    Off meanwhile are the fast path of torch's transformer modules, which makes nested tensors, ``torch.compile``,
    activation checkpointing, which runs modules a second time, and inference mode. With gradients, also whatever
    would stop autograd from recording (``no_grad``, ``set_grad_enabled(False)``; ``detach`` stays what it is), and
    cuDNN for recurrent modules, whose backward wants them to be in training mode.

    Parameters
    ----------
    model
        What is run.
    gradients
        Whether autograd records.

    Yields
    ------
    None
        Nothing; use it as ``with eager(model):``. Everything is put back, whatever ends the statement.

    Raises
    ------
    SiteError
        When a tensor made in inference mode stands in the way of autograd.

    Examples
    --------
    >>> @torch.no_grad()
    ... def double(x):
    ...     return 2 * x
    >>> with eager(nn.Identity(), gradients=True):
    ...     double(torch.ones(1, requires_grad=True)).requires_grad
    True
    """
    recurrent = any(isinstance(module, nn.RNNBase) for module in model.modules())
    with ExitStack() as stack:
        for switch in (
            _FAST_PATH,
            _COMPILING,
            _CHECKPOINTS,
            _INFERENCE,
            *([_CUDNN] if gradients and recurrent else []),
        ):
            stack.enter_context(switch.off())
        token = _runs_here.set(True)
        stack.callback(_runs_here.reset, token)
        stack.enter_context(torch.inference_mode(mode=False))
        stack.enter_context(_grad_mode(gradients))
        if gradients:
            stack.enter_context(_Recording())
        try:
            yield
        except RuntimeError as error:
            if not _about_inference(error):
                raise
            raise SiteError(
                "the model uses a tensor that was made in torch.inference_mode(), which autograd cannot follow "
                f"({_first_line(error)}). Make that parameter, buffer or stored tensor outside inference mode, or "
                "clone it outside."
            ) from error


@contextmanager
def unrecorded() -> Iterator[None]:
    """Keep autograd from recording, also where `eager` makes it record whatever a model says.

    Yields
    ------
    None
        Nothing; for our own code inside a run.

    Examples
    --------
    >>> with eager(nn.Identity(), gradients=True), unrecorded():
    ...     torch.is_grad_enabled()
    False
    """
    with _grad_mode(enabled=False):
        yield


@contextmanager
def _grad_mode(enabled: bool) -> Iterator[None]:
    before = torch.is_grad_enabled()
    _set_grad_mode(enabled)
    try:
        yield
    finally:
        _set_grad_mode(before)


def _set_grad_mode(enabled: bool) -> None:
    with torch._C.DisableTorchFunction():  # noqa: SLF001 - the only way past a `_Recording` around it
        torch.set_grad_enabled(enabled)


class _Recording(TorchFunctionMode):
    """Autograd goes on recording where Python code says it should not."""

    def __init__(self) -> None:
        super().__init__()
        self._opened = 0

    def __torch_function__(
        self, func: Callable[..., Any], types: Iterable[type], args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is torch._C._set_grad_enabled:  # noqa: SLF001 - what no_grad, enable_grad and set_grad_enabled call
            return self._set(bool(args[0] if args else kwargs["enabled"]))
        try:
            return func(*args, **kwargs)
        except RuntimeError as error:
            if not _about_inference(error) or "saved for backward" not in str(error):
                raise
            args, kwargs = tree_map(_ordinary, (args, kwargs))
            return func(*args, **kwargs)

    def _set(self, enabled: bool) -> None:
        # Inside a custom autograd function torch itself stopped recording: what is enabled there ends there too.
        now = torch.is_grad_enabled()
        if enabled and not now:
            self._opened += 1
        elif not enabled and now:
            if self._opened == 0:
                return
            self._opened -= 1
        torch._C._set_grad_enabled(enabled)  # noqa: SLF001 - torch.set_grad_enabled would come back here


class _Switch:
    """Something of the whole process that is off while at least one thread runs a model.

    Parameters
    ----------
    turn_off
        Called when the first of them starts; returns what puts it back when the last one ends.
    """

    def __init__(self, turn_off: Callable[[], Undo]) -> None:
        self._turn_off = turn_off
        self._lock = Lock()
        self._runs = 0
        self._undo: Undo = bool

    @contextmanager
    def off(self) -> Iterator[None]:
        """Keep it off for the length of the ``with`` statement.

        Yields
        ------
        None
            Nothing.
        """
        with self._lock:
            if self._runs == 0:
                self._undo = self._turn_off()
            self._runs += 1
        try:
            yield
        finally:
            with self._lock:
                self._runs -= 1
                if self._runs == 0:
                    self._undo()


def _fast_path_off() -> Undo:
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(value=False)
    return lambda: torch.backends.mha.set_fastpath_enabled(before)


def _compiling_off() -> Undo:
    # Importing the compiler takes seconds, and who has compiled something has imported it.
    if "torch._dynamo.eval_frame" in sys.modules:
        return _compiled_runs_as_written()
    compile_, undo = torch.compile, list[Undo]()

    def first(*args: Any, **kwargs: Any) -> Any:
        compiled = compile_(*args, **kwargs)
        if not undo and "torch._dynamo.eval_frame" in sys.modules:
            undo.append(_compiled_runs_as_written())
        return compiled

    undo_patch = _patched(torch, compile=first)
    return lambda: [each() for each in (undo_patch, *undo)]


def _compiled_runs_as_written() -> Undo:
    if hasattr(torch.compiler, "set_stance"):  # from torch 2.6 on
        stance = torch.compiler.set_stance("force_eager")
        return lambda: stance.__exit__(None, None, None)
    # Every compiled callable calls one of these by its name to have Python compile the frames it runs.
    frames, names = sys.modules["torch._dynamo.eval_frame"], ("set_eval_frame", "_maybe_set_eval_frame")
    return _patched(frames, **{name: lambda _callback: None for name in names if hasattr(frames, name)})


def _checkpoints_off() -> Undo:
    # Models hold `checkpoint` itself; these two it looks up when it is called.
    function: Any = checkpointing.CheckpointFunction
    generator = checkpointing._checkpoint_without_reentrant_generator  # noqa: SLF001 - torch has no switch for it
    apply = function.apply

    def call(run: Callable[..., Any], preserve: bool, *args: Any) -> Any:
        return run(*args) if _runs_here.get() else apply(run, preserve, *args)

    def nothing() -> Iterator[None]:
        yield  # a generator, since what ends the run is thrown into it

    def nothing_around(*args: Any, **kwargs: Any) -> Iterator[None]:
        return nothing() if _runs_here.get() else generator(*args, **kwargs)

    undo = _patched(checkpointing, _checkpoint_without_reentrant_generator=nothing_around)
    function.apply = staticmethod(call)

    def restore() -> None:
        del function.apply  # it is inherited
        undo()

    return restore


def _inference_off() -> Undo:
    enter = torch.inference_mode.__enter__

    def neutral(self: torch.inference_mode) -> None:
        asked = self.mode
        self.mode = asked and not _runs_here.get()
        try:
            enter(self)
        finally:
            self.mode = asked

    return _patched(torch.inference_mode, __enter__=neutral)


def _cudnn_off() -> Undo:
    cudnn: Any = torch.backends.cudnn  # without types
    before = cudnn.set_flags(_enabled=False)[0]
    return lambda: cudnn.set_flags(_enabled=before)


def _patched(owner: Any, **new: object) -> Undo:
    before = {name: getattr(owner, name) for name in new}
    for name, value in new.items():
        setattr(owner, name, value)

    def restore() -> None:
        for name, value in before.items():
            setattr(owner, name, value)

    return restore


_FAST_PATH, _COMPILING = _Switch(_fast_path_off), _Switch(_compiling_off)
_CHECKPOINTS, _INFERENCE, _CUDNN = _Switch(_checkpoints_off), _Switch(_inference_off), _Switch(_cudnn_off)


def _ordinary(value: Any) -> Any:
    made_elsewhere = isinstance(value, Tensor) and value.is_inference()
    return value.detach().clone() if made_elsewhere else value


def _about_inference(error: RuntimeError) -> bool:
    return "nference tensor" in str(error) or "InferenceMode" in str(error)


def _first_line(error: RuntimeError) -> str:
    return str(error).split("\n", 1)[0].split(". ", 1)[0]
