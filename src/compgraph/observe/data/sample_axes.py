"""Which axis of each argument holds the samples: as asked, by its length, and by trying where a length may mislead."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import product
from typing import Any

import torch
from torch import Tensor, nn

from compgraph.errors import BadRequest
from compgraph.observe.data.as_tensors import kind
from compgraph.observe.data.call import Call
from compgraph.observe.run.nested import leaves
from compgraph.observe.run.restore import observing
from compgraph.observe.run.unwrap import device_of

Axes = dict[str, int | None]
Fit = Callable[[Call], Call]
Samples = None | int | Mapping[str, int | None]
_MOST_TRIED = 4
_FEW = 5


def require_samples(samples: Any) -> Samples:
    """Return what was asked for the axis of samples.

    Parameters
    ----------
    samples
        An axis for all arguments, one for each by name, or nothing.

    Returns
    -------
    int, Mapping or None
        The same.

    Raises
    ------
    BadRequest
        When it is none of these.
    """
    given = samples.values() if isinstance(samples, Mapping) else (samples,)
    if all(each is None or (isinstance(each, int) and not isinstance(each, bool)) for each in given):
        return samples
    raise BadRequest(
        f"samples is {samples!r}; needed is the axis of samples, a whole number, or a dict of them by the name of the "
        "argument, such as {'src_mask': None} for one that all samples share."
    )


def asked_axes(tensors: Mapping[str, Tensor], samples: Samples) -> Axes:
    """Return the axes that were asked for by name.

    Parameters
    ----------
    tensors
        The arguments.
    samples
        By name of an argument, which stands for all tensors in it.

    Returns
    -------
    dict
        Of those arguments only.

    Raises
    ------
    BadRequest
        When an argument has no such axis.
    """
    if not isinstance(samples, Mapping):
        return {}
    found: Axes = {}
    for name, tensor in tensors.items():
        key = next((key for key in samples if name == key or name.startswith(f"{key}.")), None)
        if key is not None:
            found[name] = _axis(name, tensor, samples[key])
    return found


def axes_by_length(tensors: Mapping[str, Tensor], known: Axes, axis: int, size: int | None) -> tuple[int | None, Axes]:
    """Return the number of samples, and the axis of samples of every tensor.

    Parameters
    ----------
    tensors
        The arguments.
    known
        Axes that are settled.
    axis
        Where samples are in the others, if their length there is that number.
    size
        The number, where it is known.

    Returns
    -------
    tuple
        The length of the first tensor that has samples, unless it is known; None where there is none.

    Raises
    ------
    BadRequest
        When a settled axis has another length.
    """
    axes: Axes = {}
    for name, tensor in tensors.items():
        has = known.get(name, axis if tensor.dim() > axis else 0 if tensor.dim() == 1 else None)
        if size is None and has is not None:
            size = tensor.shape[has]
        if has is not None and tensor.shape[has] != size:
            if name in known or (axis > 0 and size in tensor.shape):
                raise _no_fit(name, tensor, has, size)
            has = None
        axes[name] = has
    return size, axes


def settled(model: nn.Module, call: Call, known: Axes, fit: Fit) -> tuple[Axes, list[str]]:
    """Try which arguments have one entry per sample, where it is only their length that says so.

    Parameters
    ----------
    model
        Run on up to five samples, under each reading.
    call
        With the axes that lengths suggest.
    known
        Axes that are settled.
    fit
        Makes a call one in the model's precision.

    Returns
    -------
    tuple
        The axes, and sentences on arguments that all samples share although they are as long as the batch.

    Raises
    ------
    BadRequest
        When the model runs under several readings, with other results.

    Notes
    -----
    A reading is right when the model runs and every output, or at least one where no reading does better, has as many
    entries as there were samples. Where no reading is, lengths are believed, and the run on the whole batch says what
    is wrong.
    """
    first = next((name for name, axis in call.axes.items() if axis is not None), None)
    doubtful = [name for name, axis in call.axes.items() if axis is not None and name not in known and name != first]
    if call.whole or call.size < 2 or not doubtful:
        return dict(call.axes), []
    with observing(model):
        tried = [(axes, _outputs(model, replace(call, axes=axes), fit)) for axes in _readings(call, doubtful)]
    places = (0, call.axes[first] if first is not None else 0)
    counts = [
        (axes, found, [_counts(out, _fewer(call), places) for out in found.values() if out.dim()])
        for axes, found in tried
    ]
    best = [each[:2] for each in counts if each[2] and all(each[2])] or [each[:2] for each in counts if any(each[2])]
    if not best:
        return dict(call.axes), []
    axes, outputs = best[0]
    differing = [other for other, found in best[1:] if not _same(outputs, found)]
    if differing:
        alike = [name for name in doubtful if any(axes[name] != other[name] for other in differing)]
        # A square mask that was cut leaves as many steps as samples, which is seen where it has been applied.
        whole = [axes for axes, found in best if all(_once(out, _fewer(call)) for out in found.values())]
        if len(whole) != 1 or not all(list(call.tensors[name].shape).count(call.size) > 1 for name in alike):
            raise _doubt(call, alike)
        (axes,) = whole
    shared = [name for name in doubtful if axes[name] is None]
    return axes, [
        f"All samples share {name!r}, {kind(call.tensors[name])}, though it is as long as the batch: the model runs "
        "on fewer samples that way only."
        for name in shared
    ]


def require_batch(model: nn.Module, call: Call, fit: Fit) -> None:
    """Refuse a lone tensor of one axis that is one sample.

    Parameters
    ----------
    model
        Run on some of its entries, and on all of them as one sample, where it has one axis.
    call
        The first batch.
    fit
        Makes a call one in the model's precision.

    Raises
    ------
    BadRequest
        When the model takes it for one sample only.
    """
    tensors = [each for each in call.tensors.values() if each.dim() > 0]
    if call.whole or call.size < 2 or len(tensors) != 1 or tensors[0].dim() > 1 or not tensors[0].is_floating_point():
        return
    one = replace(call.map(lambda _, each: each[None] if each.dim() else each), size=1)
    with observing(model):
        as_batch, n = _outputs(model, call, fit), _fewer(call)
        if any(each.dim() and len(each) == n for each in as_batch.values()):
            return
        as_one = _run(model, fit(one))
    if any(each.dim() and len(each) == 1 for each in as_one.values()):
        raise BadRequest(
            f"the first batch is {kind(tensors[0])}, and the model takes that for a single sample, not for a batch of "
            f"{call.size}. Make batches of samples: torch.stack(samples) of a list of them, x[None] of one alone, "
            "torch.utils.data.DataLoader(data, batch_size=256) of a data set."
        )


def _readings(call: Call, doubtful: list[str]) -> Iterator[Axes]:
    """Yield what the axes may be, as lengths suggest first."""
    if len(doubtful) <= _MOST_TRIED:
        for shared in product((False, True), repeat=len(doubtful)):
            yield {**call.axes, **{name: None for name, each in zip(doubtful, shared, strict=True) if each}}
        return
    yield dict(call.axes)
    for name in doubtful:
        yield {**call.axes, name: None}
    yield {**call.axes, **dict.fromkeys(doubtful)}


def _fewer(call: Call) -> int:
    """Return a number of samples that is no other length in the call, so that it says where samples are."""
    lengths = {length for each in call.tensors.values() for length in each.shape}
    most = min(_FEW, call.size - 1)
    return next((n for n in range(most, 1, -1) if n not in lengths), most)


def _outputs(model: nn.Module, call: Call, fit: Fit) -> dict[str, Tensor]:
    """Return the tensors a model gives for few samples, or none where it does not run."""
    return _run(model, fit(call.rows(slice(0, _fewer(call)))))


def _run(model: nn.Module, call: Call) -> dict[str, Tensor]:
    try:
        returned = call.private(device_of(model, call)).run(model)
    except Exception:  # noqa: BLE001 - a wrong reading may fail in any way
        return {}
    return {name: each for name, each in leaves(returned) if isinstance(each, Tensor)}


def _counts(output: Tensor, n: int, places: tuple[int | None, ...]) -> bool:
    """Tell whether an output has so many samples along one of the places where they may be."""
    return any(place is not None and place < output.dim() and output.shape[place] == n for place in places)


def _once(output: Tensor, n: int) -> bool:
    return list(output.shape).count(n) <= 1


def _same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(_alike(a[name], b[name]) for name in a)


def _alike(a: Tensor, b: Tensor) -> bool:
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if a.is_floating_point() or a.is_complex():
        return torch.allclose(a, b, rtol=1e-4, atol=1e-6, equal_nan=True)
    return torch.equal(a, b)


def _axis(name: str, tensor: Tensor, axis: int | None) -> int | None:
    if axis is None or -tensor.dim() <= axis < tensor.dim():
        return axis if axis is None else axis % tensor.dim()
    raise BadRequest(
        f"samples says that axis {axis} of {name!r} holds the samples, which is {kind(tensor)}; name one of its axes, "
        "or None where all samples share it."
    )


def _no_fit(name: str, tensor: Tensor, axis: int, size: int | None) -> BadRequest:
    return BadRequest(
        f"{name!r} is {kind(tensor)}, and its axis {axis} holds the samples, of which there are {size}. Say which axis "
        f"it is with samples={{{name!r}: ...}}, None where all samples share it."
    )


def _doubt(call: Call, names: list[str]) -> BadRequest:
    name = names[0]
    return BadRequest(
        f"{name!r}, {kind(call.tensors[name])}, is as long as the batch of {call.size}, and the model runs with one "
        f"entry of it for each sample as well as with all of it for every sample. Say which is meant: "
        f"samples={{{name!r}: {call.axes[name]}}} for one entry for each sample, samples={{{name!r}: None}} for one "
        "that all samples share."
    )
