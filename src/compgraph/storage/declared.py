"""Sizes that files declare, checked before anything is allocated or unpacked for them."""

import io
import zipfile
from collections.abc import Iterable
from math import prod

import numpy as np

from compgraph.errors import FileFormatError

SMALL = 64 << 20
"""Bytes that any file may unpack to."""
RATIO = 100
"""How many times its own size a larger file may unpack to."""
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
_LOCAL_HEADER = 30  # bytes of an entry before its name


def require_unpackable(declared: int, size: int, remedy: str) -> None:
    """Raise when a file declares far more than it holds.

    Parameters
    ----------
    declared
        Bytes it unpacks to, by what it says.
    size
        Bytes it has.
    remedy
        What to do, as a sentence.

    Raises
    ------
    FileFormatError
        Above 64 MiB and above 100 times its size.

    Examples
    --------
    >>> require_unpackable(800_000_000, 778_000, "Save it with np.save.")
    Traceback (most recent call last):
        ...
    compgraph.errors.FileFormatError: 778,000 bytes that unpack to 800,000,000; at most ... Save it with np.save.
    """
    if declared > max(SMALL, RATIO * size):
        raise FileFormatError(
            f"{size:,} bytes that unpack to {declared:,}; at most {RATIO} times as many, or {SMALL:,}, are unpacked. "
            f"{remedy}"
        )


def require_array(file: io.BufferedIOBase, size: int) -> None:
    """Raise unless a ``.npy`` has an array of numbers of the length that its header declares.

    Parameters
    ----------
    file
        At the beginning of the array; afterwards behind the header.
    size
        Bytes that the array has with its header.

    Raises
    ------
    FileFormatError
        When it is none, holds Python objects, or ends before the array does.

    Examples
    --------
    >>> np.save(stream := io.BytesIO(), np.zeros(5))
    >>> _ = stream.seek(0)
    >>> require_array(stream, len(stream.getvalue()))
    """
    try:
        version = np.lib.format.read_magic(file)
        shape, _, dtype = _HEADERS.get(version, _HEADERS[2, 0])(file)
    except (ValueError, OSError, SyntaxError, TypeError, RecursionError, MemoryError) as error:
        raise FileFormatError("it is no whole array that np.save wrote: its header cannot be read.") from error
    if dtype.hasobject:
        raise FileFormatError(
            "Object arrays hold code that would be executed, so none are read; save an array of numbers, such as "
            "array.astype(float)."
        )
    declared, held = prod(int(length) for length in shape) * dtype.itemsize, size - file.tell()
    if declared > held or min(shape, default=0) < 0:
        raise FileFormatError(
            f"its header declares an array of shape {shape} and {declared:,} bytes, and {max(held, 0):,} follow: it "
            "is cut short or damaged; copy or save it again."
        )


def require_archive(archive: zipfile.ZipFile, size: int, *, packed: bool, remedy: str) -> None:
    """Raise unless the entries of a zip archive are what they seem: apart, each once, and not far larger unpacked.

    Parameters
    ----------
    archive
        It is open.
    size
        Bytes it has.
    packed
        Whether entries may be compressed.
    remedy
        What to do, as a sentence.

    Raises
    ------
    FileFormatError
        When entries overlap, repeat a name, are compressed in another way, or unpack to far more than the file has.

    Examples
    --------
    >>> np.savez(stream := io.BytesIO(), x=np.zeros(5))
    >>> with zipfile.ZipFile(stream) as archive:
    ...     require_archive(archive, len(stream.getvalue()), packed=True, remedy="")
    """
    entries = archive.infolist()
    if len({entry.filename for entry in entries}) < len(entries):
        raise FileFormatError(f"an archive that has two entries of one name. {remedy}")
    allowed = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) if packed else (zipfile.ZIP_STORED,)
    for entry in entries:
        stored = entry.compress_type == zipfile.ZIP_STORED
        if entry.compress_type not in allowed or (stored and entry.file_size != entry.compress_size):
            raise FileFormatError(f"an archive whose entry {entry.filename!r:.80} is packed in another way. {remedy}")
    if _overlap(entries, size):
        raise FileFormatError(f"an archive whose entries overlap, so that they unpack to more than it has. {remedy}")
    require_unpackable(sum(entry.file_size for entry in entries), size, remedy)


def _overlap(entries: Iterable[zipfile.ZipInfo], size: int) -> bool:
    end = 0
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        if entry.header_offset < end:
            return True
        end = entry.header_offset + _LOCAL_HEADER + entry.compress_size
    return end > size
