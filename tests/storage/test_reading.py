"""One door for everything that is read: regular files of a sensible size, at once or not at all."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from compgraph.cli.files import load_data, load_model, read_labels
from compgraph.connect import load
from compgraph.errors import FileFormatError
from compgraph.storage import parse_json, read_regular, seems_to_be


def fifo(path: Path) -> None:
    os.mkfifo(path)


def unix_socket(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # a path of a socket has at most 108 bytes
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(here)


def link_to(target: str) -> Callable[[Path], None]:
    return lambda path: path.symlink_to(target)


STRANGE = {
    "pipe": (fifo, "it is a pipe"),
    "folder": (Path.mkdir, "it is a folder"),
    "socket": (unix_socket, "it is a socket"),
    "link to zeros": (link_to("/dev/zero"), "it is a device"),
    "link to a terminal": (link_to("/dev/tty"), "it is a device|No such"),
    "link to itself": (lambda path: path.symlink_to(path), "its links lead in a circle"),
    "link to nothing": (link_to("nothing"), "No such file"),
    "nothing": (str, "No such file"),
}
READERS: dict[str, tuple[str, Callable[[str], object]]] = {
    "any": ("any", read_regular),
    "graph": ("graph.json", load),
    "graphml": ("graph.graphml", load),
    "labels": ("labels.json", read_labels),
    "data": ("x.npy", load_data),
    "archive": ("x.npz", load_data),
    "tensors": ("x.pt", load_data),
    "weights": ("w.pth", lambda path: load_model("torch.nn:Identity", path)),
    "safetensors": ("w.safetensors", lambda path: load_model("torch.nn:Identity", path)),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("case", STRANGE)
def test_what_is_no_regular_file_is_refused_at_once(case: str, reader: str, tmp_path: Path) -> None:
    (make, said), (name, read) = STRANGE[case], READERS[reader]
    make(tmp_path / name)
    with pytest.raises(FileFormatError, match=rf"cannot read '.*{name}': ({said})"):
        read(str(tmp_path / name))


def test_the_limit_holds_before_and_while_reading(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"12345")
    assert read_regular(path, limit=5) == b"12345"
    with pytest.raises(FileFormatError, match="more than the 4 bytes that are read at most"):
        read_regular(path, limit=4)
    os.truncate(path, 1 << 40)  # a hole: nothing on the disk
    with pytest.raises(FileFormatError, match="more than the 1,073,741,824 bytes"):
        read_regular(path)
    if Path("/proc/self/maps").exists():  # its length is said to be 0
        with pytest.raises(FileFormatError, match="more than the 10 bytes"):
            read_regular("/proc/self/maps", limit=10)


def test_home_and_links_are_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "x").write_bytes(b"here")
    (tmp_path / "link").symlink_to("x")
    assert read_regular("~/link") == b"here"


@pytest.mark.parametrize("name", ["nul\0", "half\ud800", "x" * 300])
def test_a_path_that_can_be_none(name: str, tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match="cannot read"):
        read_regular(tmp_path / name)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"[" * 200_000, "nested too deeply"),
        (b'{"a": 1, "a": 1}', "repeats a key, 'a'"),
        (b"[NaN]", "NaN is not JSON"),
        (b"[-Infinity]", "-Infinity is not JSON"),
        (b"[1e999]", "the number 1e999 is not finite"),
        (b"[" + b"9" * 5000 + b"]", "4300"),
        ("[1]".encode("utf-16"), "codec can't decode"),
        (b'["\xff"]', "codec can't decode"),
        (b"", "Expecting value"),
    ],
)
def test_json_that_means_more_than_one_thing_is_refused(data: bytes, said: str) -> None:
    with pytest.raises(FileFormatError, match=f"not readable as JSON: .*{said}"):
        parse_json(data)


def test_json_of_other_programs_is_read() -> None:
    assert parse_json('\ufeff{"é": "\\ud83d\\ude00"}'.encode()) == {"é": "😀"}


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"", "empty"),
        (b"epoch,loss\n1,2", "text"),
        ("Größe: 3".encode(), "text"),
        (b"<!DOCTYPE html><html>", "HTML, perhaps the page of a failed download"),
        (b"<?xml version='1.0'?>", "XML or HTML"),
        (b"  [1, 2]", "JSON"),
        (b"version x\ngit-lfs oid sha256:0", "Git LFS"),
        (b"\x80\x02}q\x00.", "pickle"),
        (b"PK\x03\x04", "zip"),
        (b"\x93NUMPY\x01\x00", "NumPy"),
        (b"\x10\0\0\0\0\0\0\0{}", "safetensors"),
        (bytes(range(1, 200)), "binary"),
    ],
)
def test_what_a_file_seems_to_be(head: bytes, kind: str) -> None:
    assert kind in seems_to_be(head)
