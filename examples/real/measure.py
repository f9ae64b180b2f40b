"""One phase of one network, in a process of its own: seconds, peak memory and what was found, as JSON.

Called by ``run.py`` as ``python measure.py NAME PHASE --to FILE``. Phases are

``forward``
    the model over the data without gradients, in the batches an analysis uses; then the checks, outside the clock;
``collect``
    ``compgraph.collect(model, data)``;
``analyze``
    ``compgraph.analyze(model, data, n_twins=0)``, saved afterwards, outside the clock;
``twins``
    ``compgraph.analyze(model, data)``, the same with untrained copies.

**What is measured.** Before the clock starts, compgraph and the libraries it needs are imported, the network and its
data are built, and one batch is run forward, so that what torch allocates once is there. *Seconds* are processor
seconds of this process, all threads added, beside those on the clock. *Peak* is the largest resident size from then on
(VmHWM, set back through /proc/self/clear_refs) less the resident size then (VmRSS), in MiB: what the phase held above
the model, the data and what the first batch left with the allocator. Where there is no /proc it is ``ru_maxrss`` less
its value at the start, which cannot be set back and so misses what stays below the peak of building the network.
"""

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from compgraph import Analysis, CompgraphError, Statistics, analyze, collect
from real.case import Case, Missing, load

PHASES = ("forward", "collect", "analyze", "twins")
HEAD = 30  # lines of the summary that are kept
LONGEST_REFUSAL = 600  # characters


@dataclass(frozen=True)
class Cost:
    """What a phase took."""

    cpu: float
    wall: float
    peak: float


def forward(case: Case) -> None:
    """Run the model over the data."""
    with torch.no_grad():
        for batch in case.batches():
            case.run(batch)


def metered(do: Callable[[], Any]) -> tuple[Any, Cost]:
    """Do something; return what came of it and what it took."""
    start = _settled()
    cpu, wall = time.process_time(), time.perf_counter()
    result = do()
    return result, Cost(time.process_time() - cpu, time.perf_counter() - wall, max(0.0, _memory("VmHWM") - start))


def _settled() -> float:
    """Set the peak back to what is resident, and return that in MiB."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:  # no Linux, or no right to: peaks then only grow
        return _memory("VmHWM")
    return _memory("VmRSS")


def _memory(which: str) -> float:
    """Return a size of this process in MiB."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        unit = 2**20 if sys.platform == "darwin" else 2**10
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
    return next(float(line.split()[1]) for line in lines if line.startswith(f"{which}:")) / 1024


def run_phase(case: Case, phase: str, folder: Path | None) -> dict[str, Any]:
    """Run a phase of a network that is ready; return its cost and what it found, or why it was refused."""
    settings: dict[str, Any] = {"batch_size": case.batch_size, "progress": False}
    twins: dict[str, Any] = {} if phase == "twins" else {"n_twins": 0}
    work: Callable[[], Any] = {
        "forward": lambda: forward(case),
        "collect": lambda: collect(case.model, case.data, **settings),
        "analyze": lambda: analyze(case.model, case.data, **twins, **settings),
    }["analyze" if phase == "twins" else phase]
    with torch.no_grad():
        case.run(next(case.batches()))
    try:
        result, cost = metered(work)
    except CompgraphError as error:  # a refusal is a finding; anything else ends the process, which run.py records
        return {"refused": f"{type(error).__name__}: {error}"[:LONGEST_REFUSAL]}
    found = {"cpu": cost.cpu, "wall": cost.wall, "peak": cost.peak}
    if phase == "forward":
        return {**found, "checks": dict(case.check())}
    if phase == "collect":
        return {**found, **_sites(result)}
    return {**found, **_found(result), **_saved(result, folder)}


def _sites(stats: Statistics) -> dict[str, Any]:
    return {"sites": list(stats.layers), "rows": max(each.n for each in stats.moments.values())}


def _found(analysis: Analysis) -> dict[str, Any]:
    groups = analysis.found
    return {
        **_sites(analysis.stats),
        "outputs": list(analysis.outputs),
        "nodes": len(analysis.graph),
        "groups": groups.n_groups,
        "trusted": analysis.groups.n_groups,
        "p_value": groups.p_value,
        "stability": groups.stability,
        "summary": str(analysis).splitlines()[:HEAD],
    }


def _saved(analysis: Analysis, folder: Path | None) -> dict[str, Any]:
    if folder is None:
        return {}
    try:
        return {"saved": str(analysis.save(folder))}
    except CompgraphError as error:  # numbers are worth keeping without their page
        return {"not_saved": f"{type(error).__name__}: {error}"[:LONGEST_REFUSAL]}


def facts(case: Case) -> dict[str, Any]:
    """Return what is known before anything runs."""
    return {"about": case.about, "parameters": case.n_parameters, "inputs": case.n_inputs}


def main() -> None:
    """Measure, and write the result as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name")
    parser.add_argument("phase", choices=PHASES)
    parser.add_argument("--to", type=Path, required=True, metavar="FILE", help="where the JSON goes")
    parser.add_argument("--save", type=Path, metavar="FOLDER", help="where an analysis goes")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="threads torch computes with")
    parser.add_argument("--memory", type=float, default=0, metavar="GIB", help="address space allowed; 0 is all")
    parser.add_argument("--small", action="store_true", help="small sizes, for trying")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    if asked.memory:
        limit = int(asked.memory * 2**30)
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    try:
        case = load(asked.name, small=asked.small)
    except Missing as error:
        result: dict[str, Any] = {"missing": str(error)}
    else:
        result = {"facts": facts(case), "result": run_phase(case, asked.phase, asked.save)}
    asked.to.write_text(json.dumps(result))


if __name__ == "__main__":
    main()
