"""A hash of every parameter and buffer of a model, by which it is known again."""

import hashlib
from collections.abc import Iterator

import torch
from torch import Tensor, nn

_KIND = "(type)"


def fingerprint(model: nn.Module) -> dict[str, str]:
    """Return what tells a model from others, and from itself in another state.

    Parameters
    ----------
    model
        Left as it is.

    Returns
    -------
    dict
        Name of every parameter and buffer to the first half of a SHA-256 of its type, shape and content, and the name
        of the model's class. The same on every device. Tied weights have the same hash under each name.

    Notes
    -----
    Costs some 0.7 s for each gigabyte. What a module holds in other attributes is not seen.

    Examples
    --------
    >>> model = nn.Linear(3, 2)
    >>> sorted(fingerprint(model))
    ['(type)', 'bias', 'weight']
    """
    known: dict[tuple[int, int, torch.Size, tuple[int, ...]], str] = {}
    found = {_KIND: type(model).__qualname__}
    for name, tensor in _tensors(model):
        try:
            key = (id(tensor), tensor.data_ptr(), tensor.shape, tensor.stride())
        except (RuntimeError, NotImplementedError):  # no plain memory
            found[name] = _hash(tensor)
            continue
        if key not in known:
            known[key] = _hash(tensor)
        found[name] = known[key]
    return found


def _tensors(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    yield from model.named_parameters(remove_duplicate=False)
    yield from model.named_buffers(remove_duplicate=False)


def _hash(tensor: Tensor) -> str:
    total = hashlib.sha256(f"{tensor.dtype} {tuple(tensor.shape)}".encode())
    if tensor.device.type != "meta":
        dense = tensor.detach().resolve_conj().resolve_neg()
        dense = dense if dense.layout == torch.strided else dense.to_dense()
        content = dense.cpu().contiguous().reshape(-1).view(torch.uint8)
        total.update(content.numpy().data)
    return total.hexdigest()[:32]
