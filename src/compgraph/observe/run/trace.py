"""What one run of a model shows: which modules were called, in which order, and what they returned."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any
from weakref import ReferenceType, ref

from torch import Tensor, nn

from compgraph.observe.data.call import Call
from compgraph.observe.run.activations import (
    Selector,
    feature_axis,
    places,
    problem,
    sample_axis,
    selector_for,
)
from compgraph.observe.run.nested import leaves
from compgraph.observe.run.seen import Seen, Spot, Trace, free_name

Hook = Callable[[nn.Module, tuple[Any, ...], Any], Any]
RECURRENT = 10  # numbers that a layer of a recurrent network computes for each that it gives: gates and states
FEW = 16  # samples of the first run: enough to see shapes, few enough to be quick


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
    """Run a model on a few samples, and on one fewer, and note what every module does.

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
        Holds no activations. The axis of samples is the one that follows their number, wherever it stands.
    """
    shown = first_of(call, FEW)
    try:
        watch = _watched(model, shown, selectors or {})
    except Exception:  # noqa: BLE001 - a model made for one size of batch; any other fault comes again
        shown = replace(call, whole=True)
        watch = _watched(model, first_of(shown, FEW), selectors or {})
        watch.record.whole = True
    fewer = None
    if shown.size > 2 and not shown.whole:  # some models drop the axis of samples of a single one
        try:
            fewer = _watched(model, first_of(shown, shown.size - 1), selectors or {})
        except Exception:  # noqa: BLE001 - a model made for some sizes alone: batches are taken whole, which is said
            watch.record.whole = True
    _settle_samples(watch.record, None if fewer is None else fewer.record)
    return watch.record


def first_of(call: Call, n: int) -> Call:
    """Return a call of the first samples.

    Parameters
    ----------
    call
        Of any number of samples.
    n
        How many are wanted.

    Returns
    -------
    Call
        With storage of its own; all samples where they cannot be taken apart.
    """
    part = call if call.whole or call.size <= n else call.rows(slice(0, n))
    return part.map(lambda _, each: each.clone())


def _watched(model: nn.Module, call: Call, selectors: Mapping[str, Selector]) -> "_Watch":
    seen = {
        name: Seen(name, module, select=selector_for(name, selectors))
        for name, module in model.named_modules(remove_duplicate=False)
        if name and "parametrizations" not in name.split(".")  # torch computes weights there
    }
    watch = _Watch(Trace(seen, call.size, {}, {}), model, call)
    unique = {each.module: watch.finished for each in seen.values()}
    with ExitStack() as stack:
        for module in unique:
            stack.callback(module.register_forward_pre_hook(watch.started, with_kwargs=True).remove)
        with hooked(unique):
            returned = call.run(model)
    watch.close(returned, selectors)
    return watch


def _settle_samples(record: Trace, fewer: Trace | None) -> None:
    """Find the axis of samples of every tensor by comparing two runs."""
    for name, each in record.everything.items():
        other = {} if fewer is None else getattr(fewer.everything.get(name), "spots", {})
        for place, spot in each.spots.items():
            if spot.problem:
                continue
            shown = (other[place].shape, fewer.size) if fewer is not None and place in other else None
            found = sample_axis(spot.shape, record.size, shown)
            if isinstance(found, str):
                spot.problem = found
            else:
                spot.samples = found


class _Watch:
    """The hooks of one run."""

    def __init__(self, record: Trace, model: nn.Module, call: Call) -> None:
        self.record, self.model = record, model
        self.names = {module: name for name, module in model.named_modules()}
        self.running: list[str] = []
        self.finished_order: dict[str, None] = {}
        self.makers: dict[int, tuple[ReferenceType[Tensor], tuple[str, ...]]] = {}
        self.spots: dict[int, tuple[ReferenceType[Tensor], list[Spot]]] = {}
        inputs = call.inputs
        for name, tensor in inputs.items():
            site = free_name(record, "input" if len(inputs) == 1 else f"input.{name}")
            record.inputs[site] = Seen(site, model, calls=1, spots={name: self._spot(name, tensor, model)})

    def started(self, module: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        each = self.record.seen[self.names[module]]
        for outer in self.running:
            self.record.seen[outer].inside.add(each.name)
        self.running.append(each.name)
        given = [value for value in (*args, *kwargs.values()) if isinstance(value, Tensor)]
        if len(given) == 1:
            each.reads = self._makers(given[0])
        for tensor in given:
            along = feature_axis(module, tensor.dim())
            if along is not None and not isinstance(module, nn.Embedding):
                for spot in self._known(tensor):
                    spot.read_along.add(along)

    def finished(self, module: nn.Module, _args: tuple[Any, ...], output: Any) -> None:
        each = self.record.seen[self.names[module]]
        while self.running and self.running.pop() != each.name:
            pass  # an inner module raised, and its caller went on without it
        each.calls += 1
        self.finished_order[each.name] = None
        self._describe(each, output)
        tensors = [tensor for _, tensor in leaves(output) if isinstance(tensor, Tensor)]
        steps = RECURRENT * module.num_layers if isinstance(module, nn.RNNBase) else 1
        self.record.elements += steps * sum(tensor.numel() for tensor in tensors) // self.record.size
        if isinstance(output, Tensor):
            each.version = _version(output)
            makers = [name for name in self._makers(output) if name in each.inside]
            each.as_is = next((name for name in makers if self.record.seen[name].version == each.version), "")
        for tensor in tensors:
            self.makers[id(tensor)] = (ref(tensor), (*self._makers(tensor), each.name))

    def close(self, returned: Any, selectors: Mapping[str, Selector]) -> None:
        seen = self.record.seen
        self._outputs(returned, selectors.get(free_name(self.record, "output")))
        self.record.seen = {name: seen[name] for name in (*self.finished_order, *seen)}
        for each in seen.values():
            other = self.names[each.module]
            if other != each.name:
                each.calls = seen[other].calls
                each.spots = {"": Spot("", problem=f"is the same module as {other!r}")}

    def _outputs(self, returned: Any, select: Selector) -> None:
        picked = returned if select is None else select(returned)
        found = dict(leaves(picked))
        for name, tensor in found.items():
            lone = list(found) == [""]
            site = free_name(self.record, "output" if lone else f"output.{name}")
            each = Seen(site, self.model, calls=1, select=select)
            each.spots[name] = self._spot(name, tensor, self.model)
            if isinstance(tensor, Tensor):
                now = _version(tensor)
                each.reads = tuple(maker for maker in self._makers(tensor) if self.record.seen[maker].version == now)
            self.record.outputs[site] = each

    def _describe(self, each: Seen, output: Any) -> None:
        try:
            output = output if each.select is None else each.select(output)
        except Exception as error:  # noqa: BLE001 - a glob's selector may fit some of its modules only
            each.spots = {"": Spot("", problem=f"has a selector that raised {type(error).__name__}: {error}")}
            return
        found = dict(leaves(output))
        wanted = places(each.module, output)
        each.spots = {name: self._spot(name, found[name], each.module) for name in wanted}
        if not wanted:
            each.spots = {"": Spot("", problem=problem(output))}

    def _spot(self, place: str, tensor: Any, module: nn.Module) -> Spot:
        flat = isinstance(module, nn.RNNBase) and module is not self.model and place not in ("", "0")
        spot = Spot(place, problem=problem(tensor), flat=flat)
        if isinstance(tensor, Tensor):
            spot.shape = tuple(tensor.shape)
            spot.axis = feature_axis(module, tensor.dim())
            same = self._known(tensor)
            if spot.axis is None:
                spot.axis = next((other.axis for other in same if other.axis is not None), None)
            self.spots[id(tensor)] = (ref(tensor), [*same, spot])
        return spot

    def _makers(self, tensor: Tensor) -> tuple[str, ...]:
        alive, names = self.makers.get(id(tensor), (None, ()))
        return names if alive is not None and alive() is tensor else ()

    def _known(self, tensor: Tensor) -> list[Spot]:
        alive, spots = self.spots.get(id(tensor), (None, []))
        return spots if alive is not None and alive() is tensor else []


def _version(tensor: Tensor) -> int:
    return -1 if tensor.is_inference() else tensor._version  # noqa: SLF001 - torch offers no other way to see writes
