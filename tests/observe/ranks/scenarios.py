"""Processes that work together, and what goes wrong with them: run as a script, which prints what each rank saw.

The script imports torch once and forks every rank of every scenario.
"""

import json
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import nn

from compgraph.observe import collect
from compgraph.observe.ranks.exchange import Ranks
from compgraph.pipeline import analyze

PATIENCE = 3.0  # seconds that a silent rank is waited for


def joined(parts: Any) -> bytes:
    return b"".join(parts)


def normal(ranks: Ranks) -> Any:
    words = ranks.gathered(f"<{ranks.rank}>".encode(), joined)
    large = ranks.gathered(bytes([ranks.rank]) * 3_000_000, lambda parts: bytes(map(len, parts[:0])) + joined(parts))
    empty = ranks.gathered(b"", joined)
    with Ranks.of(ranks) as same:
        dealt = same.deal(lambda numbers: [number / 7 for number in numbers], range(10))
    few = ranks.deal(lambda numbers: [-number for number in numbers], range(1))
    return words.decode(), [len(large), large[0], large[-1]], len(empty), dealt == [i / 7 for i in range(10)], few


def analysis(ranks: Ranks) -> Any:
    torch.manual_seed(0)
    first, last = nn.Linear(4, 6), nn.Linear(6, 2)
    with torch.no_grad():
        first.weight.abs_().mul_(4 * torch.block_diag(torch.ones(3, 2), torch.ones(3, 2)))
        last.weight.abs_().mul_(torch.block_diag(torch.ones(1, 3), torch.ones(1, 3)))
    stats = collect(nn.Sequential(first, nn.Tanh(), last), torch.randn(200, 4))
    found = analyze(stats, n_null=19, n_twins=5, process_group=ranks)
    return [found.groups.n_groups, found.found.p_value, *([*each.by_chance] for each in found.tests)]


def killed_one(ranks: Ranks) -> Any:
    if ranks.rank == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return ranks.gathered(b"x", joined).decode()


def killed_zero(ranks: Ranks) -> Any:
    if ranks.rank == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return ranks.gathered(b"x", joined).decode()


def killed_while_another_works(ranks: Ranks) -> Any:
    if ranks.rank == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    if ranks.rank == 1:
        time.sleep(1)
    return ranks.gathered(b"x" * 3_000_000, joined).decode()


def raising(ranks: Ranks) -> Any:
    if ranks.rank == 2:
        raise ValueError("no\nluck")
    return ranks.gathered(b"x", joined).decode()


def raising_in_a_piece(ranks: Ranks) -> Any:
    def work(numbers: Sequence[int]) -> list[float]:
        return [1 / (number - 4) for number in numbers]

    return ranks.deal(work, range(6))


def raising_in_the_merge(ranks: Ranks) -> Any:
    def merge(_parts: Any) -> bytes:
        raise ValueError("parts overlap")

    return ranks.gathered(b"x", merge).decode()


def raising_at_the_end(ranks: Ranks) -> Any:
    said = ranks.gathered(b"x", joined).decode()
    if ranks.rank == 0:
        raise OSError("disk full")
    return said


def astray(ranks: Ranks) -> Any:
    return ranks.deal(lambda numbers: [*map(float, numbers)], range(3 + (ranks.rank == 2)))


def silent(ranks: Ranks) -> Any:
    if ranks.rank == 1:
        os.kill(os.getpid(), signal.SIGSTOP)
    return ranks.gathered(b"x", joined).decode()


def interrupted(ranks: Ranks) -> Any:
    if ranks.rank == 1:
        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()
    if ranks.rank == 2:
        time.sleep(1.5)
    return ranks.gathered(b"x", joined).decode()


SCENARIOS: dict[str, tuple[Callable[[Ranks], Any], int]] = {
    "two": (normal, 2),
    "alone": (normal, 1),
    "analysis": (analysis, 2),
    "analysis_alone": (analysis, 1),
    **{
        each.__name__: (each, 3)
        for each in (
            *(normal, killed_one, killed_zero, killed_while_another_works, raising, raising_in_a_piece),
            *(raising_in_the_merge, raising_at_the_end, astray, silent, interrupted),
        )
    },
}


def rank_of(scenario: str, rank: int, folder: Path) -> int:
    """Be one rank, and leave what was seen in a file."""
    work, size = SCENARIOS[scenario]
    dist.init_process_group("gloo", init_method=f"file://{folder}/{scenario}", rank=rank, world_size=size)
    began = time.monotonic()
    try:
        with Ranks.of(dist.group.WORLD, timeout=PATIENCE) as ranks:
            began = time.monotonic()
            seen = {"gave": work(ranks)}
    except BaseException as error:  # noqa: BLE001  what it was is the result
        seen = {"raised": type(error).__name__, "text": str(error)}
    seen["seconds"] = time.monotonic() - began
    (folder / f"{scenario}.{rank}.json").write_text(json.dumps(seen))
    dist.destroy_process_group()
    return 0 if "gave" in seen else 1


def forked(scenario: str, rank: int, folder: Path) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        code = rank_of(scenario, rank, folder)
    except BaseException:  # noqa: BLE001  the fork must not go on as its parent
        sys.excepthook(*sys.exc_info())
        code = 3
    sys.stdout.flush()
    os._exit(code)


def start(scenario: str, folder: Path) -> list[int]:
    return [forked(scenario, rank, folder) for rank in range(SCENARIOS[scenario][1])]


def result(scenario: str, pids: list[int], folder: Path) -> list[Any]:
    """Wait for the ranks of a scenario; return what each saw, None for those that did not live to tell."""
    left, end = set(pids), time.monotonic() + 30
    stopped = {pids[1]} if scenario == "silent" else set()
    while left - stopped and time.monotonic() < end:
        left -= {pid for pid in left if os.waitpid(pid, os.WNOHANG)[0]}
        time.sleep(0.01)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    files = [folder / f"{scenario}.{rank}.json" for rank in range(len(pids))]
    return [json.loads(file.read_text()) if file.exists() else None for file in files]


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which a process in the background may have ignored
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        waiting = start("silent", folder)  # which is long, and does nothing
        found = {each: result(each, start(each, folder), folder) for each in SCENARIOS if each != "silent"}
        sys.stdout.write(json.dumps(found | {"silent": result("silent", waiting, folder)}))
