"""Files of a folder become new together: whatever fails or is killed, all are old or, once settled, all are new."""

import errno
import json
import logging
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from compgraph.errors import BadRequest, OutputError
from compgraph.storage import journal, replace_files, settle

NAMES = ("graph.json", "tasks.html", "figures/graph.png", "figures/flow.png", "flow.html", "summary.json")


def report(generation: int) -> dict[str, bytes]:
    """Make six files that say which generation they are of; of every second, one is missing."""
    names = [name for name in NAMES if name != "flow.html" or generation % 2 == 0]
    return {name: f"{generation} ".encode() * 500 for name in names}


def save(folder: Path, generation: int) -> None:
    replace_files(folder, report(generation), remove=["flow.html"], seal="summary.json")


def found(folder: Path) -> dict[str, bytes]:
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def test_files_are_replaced_and_others_are_left(tmp_path: Path) -> None:
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "mine.png").write_bytes(b"mine")
    (tmp_path / "notes.txt").write_bytes(b"mine")
    mine = found(tmp_path)
    save(tmp_path, 2)
    (tmp_path / "graph.json").chmod(0o640)
    assert found(tmp_path) == {**report(2), **mine}
    save(tmp_path, 3)
    assert found(tmp_path) == {**report(3), **mine}
    assert (tmp_path / "graph.json").stat().st_mode & 0o777 == 0o640


def test_home_and_folders_that_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert replace_files("~/new/out", {"seal": b"x"}, seal="seal") == tmp_path / "new" / "out"
    with pytest.raises(BadRequest, match="an empty text"):
        replace_files("", {"seal": b"x"}, seal="seal")
    with pytest.raises(OutputError, match=r"cannot write into .*seal/in'.*is a file and not a folder.*Choose|choose"):
        replace_files(tmp_path / "new" / "out" / "seal" / "in", {"seal": b"x"}, seal="seal")


@pytest.mark.parametrize("name", ["../out.json", "/etc/x", "figures/../../x", "."])
def test_names_that_lead_out_of_the_folder_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="leads out of the folder"):
        replace_files(tmp_path / "in", {name: b"x", "seal": b""}, seal="seal")
    assert list(tmp_path.iterdir()) == []


def test_links_inside_the_folder_stay_and_those_out_of_it_are_refused(tmp_path: Path) -> None:
    inside = tmp_path / "in"
    save(inside, 2)
    (inside / "graph.json").rename(inside / "real.json")
    (inside / "graph.json").symlink_to("real.json")
    save(inside, 4)
    assert (inside / "graph.json").is_symlink()
    assert (inside / "real.json").read_bytes() == report(4)["graph.json"]
    (inside / "graph.json").unlink()
    (tmp_path / "mine").write_bytes(b"mine")
    (inside / "graph.json").symlink_to(tmp_path / "mine")
    before = found(inside)
    with pytest.raises(OutputError, match="leads out of the folder; remove the link"):
        save(inside, 6)
    assert found(inside) == before


def fail_at(monkeypatch: pytest.MonkeyPatch, where: str, which: int, failure: BaseException) -> list[int]:
    """Let one call of many of a function of the system fail."""
    owner, name = (Path, where.removeprefix("Path.")) if where.startswith("Path.") else (os, where)
    kept, calls = getattr(owner, name), []

    def failing(*arguments, **options):
        calls.append(1)
        if len(calls) == which:
            raise failure
        return kept(*arguments, **options)

    monkeypatch.setattr(owner, name, failing)
    return calls


FAILURES = {"full": OSError(errno.ENOSPC, "No space left on device"), "ctrl-c": KeyboardInterrupt()}


@pytest.mark.parametrize(("failure", "fresh"), [("full", False), ("full", True), ("ctrl-c", False)])
@pytest.mark.parametrize("where", ["fsync", "Path.replace", "Path.chmod", "Path.unlink"])
def test_a_failure_anywhere_leaves_the_old_report_to_the_last_byte(
    where: str, failure: str, fresh: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = 0
    for which in range(1, 50):
        folder = tmp_path / f"{which}"
        if not fresh:
            save(folder, 2)
        before = found(folder)
        with monkeypatch.context() as patch:
            calls = fail_at(patch, where, which, FAILURES[failure])
            try:
                save(folder, 3)
            except (OutputError, KeyboardInterrupt):
                refused += 1
                # What was over when it failed may be new, as a whole.
                assert found(folder) in (before, report(3)) or where == "Path.unlink"
            else:
                assert {name: data for name, data in found(folder).items() if ".compgraph-" not in name} == report(3)
        if len(calls) < which:
            break
        save(folder, 4)
        assert found(folder) == report(4)
    assert refused > 0


KILLER = """
import json, os, random, signal, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from test_folder import save

rng = random.Random(int(sys.argv[2]))
for number in range(int(sys.argv[4])):
    folder = Path(sys.argv[1]) / str(number)
    save(folder, 0)
    child = os.fork()
    if child == 0:
        generation = 1
        while True:
            save(folder, generation)
            generation += 1
    time.sleep(rng.uniform(0, 0.05))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
"""


def generations(folder: Path) -> set[bytes]:
    return {data[:6].split()[0] for name, data in found(folder).items() if ".compgraph-" not in name}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")
def test_killed_at_any_moment_all_files_are_old_or_once_settled_new(tmp_path: Path) -> None:
    """50 kills, half of them settled by a reader and half by the next save."""
    here = str(Path(__file__).parent)
    command = [sys.executable, "-c", KILLER, str(tmp_path), "0", here, "50"]
    subprocess.run(command, check=True, timeout=120)
    counts = Counter()
    for number, folder in enumerate(sorted(tmp_path.iterdir())):
        state = generations(folder)
        broken = len(state) > 1
        counts["between" if broken or not (folder / "summary.json").exists() else "whole"] += 1
        if broken:
            # It says so by itself.
            assert not (folder / "summary.json").exists()
        if number % 2:
            settle(folder)
            (generation,) = generations(folder)
            assert found(folder) == report(int(generation)), folder
        else:
            save(folder, 7)
            assert found(folder) == report(7), folder
    assert counts["whole"] + counts["between"] == 50
    assert counts["between"] > 0  # else nothing was tried


def interrupted(folder: Path, *, moved: int) -> Path:
    """Make what a process leaves that is killed after some steps."""
    save(folder, 2)
    new = report(3)
    staging = folder / ".compgraph-abcdefgh.new"
    staging.mkdir()
    steps = [journal.Step("flow.html", 0, new=False, old=True)]
    steps += [journal.Step(name, number, new=True, old=True) for number, name in enumerate(new, start=1)]
    for step in steps[1:]:
        (staging / step.fresh).write_bytes(new[step.name])
    journal.begin(staging, steps)
    if moved:
        (folder / "summary.json").unlink()
    for step in steps[1 : 1 + moved]:
        (staging / step.fresh).replace(folder / step.name)
    return staging


@pytest.mark.parametrize("moved", range(6))
def test_an_interrupted_exchange_is_finished_from_every_step(moved: int, tmp_path: Path) -> None:
    interrupted(tmp_path, moved=moved)
    settle(tmp_path)
    assert found(tmp_path) == report(3)


def test_an_unfinished_staging_folder_is_swept_but_nothing_of_the_user_in_it(tmp_path: Path) -> None:
    save(tmp_path, 2)
    for name, inside in ((".compgraph-aaaaaaaa.new", "new-0"), (".compgraph-bbbbbbbb.new", "mine.txt")):
        (tmp_path / name).mkdir()
        (tmp_path / name / inside).write_bytes(b"x")
    settle(tmp_path)
    assert set(found(tmp_path)) - set(NAMES) == {".compgraph-bbbbbbbb.new/mine.txt"}


HOSTILE = {
    "out of the folder": [{"name": "../victim", "number": 1, "new": True, "old": True}],
    "an absolute path": [{"name": "OUTSIDE/victim", "number": 1, "new": True, "old": True}],
    "another type": [{"name": 1, "number": 1, "new": True, "old": True}],
    "another key": [{"name": "x", "number": 1, "new": True, "old": True, "more": 1}],
    "no steps": [],
    "no list": {"name": "x"},
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_journal_moves_nothing(case: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "in"
    staging = interrupted(folder, moved=0)
    (tmp_path / "victim").write_bytes(b"mine")
    (staging / "forward.json").write_text(json.dumps(HOSTILE[case]).replace("OUTSIDE", str(tmp_path)))
    before = found(tmp_path)
    with caplog.at_level(logging.WARNING, "compgraph"):
        settle(folder)
    assert found(tmp_path) == before
    assert len(caplog.records) == 1


def test_a_hostile_journal_does_not_follow_links_out(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    (tmp_path / "home").mkdir()
    staging = interrupted(folder, moved=0)
    (folder / "link").symlink_to(tmp_path / "home")
    steps = [{"name": "link/.bashrc", "number": 1, "new": True, "old": False}]
    (staging / "forward.json").write_text(json.dumps(steps))
    settle(folder)
    assert list((tmp_path / "home").iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")
def test_two_writers_take_turns(tmp_path: Path) -> None:
    children = []
    program = "import sys; sys.path.insert(0, sys.argv[2]); from test_folder import save; from pathlib import Path\n"
    program += "for _ in range(15): save(Path(sys.argv[1]), int(sys.argv[3]))"
    for generation in ("2", "4"):
        command = [sys.executable, "-c", program, str(tmp_path), str(Path(__file__).parent), generation]
        children.append(subprocess.Popen(command))
    assert [child.wait(60) for child in children] == [0, 0]
    (generation,) = generations(tmp_path)
    assert found(tmp_path) == report(int(generation))


def test_one_after_another_is_what_keeps_them_apart(tmp_path: Path) -> None:
    """The broken twin: files that are written one by one are of two reports when the writer dies in between."""
    save(tmp_path, 2)
    for name in list(report(4))[:3]:
        (tmp_path / name).write_bytes(report(4)[name])
    assert generations(tmp_path) == {b"2", b"4"}
    settle(tmp_path)
    assert generations(tmp_path) == {b"2", b"4"}
