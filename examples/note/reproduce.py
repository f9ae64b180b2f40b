"""Repeat the note's experiments on many networks, and hold every number against the published one.

Run ``python examples/note/reproduce.py``; it trains 100 networks, runs every experiment on them and takes less
than ten minutes on two cores. Figures, ``note.md`` and ``note.json`` (the table, and the values of every network) go to
``figures/``, or to the folder after ``--out``. ``--networks 5`` is a quick look; ``--only 002 006`` repeats some and
leaves the table as it was.

Networks are dealt to as many processes as there are cores, ten at a time, and each process computes on one thread: the
numbers do not depend on how many there are.
"""

import argparse
import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import suppress
from functools import partial
from importlib.util import module_from_spec, spec_from_file_location
from multiprocessing import get_context
from pathlib import Path
from types import ModuleType
from typing import Any

from tqdm import tqdm

from compgraph.connect import write_atomically
from compgraph.toys import multiplications
from note.published import ERRORS, Result, on_one_thread, table

EXPERIMENTS = Path(__file__).parent / "experiments"
TOGETHER = 10  # networks that are trained and measured at a time: as many as experiments that limit themselves use
Found = dict[str, list[Any] | str]  # experiment to a record for each network, or to why there is none


def experiments(only: Sequence[str]) -> list[Path]:
    """Return the experiments, or those whose numbers are asked for."""
    paths = sorted(EXPERIMENTS.glob("[0-9][0-9][0-9]_*.py"))
    known = {path.name[:3] for path in paths}
    if unknown := sorted(set(only) - known):
        raise SystemExit(f"no experiment {', '.join(unknown)}; there are {', '.join(sorted(known))}.")
    return [path for path in paths if not only or path.name[:3] in only]


def load(path: Path) -> ModuleType:
    """Import an experiment, whose name starts with a digit, once in a process."""
    name = f"experiment_{path.stem}"
    if name not in sys.modules:
        spec = spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            raise ImportError(f"{path} is no file of Python code.")
        sys.modules[name] = module_from_spec(spec)
        try:
            spec.loader.exec_module(sys.modules[name])
        except BaseException:
            del sys.modules[name]  # half an experiment must not pass for one
            raise
    return sys.modules[name]


def attempt(path: Path, do: Callable[[ModuleType], list[Any]]) -> list[Any] | str:
    """Do something with an experiment; return what came of it, or say what failed."""
    try:
        return do(load(path))
    except Exception as error:  # noqa: BLE001  the others are to run all the same
        return f"{path.stem}: {type(error).__name__}: {error}".rstrip(": ")


def n_used(path: Path, seeds: range) -> int:
    """Return how many of some networks an experiment uses: none where it limits itself, or cannot be read."""
    most = attempt(path, lambda experiment: [getattr(experiment, "MOST", seeds.stop)])
    return 0 if isinstance(most, str) else min(len(seeds), max(0, most[0] - seeds.start))


def measure(paths: Sequence[Path], seeds: range) -> Found:
    """Train some networks, where any experiment uses them, and measure of them what is asked."""
    used = {path: n_used(path, seeds) for path in paths}

    def of_those_used(experiment: ModuleType, n: int) -> list[Any]:
        found: list[Any] = experiment.measure(toys[:n]) if n else []
        return found

    with on_one_thread():
        toys = multiplications(seeds) if any(used.values()) else ()
        return {path.stem: attempt(path, partial(of_those_used, n=n)) for path, n in used.items()}


def measured(paths: Sequence[Path], n_networks: int, n_processes: int) -> list[Found]:
    """Measure all networks, in order, by as many processes as are asked for, behind a progress bar."""
    parts = [range(start, min(start + TOGETHER, n_networks)) for start in range(0, n_networks, TOGETHER)]
    for path in paths:
        with suppress(Exception):  # said by `measure`
            load(path)  # records that other processes send are of the experiments' own kinds
    with tqdm(total=n_networks, desc="train and measure", unit="network") as bar:
        if n_processes == 1 or len(parts) == 1:
            return [_counted(bar, part, measure(paths, part)) for part in parts]
        # A fork would copy locks that threads hold.
        pool = ProcessPoolExecutor(min(n_processes, len(parts)), get_context("spawn"), _end_at_interrupt)
        try:
            running = {pool.submit(measure, paths, part): part for part in parts}
            for each in as_completed(running):
                _counted(bar, running[each], each.result())
            return [each.result() for each in running]
        finally:
            pool.shutdown(cancel_futures=True)


def _end_at_interrupt() -> None:
    """Let Ctrl-C end a process, which would else go on with the next part."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _counted(bar: tqdm, part: range, found: Found) -> Found:
    bar.update(len(part))
    return found


def report(paths: Sequence[Path], found: Sequence[Found], folder: Path) -> tuple[list[Result], list[str]]:
    """Draw every experiment and make its rows; return these, and what failed."""
    results: list[Result] = []
    failures: list[str] = []
    for path in paths:
        parts = [each[path.stem] for each in found]
        broken = [part for part in parts if isinstance(part, str)]
        records = [record for part in parts if not isinstance(part, str) for record in part]
        rows = broken[0] if broken else attempt(path, partial(_reported, records=records, folder=folder))
        if isinstance(rows, str):
            failures.append(rows)
        else:
            results += rows
    return results, failures


def _reported(experiment: ModuleType, records: list[Any], folder: Path) -> list[Result]:
    with on_one_thread():
        rows: list[Result] = experiment.report(records, folder)
        return rows


def keep(results: Sequence[Result], folder: Path) -> None:
    """Write the table for people and for programs."""
    judged = [result for result in results if result.within_error is not None]
    asked = [result for result in results if result.as_asked is not None]
    agreeing, near = (sum(bool(r.within_error) for r in judged), sum(bool(r.as_asked) for r in asked))
    head = (
        f"# The note's experiments\n\n{agreeing} of {len(judged)} published numbers are within {ERRORS:g} standard "
        f"errors of ours, and {near} of {len(asked)} as near as was asked. ± is the standard error over the n "
        "networks; that of a published mean is taken to be as large for as many networks.\n\n"
    )
    published = [result for result in results if result.published is not None]
    others = [result for result in results if result.published is None]
    text = f"{head}## Published numbers\n\n{table(published)}\n## What was not published\n\n{table(others)}"
    write_atomically(folder / "note.md", text.encode())
    text = json.dumps([result.record() for result in results], indent=0, allow_nan=False)
    write_atomically(folder / "note.json", f"{text}\n".encode())


def main() -> None:
    """Train, measure, write, and say what differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", type=int, default=100, metavar="N", help="networks to train")
    parser.add_argument("--only", nargs="+", default=[], metavar="NUMBER", help="experiments, such as 002 006")
    parser.add_argument("--out", type=Path, default=Path("figures"), metavar="FOLDER", help="where everything goes")
    parser.add_argument("--processes", type=int, default=os.cpu_count(), metavar="N", help="how many work side by side")
    asked = parser.parse_args()
    if min(asked.networks, asked.processes) < 1:
        parser.error(f"--networks {asked.networks} --processes {asked.processes}: at least 1 of both is needed.")
    try:
        asked.out.mkdir(parents=True, exist_ok=True)  # minutes later would be too late to hear of it
    except OSError as error:
        parser.error(f"--out {asked.out}: {error.strerror}; choose a folder that can be written.")
    paths = experiments(asked.only)
    found = measured(paths, asked.networks, asked.processes)
    results, failures = report(paths, found, asked.out)
    if not asked.only:  # a part must not take the place of the whole
        keep(results, asked.out)
    differing = [result for result in results if result.within_error is False or result.as_asked is False]
    print(table(differing if not asked.only else results))
    if failures:
        raise SystemExit("these experiments failed:\n" + "\n".join(failures))


if __name__ == "__main__":
    main()
