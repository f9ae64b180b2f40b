"""What a file declares is measured before anything is allocated or unpacked for it, and what it is, is said."""

import io
import json
import resource
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from compgraph.cli.files import load_data, load_model
from compgraph.errors import FileFormatError


def weights(path: str) -> object:
    return load_model("torch.nn:Identity", path)


def header(shape: str, descr: str = "'<f8'") -> bytes:
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text) + 1) + text + b"\n"


def archive(entries: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as made:
        for name, content in entries.items():
            made.writestr(name, content)
    return stream.getvalue()


def overlapping() -> bytes:
    """Return an archive whose second entry is the first one again, under another name."""
    data = archive({"a.npy": header("(1,)") + bytes(8), "b.npy": header("(1,)") + bytes(8)}, zipfile.ZIP_STORED)
    second = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 1)
    return data[: second + 42] + bytes(4) + data[second + 46 :]


def claimed(name: str, size: int) -> bytes:
    """Return a stored archive whose directory claims another size than the entry has."""
    data = archive({name: header("(1,)") + bytes(8)}, zipfile.ZIP_STORED)
    place = data.index(b"PK\x01\x02") + 24
    return data[:place] + struct.pack("<I", size) + data[place + 4 :]


def torch_bytes(value: object, **options: object) -> bytes:
    torch.save(value, stream := io.BytesIO(), **options)
    return stream.getvalue()


def packed(data: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as made:
        return archive({entry.filename: made.read(entry) for entry in made.infolist()})


SIZE = 70 * 1024 * 1024
ZEROS = header(f"({SIZE},)", "'|u1'") + bytes(SIZE)
BOMBS: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "npz that unpacks to 70 MiB": ("x.npz", lambda: archive({"x.npy": ZEROS}), "that unpack to 73,400.*np.save"),
    "npz of many small ones": (
        "x.npz",
        lambda: archive({f"{n}.npy": ZEROS[:8_000_000] for n in range(20)}),
        "unpack to",
    ),
    "npz that overlaps": ("x.npz", overlapping, "overlap.*np.save"),
    "npz that claims more": ("x.npz", lambda: claimed("x.npy", 1 << 31), "packed in another way"),
    "npz packed by lzma": ("x.npz", lambda: archive({"x.npy": ZEROS[:999]}, zipfile.ZIP_LZMA), "packed in another way"),
    "npz packed by bzip2": (
        "x.npz",
        lambda: archive({"x.npy": ZEROS[:999]}, zipfile.ZIP_BZIP2),
        "packed in another way",
    ),
    "npz with a claiming header": ("x.npz", lambda: archive({"x.npy": header("(10**12,)")}), "header cannot be read"),
    "npz with a long header": (
        "x.npz",
        lambda: archive({"x.npy": header("(1000000000000,)")}),
        "8,000,000,000,000 bytes",
    ),
    "npz with something else": ("x.npz", lambda: archive({"x.txt": b"x"}), "'x.txt', which is no array"),
    "npy that claims more": ("x.npy", lambda: header("(1000000000000,)") + bytes(8), "declares.*and 8 follow"),
    "npy of many axes": ("x.npy", lambda: header(f"({'99999, ' * 9})"), "declares"),
    "npy of a negative length": ("x.npy", lambda: header("(-1, -5)") + bytes(40), "declares|cannot be read"),
    "npy cut short": ("x.npy", lambda: header("(100,)") + bytes(799), "declares.*and 799 follow: it is cut short"),
    "pt packed": ("x.pt", lambda: packed(torch_bytes(torch.zeros(300_000))), "packed in another way"),
    "pt that repeats itself": ("x.pt", lambda: torch_bytes(torch.zeros(1).expand(10**9)), r"unpack.*contiguous"),
    "pt that repeats itself inside": (
        "x.pt",
        lambda: torch_bytes([{"a": (torch.zeros(1).expand(10**9),)}]),
        r"unpack.*contiguous",
    ),
    "old pt that repeats itself": (
        "x.pt",
        lambda: torch_bytes(torch.zeros(1).expand(10**9), _use_new_zipfile_serialization=False),
        r"unpack.*contiguous",
    ),
    "weights with a claiming header": (
        "w.safetensors",
        lambda: struct.pack("<Q", 1 << 39) + b"{}",
        "declares.*2 follow",
    ),
    "weights that claim more": (
        "w.safetensors",
        lambda: safe({"a": {"dtype": "F32", "shape": [10**9], "data_offsets": [0, 4 * 10**9]}}),
        "damaged or cut short",
    ),
    "weights that are deep": ("w.safetensors", lambda: safe_text(b'{"a":' + b"[" * 100_000), "damaged or cut short"),
}


def safe(document: object) -> bytes:
    return safe_text(json.dumps(document).encode())


def safe_text(text: bytes) -> bytes:
    return struct.pack("<Q", len(text)) + text


@pytest.mark.parametrize("case", BOMBS)
def test_bombs_are_refused_before_they_go_off(case: str, tmp_path: Path) -> None:
    name, make, said = BOMBS[case]
    (tmp_path / name).write_bytes(make())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(FileFormatError, match=rf"cannot read '.*{name}' as .*{said}"):
        (weights if name.startswith("w") else load_data)(str(tmp_path / name))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60_000  # kilobytes


def test_what_is_measured_would_go_off(tmp_path: Path) -> None:
    """The broken twin: NumPy unpacks what it is told to."""
    path = tmp_path / "x.npz"
    path.write_bytes(BOMBS["npz that unpacks to 70 MiB"][1]())
    assert path.stat().st_size < 200_000
    with np.load(path, allow_pickle=False) as found:
        assert found["x"].nbytes == SIZE


def test_ordinary_files_are_not_mistaken_for_bombs(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    sparse = (rng.random((5000, 400)) < 0.02).astype(np.float64)
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "x.npz", x=sparse)
        assert np.array_equal(load_data(str(tmp_path / "x.npz")).numpy(), sparse)
    np.savez_compressed(tmp_path / "x.npz", x=np.zeros((1000, 8000)))  # 64 MB of zeros
    assert load_data(str(tmp_path / "x.npz")).shape == (1000, 8000)
    view = torch.arange(12.0).reshape(3, 4)
    for value in (view.T, view[:, ::2], view[:1].expand(500, 4), torch.zeros(0, 3)):
        torch.save(value, tmp_path / "x.pt")
        assert torch.equal(load_data(str(tmp_path / "x.pt")), value)
    np.save(tmp_path / "x.npy", np.asfortranarray(sparse))
    assert np.array_equal(load_data(str(tmp_path / "x.npy")).numpy(), sparse)


WRONG: dict[str, tuple[str, bytes, str]] = {
    "text as pt": ("x.pt", b"epoch 1: loss 0.3\n", r"it seems to be text\. Save tensors alone"),
    "empty pt": ("x.pt", b"", "it seems to be empty"),
    "page as pt": ("x.pt", b"<!DOCTYPE html><html>404</html>", "failed download"),
    "pointer as pt": ("x.pt", b"version x/spec/v1\ngit-lfs oid sha256:0", "git lfs pull"),
    "weights as pt": ("x.pt", safe({}), "it seems to be a safetensors file"),
    "csv as npy": ("x.npy", b"1,2\n3,4\n", r"it seems to be text\. Save an array of numbers with np\.save"),
    "array as npz": ("x.npz", header("(1,)") + bytes(8), "it seems to be a NumPy array"),
    "npz as npy": ("x.npy", archive({"x.npy": header("(1,)") + bytes(8)}), "it seems to be a zip archive"),
    "image as pt": ("x.pt", b"\x89PNG\r\n\x1a\n", "it seems to be a PNG image"),
    "pt as safetensors": ("w.safetensors", torch_bytes(torch.zeros(3)), "it seems to be a zip archive"),
    "npz as pt": (
        "x.pt",
        archive({"x.npy": header("(1,)") + bytes(8)}, zipfile.ZIP_STORED),
        "it is damaged or cut short",
    ),
    "pickle as pt": ("x.pt", b"\x80\x04N.", "it (is damaged|holds more)"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_a_file_seems_to_be_is_said(case: str, tmp_path: Path) -> None:
    name, content, said = WRONG[case]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FileFormatError, match=rf"cannot read '.*{name}' as .*{said}") as caught:
        (weights if name.startswith("w") else load_data)(str(tmp_path / name))
    assert "weights_only" not in str(caught.value)
    assert "\n" not in str(caught.value)


class Runs:
    """A pickle of this runs something when it is loaded."""

    def __reduce__(self):
        return Path.touch, (Path("owned"),)


@pytest.mark.parametrize("old", [False, True])
def test_a_hostile_file_is_not_recommended(old: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("x.pt").write_bytes(torch_bytes({"w": Runs()}, _use_new_zipfile_serialization=not old))
    with pytest.raises(
        FileFormatError, match=r"holds more than tensors \([\w.]+\), which is not executed\. Save"
    ) as caught:
        load_data("x.pt")
    for advice in ("weights_only", "re-running", "likely succeed", "safe_globals", "trust"):
        assert advice not in str(caught.value)
    assert not Path("owned").exists()


def test_the_home_folder_and_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    np.save(tmp_path / "x.npy", np.ones((2, 3)))
    (tmp_path / "link.npy").symlink_to("x.npy")
    save_file({}, tmp_path / "w.safetensors")
    assert load_data("~/link.npy").shape == (2, 3)
    weights("~/w.safetensors")


WRONG_TYPES = """
import sys, networkx as nx, compgraph as cg
from compgraph.errors import BadRequest, CompgraphError, OutputError
from compgraph.show.report import write_report
where = {"layer": "fc1\\udcff", "side": "in", "depth": 1, "index": 0, "method": "pca"}
graph = nx.DiGraph(schema="compgraph/2")
graph.add_node("a\\udcff", **where, strength=2.0, share=1.0, label="a\\udcff")
for call in (
    lambda: cg.save(graph, "x.html", groups={"a": 0}),
    lambda: cg.save(graph, None),
    lambda: cg.save(graph, 5),
    lambda: cg.save(graph, b"x.json"),
    lambda: cg.save(graph, ""),
    lambda: cg.load(None),
    lambda: cg.load(""),
    lambda: cg.save(None, "x.json"),
    lambda: write_report("x", graph, None, stats=None, profile={"a": 1}),
    lambda: cg.save(graph, "half\\ud800.json"),
):
    try:
        call()
    except CompgraphError as error:
        print(type(error).__name__, ascii(str(error)))
for suffix in (".json", ".dot", ".html"):
    cg.save(graph, f"bytes\\udcff{suffix}")
assert nx.utils.graphs_equal(cg.load("bytes\\udcff.json"), graph)
"""


@pytest.mark.slow
def test_values_of_other_types_are_named(tmp_path: Path) -> None:
    """In a process of its own: the types that tests check would refuse them in other words."""
    done = subprocess.run(
        [sys.executable, "-c", WRONG_TYPES], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == [
        *["BadRequest"] * 7, "GraphError", "BadRequest", "OutputError"
    ]  # fmt: skip
    assert "what compgraph.communities returned (a Partition" in lines[0]
    assert "path=None: a text is needed, or a pathlib.Path" in lines[1]
    assert "profile is a dict; a TaskProfile is needed" in lines[8]
    assert len(list(tmp_path.iterdir())) == 3
