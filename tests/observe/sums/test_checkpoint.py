"""A pass that is interrupted goes on from its file to the very bits of one that was not, and from nothing else."""

import errno
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import compgraph as cg
from compgraph.errors import CompgraphError, FileFormatError, ForeignRecord, OutputError
from compgraph.observe.budget import Budget
from compgraph.observe.readings import readings
from compgraph.observe.request import wished
from compgraph.observe.sums import checkpoint as checkpoints
from compgraph.observe.sums.checkpoint import Checkpoint
from compgraph.statistics import Statistics
from compgraph.storage import seal, unseal
from fixtures.kinds_of_passes import KINDS, Kind, difference, rows

KIND = "compgraph-checkpoint/1"
BATCH = 8


@pytest.fixture(autouse=True)
def _small_blocks_and_a_file_after_each_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Budget, "rows_at_once", lambda *_: 16)
    monkeypatch.setattr(checkpoints, "SHARE", 0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "pass.checkpoint"


def interrupted(path: Path, after: int, run: Callable[[], Any]) -> None:
    """Run until so many files were written."""
    write, written = Checkpoint.write, []

    def once(self: Checkpoint, *args: Any) -> None:
        write(self, *args)
        written.append(1)
        if len(written) == after:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Checkpoint, "write", once)
        with pytest.raises(KeyboardInterrupt):
            run()
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def collected(kind: Kind, path: Path | None, model: nn.Module | None = None, **options: Any) -> Statistics:
    options = {"batch_size": BATCH, **kind.options, **options}
    return cg.collect(model or kind.network(), kind.data, checkpoint=path, **options)


@pytest.mark.parametrize("name", [name for name in KINDS if name not in ("glob", "names", "functions")])
def test_what_goes_on_is_as_if_nothing_had_interrupted_it(name: str, path: Path) -> None:
    kind = KINDS[name]
    whole = collected(kind, None)
    for after in (1, 4) if name in ("mlp", "pruned") else (2,):
        interrupted(path, after, lambda: collected(kind, path))
        found = collected(kind, path)
        assert difference(found, whole) == ""
        assert found.to_bytes(keep_inputs=True) == whole.to_bytes(keep_inputs=True)
        assert not path.exists()


@pytest.mark.parametrize("after", [1, 2, 3, 4])
def test_no_row_runs_twice(after: int, path: Path) -> None:
    kind, ran = KINDS["mlp"], []
    model = kind.network()
    model.register_forward_pre_hook(lambda _, args: ran.append(len(args[0])))

    def rows_of(run: Callable[[], Any]) -> int:
        """Count the rows that the model ran on, among them those looked at before and after the pass."""
        ran.clear()
        run()
        return sum(ran)

    all_rows = rows_of(lambda: collected(kind, None, model))
    interrupted(path, after, lambda: collected(kind, path, model))
    assert rows_of(lambda: collected(kind, path, model)) == all_rows + BATCH - after * BATCH


def test_interrupted_again_and_again(path: Path) -> None:
    kind = KINDS["maps"]
    for _ in range(3):
        interrupted(path, 1, lambda: collected(kind, path))
    assert difference(collected(kind, path), collected(kind, None)) == ""


def test_a_generator_that_breaks_off(path: Path) -> None:
    model, data = KINDS["mlp"].network(), list(rows(90, 6).split(9))

    def broken(n: int) -> Iterator[Tensor]:
        yield from data[:n]
        raise KeyboardInterrupt

    whole = cg.collect(model, data)
    for n in (3, 7):
        with pytest.raises(KeyboardInterrupt):
            cg.collect(model, broken(n), checkpoint=path)
    assert difference(cg.collect(model, iter(data), checkpoint=path), whole) == ""


def test_two_readings_go_on_together(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Budget, "rows_at_once", lambda *_: 512)
    kind = KINDS["maps"]
    data = rows(220, 2, 5, 5)
    model, ways = kind.network(), ["position", "sample"]

    def run(checkpoint: Path | None) -> tuple[Statistics, ...]:
        return readings(model, data, wished(checkpoint=checkpoint, batch_size=40), ways)

    whole = run(None)
    assert len(whole) == 2
    interrupted(path, 3, lambda: run(path))
    for mine, theirs in zip(run(path), whole, strict=True):
        assert difference(mine, theirs) == ""


@pytest.mark.parametrize("batch_size", [7, 40])
@pytest.mark.parametrize("name", ["mlp", "nested"])
def test_batches_of_another_size_give_the_same_up_to_rounding(name: str, batch_size: int, path: Path) -> None:
    kind = KINDS[name]
    whole = collected(kind, None)
    interrupted(path, 3, lambda: collected(kind, path))
    found = collected(kind, path, batch_size=batch_size)
    assert found.pairs == whole.pairs
    for pair in whole.pairs:
        assert found.moments[pair].n == whole.moments[pair].n
        np.testing.assert_allclose(found.moments[pair].xy, whole.moments[pair].xy, atol=1e-5)
        np.testing.assert_allclose(found.moments[pair].mean_y, whole.moments[pair].mean_y, atol=1e-6)
        np.testing.assert_array_equal(found.samples[pair].ids, whole.samples[pair].ids)


# What is refused


def reversed_rows() -> Tensor:
    return KINDS["mlp"].data.flip(0)


def one_other_number() -> Tensor:
    data = KINDS["mlp"].data.clone()
    data[2, 1] += 1e-6
    return data


def changed() -> nn.Module:
    model = KINDS["mlp"].network()
    with torch.no_grad():
        model[2].weight[0, 0] += 1e-6
    return model


@pytest.mark.parametrize(
    ("data", "model", "options", "message"),
    [
        (reversed_rows, None, {}, r"first 24 samples are not those .*\(argument 'input'\)"),
        (one_other_number, None, {}, "first 24 samples are not those"),
        (KINDS["mlp"].data.double, None, {}, ""),
        (lambda: KINDS["mlp"].data[:20], None, {}, "data ended before the 24 samples"),
        (None, changed, {}, "another pass: model.2.weight was '"),
        (None, lambda: KINDS["mlp"].network().double(), {}, "another pass: model.0.weight was '"),
        (None, None, {"seed": 1}, "another pass: options.seed was 0 and is 1"),
        (None, None, {"sample": 3}, "another pass: options.sample was 1024 and is 3"),
        (None, None, {"layers": ["2"]}, "another pass: "),
        (None, None, {"first_row": 5}, "another pass: first_row was 0 and is 5"),
        (None, None, {"precision": "float64"}, "another pass: options.precision was 'auto' and is 'float64'"),
    ],
)
def test_another_pass_is_refused(data: Any, model: Any, options: dict, message: str, path: Path) -> None:
    kind = KINDS["mlp"]
    interrupted(path, 3, lambda: collected(kind, path))
    before = path.read_bytes()
    other = Kind(kind.model, data() if data else kind.data)
    if not message:  # cast to the precision of the model, and so the same
        assert difference(replaced_notes(collected(other, path)), replaced_notes(collected(kind, None))) == ""
        return
    with pytest.raises(ForeignRecord, match=message):
        collected(other, path, model() if model else None, **options)
    assert path.read_bytes() == before
    assert difference(collected(kind, path), collected(kind, None)) == ""


def replaced_notes(stats: Statistics) -> Statistics:
    return replace(stats, notes=())


def test_rows_of_other_numbers_are_refused(path: Path) -> None:
    kind = KINDS["ids"]
    interrupted(path, 2, lambda: collected(kind, path))
    with pytest.raises(ForeignRecord, match=r"first 16 samples are not those.*their numbers"):
        collected(kind, path, row_ids=list(range(500, 500 + len(kind.data))))


def test_no_damaged_file_is_gone_on_from(path: Path) -> None:
    kind = KINDS["mlp"]
    interrupted(path, 3, lambda: collected(kind, path))
    good, refused, right = path.read_bytes(), 0, 0
    made_of = unseal(good, KIND)[0]["made_of"]
    for bit in np.random.default_rng(0).choice(8 * len(good), size=200, replace=False).tolist():
        damaged = bytearray(good)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        try:
            right += seal(KIND, *Checkpoint(path, made_of)._earlier) == good
        except FileFormatError as error:
            refused += "Delete it to start anew" in str(error)
    assert refused + right == 200
    assert refused > 190


@pytest.mark.parametrize(
    "content", [b"", b"some text", seal("other/1", {}, {}), seal(KIND, {}, {}), seal(KIND, {"n": 1}, {})]
)
def test_files_of_other_kinds_are_refused_and_left(content: bytes, path: Path) -> None:
    path.write_bytes(content)
    with pytest.raises(FileFormatError, match=r"cannot go on from the checkpoint.*Delete it to start anew"):
        collected(KINDS["mlp"], path)
    assert path.read_bytes() == content


def test_sealed_nonsense_is_refused_on_purpose(path: Path) -> None:
    kind = KINDS["mlp"]
    interrupted(path, 3, lambda: collected(kind, path))
    facts, arrays = unseal(path.read_bytes(), KIND)
    for change in (
        {"n": -4}, {"n": "x"}, {"n": None}, {"n": 10**30}, {"seen": {}}, {"seen": 3}, {"gatherers": []},
        {"gatherers": None}, {"gatherers": [{}]}, {"made_of": {}}, {"made_of": None},
        {"gatherers": [facts["gatherers"][0] | {"columns": []}]},
        {"gatherers": [facts["gatherers"][0] | {"handed_on": 3}]},
        {"gatherers": [facts["gatherers"][0] | {"products": [[[0, []], [99, []]]]}]},
    ):  # fmt: skip
        path.write_bytes(seal(KIND, {**facts, **change}, arrays))
        with pytest.raises(CompgraphError):
            collected(kind, path)
    for name in arrays:
        path.write_bytes(seal(KIND, facts, {**arrays, name: np.ones((2, 77))}))
        with pytest.raises(CompgraphError):
            collected(kind, path)


def test_an_error_leaves_the_file_alone(path: Path) -> None:
    data = rows(40, 6)
    data[37, 2] = float("nan")
    for _ in range(2):
        with pytest.raises(CompgraphError, match="NaN"):
            cg.collect(KINDS["mlp"].network(), data, batch_size=8, checkpoint=path)
        assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_a_full_disk_keeps_the_file_before(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = KINDS["mlp"]
    interrupted(path, 2, lambda: collected(kind, path))
    before = path.read_bytes()

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OutputError, match="No space left"):
            collected(kind, path)
    assert path.read_bytes() == before
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    assert difference(collected(kind, path), collected(kind, None)) == ""


# Processes that are killed

KILLED = """
import os, random, signal, sys, time, torch, compgraph as cg
from pathlib import Path
from compgraph.observe.sums import checkpoint
from compgraph.statistics import Statistics
from compgraph.storage import unseal
from fixtures.kinds_of_passes import KINDS, rows
checkpoint.SHARE = 0
folder, draw = Path(sys.argv[1]), random.Random(3)
model, data = KINDS["mlp"].network(), rows(20_000, 6)
file, result = folder / "checkpoint", folder / "result"
def batches():
    for batch in data.split(250):
        time.sleep(0.002)
        yield batch
cg.collect(model, data[:500])
whole = cg.collect(model, batches()).to_bytes(keep_inputs=True)
kills, places = 0, []
while not result.exists():
    child = os.fork()
    if not child:
        cg.collect(model, batches(), checkpoint=file).save(result, keep_inputs=True)
        os._exit(0)
    if kills < 20:
        time.sleep(draw.uniform(0.02, 0.35))
        os.kill(child, signal.SIGKILL)
        kills += os.waitpid(child, 0)[1] == signal.SIGKILL
        if file.exists():
            places.append(unseal(file.read_bytes(), "compgraph-checkpoint/1")[0]["n"])
        if result.exists() and kills < 20:
            assert result.read_bytes() == whole
            result.unlink()
    else:
        os.waitpid(child, 0)
print(kills, len(set(places)), sorted(each.name for each in folder.iterdir()), result.read_bytes() == whole)
"""


@pytest.mark.slow
def test_twenty_kills_change_no_bit(tmp_path: Path) -> None:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])}
    run = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], env=env, capture_output=True, check=False)
    said = run.stdout.decode().strip()  # kills, places in the data, files that are left, whether the bytes are the same
    assert said.startswith("20 "), run.stderr.decode()
    assert int(said.split()[1]) > 3, "they were killed at few places"
    assert said.endswith("['result'] True")
