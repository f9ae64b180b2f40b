"""Graphs as files: written atomically, read whole or not at all."""

import contextlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import networkx as nx

from compgraph.connect.formats import from_graphml, from_json
from compgraph.connect.schema import check_graph
from compgraph.errors import FileFormatError, GraphError, OutputError, unknown_name

MAX_BYTES = 1 << 30


def write_atomically(path: str | os.PathLike[str], data: bytes) -> Path:
    """Write a file so that readers see either what was there before or all of ``data``.

    Parameters
    ----------
    path
        Where to write; missing parent folders are made.
    data
        The whole content.

    Returns
    -------
    pathlib.Path
        ``path``, with symbolic links followed.

    Raises
    ------
    OutputError
        When the place cannot be written; what was there is untouched and no partial file is left.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_atomically(f"{folder}/new/file.txt", b"all of it").read_bytes()
    b'all of it'
    """
    target = Path(path)
    try:
        target = target.resolve()
        if target.is_dir():
            raise IsADirectoryError("it is a folder")
        if target.exists() and not target.is_file():
            # Replacing it would destroy a pipe or, for root, a device.
            raise OSError("it is a device or pipe, not a file")
        target.parent.mkdir(parents=True, exist_ok=True)
        _replace(target, data)
    except (OSError, ValueError) as error:
        reason = _reason(error)
        raise OutputError(
            f"cannot write {str(path)!r}: {reason}. Nothing was changed there; choose a path that can be written."
        ) from error
    return target


def require_writable(folder: str | os.PathLike[str]) -> None:
    """Raise unless files can be written into a folder, so that a long computation does not end in vain.

    Parameters
    ----------
    folder
        Made when missing, and left as it is otherwise.

    Raises
    ------
    OutputError
        When it cannot be made or written to.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     require_writable(f"{folder}/new")
    ...     Path(folder, "new").is_dir()
    True
    """
    try:
        place = Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=place):
            pass
    except (OSError, ValueError) as error:
        reason = _reason(error)
        raise OutputError(
            f"cannot write into {str(folder)!r}: {reason}. Choose a folder that can be written."
        ) from error


def _replace(target: Path, data: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".compgraph-", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        mode = target.stat().st_mode & 0o777 if target.exists() else 0o666 & ~_umask()
        Path(name).chmod(mode)
        Path(name).replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise


def _reason(error: OSError | ValueError) -> str:
    if isinstance(error, FileExistsError | NotADirectoryError):
        return "a part of the path is a file and not a folder"
    return getattr(error, "strerror", None) or str(error)


def _umask() -> int:
    # The umask can only be read by setting it.
    mask = os.umask(0)
    os.umask(mask)
    return mask


READERS: dict[str, Callable[[bytes], nx.DiGraph]] = {".json": from_json, ".graphml": from_graphml}


def load(path: str | os.PathLike[str]) -> nx.DiGraph:
    """Read a component graph from a ``.json`` or ``.graphml`` file.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    networkx.DiGraph
        Exactly the graph that was saved, a ``group`` attribute on its nodes included where groups were saved.

    Raises
    ------
    UnknownName
        When the suffix is neither of the two.
    FileFormatError
        When the file is missing, above 1 GiB, truncated, of another format or schema version. Nothing in the
        file is executed or unpickled.

    Examples
    --------
    >>> graph = nx.DiGraph(schema="compgraph/2")
    >>> where = {"layer": "fc1", "side": "in", "depth": 1, "index": 0, "method": "pca"}
    >>> graph.add_node("a", **where, strength=2.0, share=1.0, label="a")
    >>> import tempfile
    >>> import compgraph as cg
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     found = cg.load(cg.save(graph, f"{folder}/graph.json"))
    >>> nx.utils.graphs_equal(found, graph)
    True
    """
    file = Path(path)
    if file.suffix.lower() not in READERS:
        raise unknown_name("readable graph format", file.suffix, READERS)
    try:
        if file.stat().st_size > MAX_BYTES:
            raise FileFormatError(f"{str(path)!r} has {file.stat().st_size} bytes; at most {MAX_BYTES} are read.")
        data = file.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise FileFormatError(f"cannot read {str(path)!r}: {reason}.") from error
    try:
        graph = READERS[file.suffix.lower()](data)
        check_graph(graph)
    except (FileFormatError, GraphError) as error:
        raise FileFormatError(f"{str(path)!r} is not a component graph: {error}") from error
    return graph
