"""Runs of a model in which sites give something else than what their modules made."""

from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any

from torch import Tensor, nn

from compgraph.errors import SiteError
from compgraph.observe.data.call import Call
from compgraph.observe.run.activations import problem
from compgraph.observe.run.nested import exchanged, leaves
from compgraph.observe.run.tap import Tap
from compgraph.observe.run.trace import Hook, hooked


def run_exchanged(
    model: nn.Module,
    call: Call,
    taps: Sequence[Tap],
    look: Callable[[int, Tensor], None],
    exchange: Callable[[int, Tensor], Tensor],
    *,
    strict: Collection[int] = (),
) -> Any:
    """Run a model with the activations of inputs and modules exchanged.

    Parameters
    ----------
    model
        Run under the caller's settings of autograd.
    call
        Arguments.
    taps
        The sites; those that are outputs of the model alone are left to the caller.
    look
        Shown the number of a site and its tensor, as the module gave it.
    exchange
        From the same to what the model goes on with. Where a selector makes a tensor of its own, all that the module
        gave is exchanged, one after the other.
    strict
        Numbers of the sites for which a selector may not do so.

    Returns
    -------
    object
        What the model returned.

    Raises
    ------
    SiteError
        When the selector of a strict site makes a tensor of its own.
    """
    of_inputs = {tap.place: number for number, tap in enumerate(taps) if tap.kind == "input"}

    def given(name: str, each: Tensor) -> Tensor:
        if name not in of_inputs:
            return each
        look(of_inputs[name], each)
        return exchange(of_inputs[name], each)

    def hook_of(numbers: list[int]) -> Hook:
        def hook(_module: nn.Module, _args: tuple[Any, ...], output: Any) -> Any:
            for number in numbers:
                look(number, taps[number].found(output))
                change = with_exchanged if number in strict else _all_exchanged
                output = change(output, taps[number], partial(exchange, number))
            return output

        return hook

    of_module: dict[nn.Module, list[int]] = {}
    for number, tap in enumerate(taps):
        if tap.kind == "module":
            of_module.setdefault(tap.module, []).append(number)
    with hooked({module: hook_of(numbers) for module, numbers in of_module.items()}):
        return call.map(given).run(model)


def _all_exchanged(output: Any, tap: Tap, change: Callable[[Tensor], Tensor]) -> Any:
    try:
        return with_exchanged(output, tap, change)
    except SiteError:
        return exchanged(output, lambda _, each: each if problem(each) else change(each))


def with_exchanged(output: Any, tap: Tap, change: Callable[[Tensor], Tensor]) -> Any:
    """Return what a module returned with the tensor of a site exchanged.

    Parameters
    ----------
    output
        What it returned.
    tap
        The site.
    change
        Of its tensor.

    Returns
    -------
    object
        The same container, with a tensor exchanged; or a copy of a tensor of which the site is a view, written to.

    Raises
    ------
    SiteError
        When the site's selector makes a tensor of its own.
    """
    picked = tap.found(output)
    if any(each is picked for _, each in leaves(output)):
        new = change(picked)
        return exchanged(output, lambda _, each: new if each is picked else each)
    copied = exchanged(output, lambda _, each: each.clone() if isinstance(each, Tensor) else each)
    view = tap.found(copied)
    homes = {each.untyped_storage().data_ptr() for _, each in leaves(copied) if isinstance(each, Tensor)}
    if not isinstance(view, Tensor) or view.untyped_storage().data_ptr() not in homes:
        raise tap.own_tensor()
    view.copy_(change(picked))
    return copied
