"""What one run of a model shows: which modules were called, in which order, and what they returned."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from weakref import ReferenceType, ref

from torch import Tensor, nn

from compgraph.observe.run.activations import Selector, feature_axis, problem, selector_for, tensors_in
from compgraph.observe.run.batches import Call

Hook = Callable[[nn.Module, tuple[Any, ...], Any], Any]


@dataclass(slots=True)
class Seen:
    """What was seen of one module.

    Attributes
    ----------
    name, module
        Dotted name, and the module.
    calls
        Number of calls in one run of the model.
    problem
        Why its output is no activation as it is, or empty.
    shape
        Of the output; empty where it is not one tensor.
    axis
        The axis of features of an output with positions.
    reads
        Names of the modules whose output it was given, where that is one tensor passed on as it is.
    version
        Of the output when it was returned; writing to it in place makes a newer one.
    inside
        Names of the modules that it called.
    select
        Picks the activation out of what was returned.
    """

    name: str
    module: nn.Module
    calls: int = 0
    problem: str = ""
    shape: tuple[int, ...] = ()
    axis: int = 1
    reads: tuple[str, ...] = ()
    version: int = 0
    inside: set[str] = field(default_factory=set)
    select: Selector = None

    @property
    def leaf(self) -> bool:
        """Whether none of its own submodules was called."""
        return self.calls > 0 and not self.inside


@dataclass(slots=True)
class Trace:
    """All modules of a model in the order in which their first output was ready.

    Attributes
    ----------
    seen
        Modules that were called, by name; those never called at the end.
    size
        Number of samples in the run.
    input
        Of the model: shape, axis and problem.
    output
        Of the model, likewise; ``reads`` names the modules whose output was returned as it is.
    elements
        Number of tensor entries that all modules returned together: a measure of memory.
    """

    seen: dict[str, Seen]
    size: int
    input: Seen
    output: Seen
    elements: int = 0


@contextmanager
def hooked(hooks: Mapping[nn.Module, Hook]) -> Iterator[None]:
    """Register forward hooks for the length of the ``with`` statement.

    Parameters
    ----------
    hooks
        Called after the hooks that are there already, which stay.

    Yields
    ------
    None
        Nothing.
    """
    with ExitStack() as stack:
        for module, hook in hooks.items():
            stack.callback(module.register_forward_hook(hook).remove)
        yield


def trace(model: nn.Module, call: Call, selectors: Mapping[str, Selector] | None = None) -> Trace:
    """Run a model once and note what every module does.

    Parameters
    ----------
    model
        Run as it is; see `compgraph.observe.run.restore.observing` for leaving it unchanged.
    call
        Its arguments, which the model may write to.
    selectors
        By name or glob; what they pick is described in place of what was returned.

    Returns
    -------
    Trace
        Holds no activations.
    """
    seen = {
        name: Seen(name, module, select=selector_for(name, selectors or {}))
        for name, module in model.named_modules(remove_duplicate=False)
        if name and "parametrizations" not in name.split(".")  # torch computes weights there
    }
    first, last = (name if name not in seen else f"<{name}>" for name in ("input", "output"))
    output = Seen(last, model, select=(selectors or {}).get(last))
    record = Trace(seen, call.size, Seen(first, model), output)
    watch = _Watch(record, model, call)
    unique = {each.module: watch.finished for each in seen.values()}
    with ExitStack() as stack:
        for module in unique:
            stack.callback(module.register_forward_pre_hook(watch.started).remove)
        with hooked(unique):
            returned = call.run(model)
    watch.close(returned)
    return record


class _Watch:
    """The hooks of one run."""

    def __init__(self, record: Trace, model: nn.Module, call: Call) -> None:
        self.record = record
        self.inputs = call.tensors
        self.names = {module: name for name, module in model.named_modules()}
        self.running: list[str] = []
        self.finished_order: dict[str, None] = {}
        self.makers: dict[int, tuple[ReferenceType[Tensor], tuple[str, ...]]] = {}
        self.axes: dict[int, int] = {}
        self.first: nn.Module = model
        _describe(record.input, call.single, record.size, {})

    def started(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        each = self.record.seen[self.names[module]]
        for outer in self.running:
            self.record.seen[outer].inside.add(each.name)
        self.running.append(each.name)
        if len(args) == 1 and isinstance(args[0], Tensor):
            each.reads = self._makers(args[0])
            if any(args[0] is given for given in self.inputs):
                # The innermost module that gets the input as it is knows which axis holds its features.
                self.first = module

    def finished(self, module: nn.Module, _args: tuple[Any, ...], output: Any) -> None:
        each = self.record.seen[self.names[module]]
        while self.running and self.running.pop() != each.name:
            pass  # an inner module raised, and its caller went on without it
        each.calls += 1
        self.finished_order[each.name] = None
        _describe(each, output, self.record.size, self.axes)
        self.record.elements += sum(tensor.numel() for tensor in tensors_in(output))
        if isinstance(output, Tensor):
            self.axes[output.dim()] = feature_axis(module, output.dim(), self.axes)
            each.version = _version(output)
            self.makers[id(output)] = (ref(output), (*self._makers(output), each.name))

    def close(self, returned: Any) -> None:
        seen, output = self.record.seen, self.record.output
        _describe(output, returned, self.record.size, self.axes)
        if isinstance(returned, Tensor):
            now = _version(returned)
            output.reads = tuple(name for name in self._makers(returned) if seen[name].version == now)
        self.record.input.axis = feature_axis(self.first, len(self.record.input.shape), {})
        self.record.seen = {name: seen[name] for name in (*self.finished_order, *seen)}
        for each in seen.values():
            other = self.names[each.module]
            if other != each.name:
                each.calls, each.problem = seen[other].calls, f"is the same module as {other!r}"

    def _makers(self, tensor: Tensor) -> tuple[str, ...]:
        alive, names = self.makers.get(id(tensor), (None, ()))
        return names if alive is not None and alive() is tensor else ()


def _describe(each: Seen, output: Any, size: int, axes: Mapping[int, int]) -> None:
    """Note shape, axis of features and problem of an output."""
    try:
        output = output if each.select is None else each.select(output)
    except Exception as error:  # noqa: BLE001 - a glob's selector may fit some of its modules only
        each.problem, each.shape = f"has a selector that raised {type(error).__name__}: {error}", ()
        return
    each.problem, each.shape = problem(output, size), ()
    if isinstance(output, Tensor):
        each.shape = tuple(output.shape)
        each.axis = feature_axis(each.module, output.dim(), axes)


def _version(tensor: Tensor) -> int:
    return -1 if tensor.is_inference() else tensor._version  # noqa: SLF001 - torch offers no other way to see writes
