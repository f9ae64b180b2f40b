"""Arrays and tensors in files: looked at, measured, and only then read; nothing in them is executed."""

import io
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from compgraph.errors import FileFormatError, unknown_name
from compgraph.storage import expanded, open_regular, require_archive, require_array, require_unpackable, seems_to_be

_HEAD = 512
_SAVE = {
    ".npy": "Save an array of numbers with np.save.",
    ".npz": "Save the array with np.save and give the .npy.",
    ".pt": "Save tensors alone, such as torch.save(model.state_dict(), path).",
    ".safetensors": "Save it with safetensors.torch.save_file.",
}
_SAVE[".pth"] = _SAVE[".pt"]


@dataclass(frozen=True, slots=True)
class _File:
    """An open file, and what is known of it."""

    stream: io.BufferedReader
    path: str
    suffix: str
    size: int

    @property
    def remedy(self) -> str:
        return _SAVE[self.suffix]


def read_tensors(path: str, suffixes: Sequence[str], what: str) -> Any:
    """Read what a file of numbers holds.

    Parameters
    ----------
    path
        The file; its suffix says what it should be.
    suffixes
        Those that may come.
    what
        Their name in the error.

    Returns
    -------
    object
        An array, a tensor, or a mapping of them; of a ``.pt`` whatever plain containers it has.

    Raises
    ------
    UnknownName
        When the suffix is another.
    FileFormatError
        When the file is no regular one, is not what its suffix says, declares far more than it holds, or holds more
        than numbers.
    """
    suffix = expanded(path).suffix.lower()
    if suffix not in suffixes:
        raise unknown_name(what, suffix, suffixes)
    with open_regular(path) as stream:
        head = stream.read(_HEAD)
        file = _File(stream, path, suffix, stream.seek(0, 2))
        stream.seek(0)
        start, read = _READERS[suffix]
        try:
            if not re.match(start, head, re.DOTALL):
                raise FileFormatError(f"it seems to be {seems_to_be(head)}. {file.remedy}")
            return read(file)
        except FileFormatError as error:
            raise FileFormatError(f"cannot read {path!r} as {suffix}: {error}") from error
        except Exception as error:  # whatever a library raises of a file that is not what it says
            raise FileFormatError(f"cannot read {path!r} as {suffix}: {_reason(error)}. {file.remedy}") from error


def _reason(error: Exception) -> str:
    """Say what is wrong without the advice that torch adds: to execute what is in the file."""
    text = " ".join(str(error).split())
    if "weights_only" in text or "Weights only" in text or type(error).__name__ == "UnpicklingError":
        named = re.search(r"GLOBAL (\S+)", text)
        return f"it holds more than tensors{f' ({named[1]:.80})' if named else ''}, which is not executed"
    if isinstance(error, MemoryError):
        return "it declares more than there is memory"
    return f"it is damaged or cut short ({text[:200] or type(error).__name__})"


def _array(file: _File) -> np.ndarray:
    require_array(file.stream, file.size)
    file.stream.seek(0)
    return np.asarray(np.load(file.stream, allow_pickle=False))


def _arrays(file: _File) -> dict[str, np.ndarray]:
    with zipfile.ZipFile(file.stream) as archive:
        require_archive(archive, file.size, packed=True, remedy=file.remedy)
        for entry in archive.infolist():
            if not entry.filename.endswith(".npy"):
                raise FileFormatError(f"an archive with {entry.filename!r:.80}, which is no array. {file.remedy}")
            with archive.open(entry) as member:
                require_array(cast("io.BufferedIOBase", member), entry.file_size)
    file.stream.seek(0)
    with np.load(file.stream, allow_pickle=False) as found:
        return {name: found[name] for name in found.files}


def _tensors(file: _File) -> Any:
    if zipfile.is_zipfile(file.stream):
        with zipfile.ZipFile(file.stream) as archive:
            require_archive(archive, file.size, packed=False, remedy=file.remedy)
    file.stream.seek(0)
    found = torch.load(file.stream, map_location="cpu", weights_only=True)
    # A tensor may repeat what it holds by strides of 0, at no cost until it is used.
    sizes = (each.numel() * each.element_size() for each in _tensors_in(found, set()))
    require_unpackable(sum(sizes), file.size, "Save the tensors whole: tensor.contiguous().")
    return found


def _tensors_in(value: object, seen: set[int]) -> Iterator[Tensor]:
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        if isinstance(each, Tensor):
            yield each
        elif isinstance(each, Mapping):
            waiting.extend(each.values())
        elif isinstance(each, list | tuple):
            waiting.extend(each)


def _safe_tensors(file: _File) -> dict[str, Tensor]:
    declared = int.from_bytes(file.stream.read(8), "little")
    if declared > file.size - 8:
        raise FileFormatError(
            f"its header declares {declared:,} bytes, and {max(file.size - 8, 0):,} follow: it is cut short or "
            "damaged; copy or save it again."
        )
    # The library maps the file into memory by its name.
    return load_file(expanded(file.path))


# How each begins, and what reads it.
_READERS: dict[str, tuple[bytes, Callable[[_File], Any]]] = {
    ".npy": (rb"\x93NUMPY", _array),
    ".npz": (rb"PK[\x03\x05]", _arrays),
    ".pt": (rb"PK\x03|\x80", _tensors),
    ".pth": (rb"PK\x03|\x80", _tensors),
    ".safetensors": (rb".{8}\{", _safe_tensors),
}
