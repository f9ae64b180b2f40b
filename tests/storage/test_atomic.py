"""Files are written whole or not at all, and what dead writers leave is swept, never what living ones write."""

import errno
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from compgraph.errors import BadRequest, OutputError
from compgraph.storage import expanded, litter, require_writable, write_atomically


def test_writing_makes_parents_and_replaces(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "x.json"
    write_atomically(path, b"one")
    path.chmod(0o640)
    write_atomically(path, b"two")
    assert path.read_bytes() == b"two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [each.name for each in path.parent.iterdir()] == ["x.json"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    real, link = tmp_path / "real.json", tmp_path / "link.json"
    real.write_bytes(b"old")
    link.symlink_to(real)
    write_atomically(link, b"new")
    assert link.is_symlink()
    assert real.read_bytes() == b"new"


@pytest.mark.parametrize("failure", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_a_failure_leaves_the_old_file_and_no_other(
    failure: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(b"old")

    def fail(descriptor: int) -> None:
        raise failure

    monkeypatch.setattr(os, "fsync", fail)
    expected = OutputError if isinstance(failure, OSError) else KeyboardInterrupt
    with pytest.raises(expected):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert [each.name for each in tmp_path.iterdir()] == ["x.json"]


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("folder", "it is a folder"),
        ("file/x.json", "a part of the path is a file and not a folder"),
        ("nul\x00.json", "null"),
    ],
)
def test_a_place_that_cannot_be_written_is_named(place: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match=f"cannot write .*({reason})"):
        write_atomically(f"{tmp_path}/{place}", b"x")


def test_killing_the_writer_leaves_one_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "x.bin"
    path.write_bytes(b"a" * 1000)
    program = (
        "import sys\nfrom compgraph.storage import write_atomically\n"
        "print('ready', flush=True)\n"
        "while True:\n"
        "    write_atomically(sys.argv[1], b'b' * 4_000_000)\n"
        "    write_atomically(sys.argv[1], b'a' * 1000)"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
        for _ in range(200):
            assert path.read_bytes() in (b"a" * 1000, b"b" * 4_000_000)
        writer.kill()
    assert path.read_bytes() in (b"a" * 1000, b"b" * 4_000_000)


def test_a_folder_is_tried_without_leaving_anything(tmp_path: Path) -> None:
    require_writable(tmp_path / "new" / "folder")
    assert not list((tmp_path / "new" / "folder").iterdir())
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match=r"cannot write into .*file/x.*Choose a folder"):
        require_writable(tmp_path / "file" / "x")


def test_a_pipe_is_not_replaced_by_a_file(tmp_path: Path) -> None:
    pipe, link = tmp_path / "pipe.json", tmp_path / "link.json"
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    for path in (pipe, link):
        with pytest.raises(OutputError, match="it is a device or pipe, not a file"):
            write_atomically(path, b"x")
    assert pipe.is_fifo()


def test_a_circle_of_links_is_named(tmp_path: Path) -> None:
    one, other = tmp_path / "one.json", tmp_path / "other.json"
    one.symlink_to(other)
    other.symlink_to(one)
    with pytest.raises(OutputError, match=r"cannot write .*one\.json': .*(circle|symbolic links)"):
        write_atomically(one, b"x")
    with pytest.raises(OutputError, match="cannot write into"):
        require_writable(one / "folder")


def test_the_home_folder_is_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    assert write_atomically("~/x.json", b"x") == tmp_path / "home" / "x.json"
    require_writable("~/folder")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["folder", "home", "x.json"]
    with pytest.raises(BadRequest, match=r"'~nobody-of-that-name/x': .*Write the whole path"):
        expanded("~nobody-of-that-name/x")


def test_an_empty_path_is_no_path() -> None:
    for use in (expanded, require_writable, lambda path: write_atomically(path, b"")):
        with pytest.raises(BadRequest, match=r"an empty text came as a path; write '\.'"):
            use("")


def litter_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.startswith(".compgraph-"))


WRITER = """
import os, sys, time
from pathlib import Path
from compgraph.storage import litter
with litter.temporary(Path(sys.argv[1])) as (name, file):
    file.write(b"half of")
    print(name.name, flush=True)
    time.sleep(60)
"""


def test_what_a_dead_writer_left_is_swept_and_what_a_living_one_writes_is_not(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as dead, subprocess.Popen(command, stdout=-1) as living:
        assert dead.stdout is not None
        assert living.stdout is not None
        names = [each.stdout.readline().decode().strip() for each in (dead, living)]
        dead.kill()
        dead.wait()
        assert litter_in(tmp_path) == sorted(names)
        write_atomically(tmp_path / "x.json", b"x")
        assert litter_in(tmp_path) == names[1:]
        living.kill()
        living.wait()
    write_atomically(tmp_path / "x.json", b"x")
    assert litter_in(tmp_path) == []


def test_files_of_the_user_are_not_swept(tmp_path: Path) -> None:
    kept = [".compgraph-notes.tmp", ".compgraph-a1b2c3d4.txt", "compgraph-a1b2c3d4.tmp", ".compgraph-a1b2c3d4.tmp.bak"]
    for name in kept:
        (tmp_path / name).write_bytes(b"mine")
    (tmp_path / "target").write_bytes(b"mine")
    (tmp_path / ".compgraph-00000000.tmp").symlink_to(tmp_path / "target")
    (tmp_path / ".compgraph-11111111.tmp").mkdir()
    write_atomically(tmp_path / "x.json", b"x")
    assert {path.name for path in tmp_path.iterdir()} == {
        *kept, "target", "x.json", ".compgraph-00000000.tmp", ".compgraph-11111111.tmp"
    }  # fmt: skip


def test_without_locks_age_tells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(litter, "LOCKS", False)
    young, aged = tmp_path / ".compgraph-aaaaaaaa.tmp", tmp_path / ".compgraph-bbbbbbbb.tmp"
    for path in (young, aged):
        path.write_bytes(b"half of")
    os.utime(aged, (time.time() - 7200,) * 2)
    write_atomically(tmp_path / "x.json", b"x")
    assert litter_in(tmp_path) == [young.name]
