"""Processes that exchange bytes: what each gets, and what the others say when one of them is lost."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch.distributed as dist

from compgraph.errors import BadRequest
from compgraph.observe.ranks.exchange import Ranks

SCRIPT = Path(__file__).with_name("scenarios.py")
WHOLE = ["<0><1><2>", [9_000_000, 0, 2], 0, True, [0.0]]
DIED = "rank {} died: its connection closed without a word. None of the others can go on; see what that rank printed"

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the script forks its ranks")


@pytest.fixture(scope="module")
def seen() -> dict[str, list[Any]]:
    """What every rank of every scenario saw."""
    done = subprocess.run([sys.executable, SCRIPT], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return json.loads(done.stdout)


def told(ranks: list[Any]) -> set[str]:
    assert {each["raised"] for each in ranks} == {"RankLost"}
    return {each["text"] for each in ranks}


def test_all_ranks_get_the_same(seen) -> None:
    assert [each["gave"] for each in seen["normal"]] == [WHOLE] * 3
    assert [each["gave"] for each in seen["two"]] == [["<0><1>", [6_000_000, 0, 1], 0, True, [0.0]]] * 2
    assert seen["alone"][0]["gave"][0] == "<0>"


def test_an_analysis_is_the_same_whoever_draws_which_null(seen) -> None:
    (alone,) = seen["analysis_alone"]
    assert [len(each) for each in alone["gave"][2:]] == [5, 19]
    assert [each["gave"] for each in seen["analysis"]] == [alone["gave"]] * 2


@pytest.mark.parametrize(
    ("scenario", "lost"), [("killed_one", 1), ("killed_zero", 0), ("killed_while_another_works", 2)]
)
def test_a_rank_that_dies_is_named_by_the_others_at_once(seen, scenario, lost) -> None:
    ranks = seen[scenario]
    assert ranks.pop(lost) is None
    (text,) = told(ranks)
    assert text.startswith(DIED.format(lost))
    assert max(each["seconds"] for each in ranks) < 2.9


@pytest.mark.parametrize(
    ("scenario", "rank", "own", "text"),
    [
        ("raising", 2, "ValueError", "rank 2 failed (ValueError: no luck). None of the others can go on"),
        ("raising_in_a_piece", 1, "ZeroDivisionError", "rank 1 failed (ZeroDivisionError: division by zero)."),
        ("raising_in_the_merge", 0, "ValueError", "rank 0 failed (ValueError: parts overlap)."),
        ("raising_at_the_end", 0, "OSError", "rank 0 failed (OSError: disk full)."),
        ("interrupted", 1, "KeyboardInterrupt", "rank 1 failed (KeyboardInterrupt)."),
    ],
)
def test_a_rank_that_raises_keeps_its_error_and_the_others_quote_it(seen, scenario, rank, own, text) -> None:
    ranks = seen[scenario]
    mine = ranks.pop(rank)
    assert mine["raised"] == own
    (said,) = told(ranks)
    assert said.startswith(text)
    assert mine["seconds"] < 2.9


def test_ranks_that_make_other_calls_are_told(seen) -> None:
    (text,) = told(seen["astray"])
    assert text.startswith("rank 2 is at '4 pieces of work (exchange 2)' and rank 0 at '3 pieces of work (exchange 2)'")


def test_a_silent_rank_is_waited_for_as_long_as_the_timeout_says(seen) -> None:
    zero, one, two = seen["silent"]
    assert one is None
    (text,) = told([zero, two])
    assert text.startswith("no word from rank 1 within 3 s: it hangs, or its part takes longer;")
    assert max(zero["seconds"], two["seconds"]) < 4.5
    assert min(zero["seconds"], two["seconds"]) > 2.5


@pytest.fixture
def group(tmp_path) -> Iterator[dist.ProcessGroup]:
    dist.init_process_group("gloo", init_method=f"file://{tmp_path}/meet", rank=0, world_size=1)
    yield dist.group.WORLD
    dist.destroy_process_group()


def test_what_is_no_group_is_refused(group) -> None:
    with pytest.raises(BadRequest, match=r"process_group is None; needed is a group .*init_process_group"):
        Ranks.of(None)
    for timeout in (0.0, -1.0, float("nan")):
        with pytest.raises(BadRequest, match="a number of seconds above 0"):
            Ranks.of(group, timeout=timeout)


def test_the_timeout_is_that_of_the_group(group) -> None:
    with Ranks.of(group) as ranks:
        assert ranks.timeout == 1800
        assert (ranks.rank, ranks.size) == (0, 1)
        assert Ranks.of(ranks) is ranks
        assert ranks.gathered(b"mine", lambda parts: parts[0] * 2) == b"minemine"
