"""Short, seeded versions of benchmarks/soak.py, and what it counts with."""

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from compgraph.errors import FileFormatError

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
pytestmark = pytest.mark.slow

# In a process of its own, where the checks of types that tests run with take the place of no refusal.
FUZZ = """
import json, sys, warnings
from dataclasses import asdict
from soak import fuzz
warnings.simplefilter("ignore")
print(json.dumps({name: {**asdict(counts), "tried": counts.tried} for name, counts in fuzz(30 / 60, seed=0).items()}))
"""


@pytest.fixture
def fuzzing(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    import fuzzing

    return fuzzing


def test_files_that_were_tampered_with_are_read_or_refused() -> None:
    run = subprocess.run([sys.executable, "-c", FUZZ], capture_output=True, text=True, check=True, cwd=BENCHMARKS)
    found = json.loads(run.stdout)
    assert len(found) >= 3
    assert all(each["tried"] > 5 for each in found.values())
    faults = {name: each["faults"] for name, each in found.items() if each["raw"]}
    assert not faults


def test_long_use_leaves_no_file_open_and_none_behind(monkeypatch) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)
    import soak

    monkeypatch.setattr(soak, "WARM_UP", 2)
    rows = dict(soak.soak(0))
    assert rows["rounds"] == "5"
    assert rows["files in the results that warm-up did not leave"] == "none"
    assert rows["temporaries after warm-up, at end"] == "0, 0"
    _, warm, end = map(int, rows["open files at start, after warm-up, at end"].split(", "))
    assert end <= warm


def test_mutations_are_decided_by_their_seed_and_change_the_file(fuzzing) -> None:
    import hostile
    import mutations

    for target in hostile.targets().values():
        for mutation in (*mutations.ANY, *target.own):
            runs = [[mutation(target.valid, random.Random(seed)) for seed in range(20)] for _ in range(2)]
            assert runs[0] == runs[1]
            assert sum(each != target.valid for each in runs[0]) > 10
            assert len(set(runs[0])) > 10


def test_what_has_a_checksum_is_never_read_as_something_else(fuzzing) -> None:
    import hostile

    for name, target in hostile.of_sums().items():
        if not target.behind_checksum:
            assert fuzzing.fuzz_file(target, seconds=2).other == 0, name


def test_every_outcome_is_counted(fuzzing) -> None:
    whole = b"whole"

    def reader(path):
        data = path.read_bytes()
        if len(data) < len(whole):
            raise FileFormatError("too short")
        if len(data) > len(whole):
            raise KeyError("a fault")
        return data

    counts = fuzzing.fuzz_file(fuzzing.Target(whole, ".raw", reader), seconds=0.5)
    assert min(counts.same, counts.other, counts.refused, counts.raw) > 0
    assert counts.tried == counts.same + counts.other + counts.refused + counts.raw
    assert len(counts.faults) == fuzzing.SHOWN
    assert "KeyError: 'a fault'" in counts.faults[0]
