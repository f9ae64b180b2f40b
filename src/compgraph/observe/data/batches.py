"""What data can be: one batch to be cut, batches in a sequence, loaders and generators."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from typing import Any

import numpy as np
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Subset

from compgraph.errors import BadRequest
from compgraph.observe.data.as_tensors import as_tensors, holds_numbers, is_array, kind, require_possible
from compgraph.observe.data.call import Call
from compgraph.observe.data.reader import Reader
from compgraph.observe.data.sample_axes import axes_by_length
from compgraph.observe.run.nested import leaves

Cut = Callable[[int], slice]


def whole(n_rows: int) -> slice:
    """Return the slice of all rows.

    Parameters
    ----------
    n_rows
        How many there are.

    Returns
    -------
    slice
        From the first to the last.
    """
    return slice(0, n_rows)


def batches(data: Any, batch_size: int, reader: Reader, *, cut: Cut = whole) -> Iterator[Any]:
    """Iterate over batches of anything data can be.

    Parameters
    ----------
    data
        One large batch, which is cut (a tensor, array, data frame, dict of these, or tuple ``(x, y, ...)`` of equal
        length), a torch ``Dataset``, or an iterable of batches.
    batch_size
        Number of samples in a slice; an iterable's own batches are taken as they come.
    reader
        Tells which axis of what is cut holds the samples.
    cut
        Of the number of samples of data that are cut or looked up here gives those that are wanted.

    Returns
    -------
    iterator
        Of batches as ``reader`` reads them.

    Raises
    ------
    BadRequest
        When ``data`` is none of these, or it is in doubt which.
    """
    one = _is_one_batch(data, reader)
    if is_array(data) and getattr(data, "ndim", 1) == 0:
        raise BadRequest(f"data is one number ({data}); needed is a batch with samples along its first axis.")
    if one:
        return _cut(data, batch_size, reader, cut)
    if isinstance(data, Call):
        return iter((data,))
    if isinstance(data, Dataset) and not isinstance(data, Iterable):
        return iter(DataLoader(_part(data, cut), batch_size=batch_size))
    if isinstance(data, list):
        _require_batches(data)
    if isinstance(data, Iterable) and not isinstance(data, str | bytes):
        return iter(data)
    raise BadRequest(
        f"data is a {type(data).__name__}; needed is a tensor, a sequence of tensors, a DataLoader or an "
        "iterable of batches."
    )


def n_batches(data: Any, batch_size: int, reader: Reader) -> int | None:
    """Return the number of batches where it is known beforehand.

    Parameters
    ----------
    data, batch_size, reader
        As in `batches`.

    Returns
    -------
    int or None
        ``None`` for generators.
    """
    if _is_one_batch(data, reader):
        axis = reader.samples if isinstance(reader.samples, int) else 0
        rows = as_tensors(data) if isinstance(data, list) else data
        shapes = [tuple(each.shape) for _, each in leaves(rows) if is_array(each) and not _nested(each)]
        length = next((shape[axis] for shape in shapes if len(shape) > axis), None)
        return None if length is None else -(-length // batch_size)
    try:
        length = len(data)
    except (TypeError, NotImplementedError):
        return None
    return -(-length // batch_size) if isinstance(data, Dataset) else length


def _part(data: Dataset[Any], cut: Cut) -> Dataset[Any]:
    n_rows = len(data) if isinstance(data, Sized) else 0
    wanted = cut(n_rows)
    return data if wanted == whole(n_rows) else Subset(data, range(wanted.start, wanted.stop))


def _cut(data: Any, batch_size: int, reader: Reader, cut: Cut) -> Iterator[Call]:
    if reader.call is not None:
        for batch in _slices(as_tensors(data), batch_size, cut):
            yield reader.read(batch)
        return
    call = reader.arrange(data)
    if call.whole:
        yield reader.fit(call)
        return
    wanted = cut(call.size)
    for start in range(wanted.start, wanted.stop, batch_size):
        yield reader.fit(call.rows(slice(start, min(start + batch_size, wanted.stop))))


def _slices(data: Any, batch_size: int, cut: Cut) -> Iterator[Any]:
    """Yield slices of data whose arguments only the caller knows."""
    tensors = {name: each for name, each in leaves(data, "0") if isinstance(each, Tensor)}
    size, axes = axes_by_length(tensors, {}, 0, None)
    if size is None:
        yield data
        return
    every, wanted = Call((data,), {}, size, axes), cut(size)
    for start in range(wanted.start, wanted.stop, batch_size):
        yield every.rows(slice(start, min(start + batch_size, wanted.stop))).args[0]


def _is_one_batch(data: Any, reader: Reader) -> bool:
    require_possible(data)
    if isinstance(data, list):
        return holds_numbers(data) and isinstance(data[0], list)
    if not isinstance(data, tuple) or not data:
        return isinstance(data, Mapping) or is_array(data)
    lengths = {_length(each) for each in data}
    if None in lengths or len(lengths) > 1:
        return False
    if not all(map(is_array, data)):  # the arguments, nested in the first item, and targets
        return not any(isinstance(each, Mapping | tuple | list) for each in data[1:]) and len(data) > 1
    if _rows_of_one(data):
        return len(data) == 1
    alike = len({(tuple(each.shape), str(each.dtype)) for each in map(as_tensors, data)}) == 1
    if alike and len(data) > max(2, len(reader.takes.positional)) and not reader.takes.rest and reader.call is None:
        raise BadRequest(
            f"data is a tuple of {len(data)} times {kind(as_tensors(data[0]))}, and the model takes {reader.takes}. "
            "Give list(data) where each is a batch, and data[0] where the others are targets."
        )
    return True


def _nested(value: Any) -> bool:
    return isinstance(value, Tensor) and value.is_nested


def _length(value: Any) -> int | None:
    first = next((each for _, each in leaves(value) if is_array(each)), None)
    return int(first.shape[0]) if first is not None and len(first.shape) > 0 else None


def _require_batches(data: Sequence[Any]) -> None:
    """Refuse a list of tensors that may be inputs and targets rather than batches."""
    if len(data) < 2 or not all(map(is_array, data)) or _rows_of_one(data):
        return
    tensors: list[Tensor] = [as_tensors(each) for each in data]
    first, second = tensors[:2]
    if len({each.shape[:1] for each in tensors}) > 1 or first.dim() == 0:
        return
    columns = first.is_floating_point() and first.dim() == second.dim() == 2
    unlike = len({each.dim() for each in tensors}) > 1
    if unlike or (len(data) == 2 and (first.shape == second.shape or columns)):
        join = "torch.cat(data)" if isinstance(data[0], Tensor) else "np.concatenate(data)"
        raise BadRequest(
            f"data is a list of {len(data)}, starting with {kind(first)} and {kind(second)}: a list holds batches, and "
            "these may be inputs and their targets. Give tuple(data) for inputs followed by targets or further "
            f"arguments{'' if first.shape[1:] != second.shape[1:] else f', {join} for batches'}."
        )


def _rows_of_one(items: Sequence[Any]) -> bool:
    """Tell whether tensors or arrays are rows of one, as those that ``split`` gives."""
    tensors: list[Tensor] = [as_tensors(each) for each in items]
    first, memory = tensors[0], _memory(items[0])
    if memory is None or first.dim() == 0:
        return False
    step = max(first.stride(0) * first.element_size(), 1)
    return all(
        _memory(item) == memory
        and each.shape[1:] == first.shape[1:]
        and each.stride() == first.stride()
        and (each.data_ptr() - first.data_ptr()) % step == 0
        for item, each in zip(items, tensors, strict=True)
    )


def _memory(value: Any) -> int | None:
    """Return something that tensors and arrays have in common when they are views of one."""
    if isinstance(value, Tensor):
        return value.untyped_storage().data_ptr()
    if not isinstance(value, np.ndarray):
        return None
    while isinstance(value.base, np.ndarray):
        value = value.base
    return id(value)
