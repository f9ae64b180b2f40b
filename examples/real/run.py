"""Run compgraph on real networks and real shapes, each in processes of its own, and write what it took and found.

``python examples/real/run.py`` runs all whose weights are here, names after it some; ``--out`` is the folder for
``real.json``, ``real.md`` and a page for each network. What was measured before of other networks and phases stays in
``real.json``. ``--twins`` also compares with untrained copies, ``--readme`` only puts the table of ``real.json`` into
README.md. ``measure.py`` says what seconds and peaks are.
"""

import argparse
import json
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from compgraph.connect import write_atomically
from real import NAMES
from real.measure import PHASES
from real.table import UNFINISHED, details, in_page, page, table

HERE = Path(__file__).parent


def phase_of(name: str, phase: str, asked: argparse.Namespace) -> dict[str, Any]:
    """Run one phase in a fresh process; return what it wrote, or how it ended."""
    with tempfile.TemporaryDirectory() as folder:
        to = Path(folder) / "result.json"
        command = [sys.executable, str(HERE / "measure.py"), name, phase, "--to", str(to)]
        command += ["--threads", str(asked.threads), "--memory", str(asked.memory)]
        command += ["--save", str(asked.out / name)] if phase == ("twins" if asked.twins else "analyze") else []
        command += ["--small"] if asked.small else []
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=asked.limit, check=False)  # noqa: S603  our own file
        except subprocess.TimeoutExpired:
            return {"result": {"stopped": f"not done after {asked.limit:g} s."}}
        if done.returncode == 0:
            written: dict[str, Any] = json.loads(to.read_bytes())
            return written
        last = done.stderr.strip().splitlines()[-1:] or ["it said nothing"]
        return {"result": {"stopped": f"the process ended with {done.returncode}: {last[0]}"}}


def measured(name: str, phases: Sequence[str], asked: argparse.Namespace) -> dict[str, Any]:
    """Run the phases of a network, unless something it needs is not here."""
    record: dict[str, Any] = {"name": name}
    for phase in phases:
        written = phase_of(name, phase, asked)
        if "missing" in written:
            return {"name": name, "missing": written["missing"]}
        record |= {"facts": written.get("facts", record.get("facts", {})), phase: written["result"]}
        print(f"{name}, {phase}: {_said(written['result'])}", flush=True)
    return record


def _said(result: Mapping[str, Any]) -> str:
    for end in UNFINISHED:
        if end in result:
            return f"{end}: {result[end]}"
    return f"{result['cpu']:.3g} processor seconds, {result['wall']:.3g} s, {result['peak']:,.0f} MiB"


def merged(before: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Add new records to those of earlier runs, phase by phase, in the order of `NAMES`."""
    found: dict[str, dict[str, Any]] = {each["name"]: dict(each) for each in before}
    for record in now:
        old = found.get(record["name"], {})
        if "missing" in record and "facts" in old:
            continue  # measured where its weights were
        found[record["name"]] = {key: value for key, value in old.items() if key != "missing"} | dict(record)
    return [found[name] for name in NAMES if name in found]


def about(asked: argparse.Namespace) -> str:
    """Say how it was measured."""
    return (
        f"torch {torch.__version__}, {platform.machine()}, {asked.threads} thread(s). Seconds are processor seconds; a "
        "peak is what a phase held above the model and its data."
    )


def keep(records: Sequence[Mapping[str, Any]], asked: argparse.Namespace) -> dict[str, Any]:
    """Write the record of all runs and the page of it."""
    run = {"about": about(asked), "networks": merged(_earlier(asked.out), records)}
    write_atomically(asked.out / "real.json", f"{json.dumps(run, indent=1)}\n".encode())
    write_atomically(asked.out / "real.md", page(run).encode())
    return run


def _earlier(folder: Path) -> list[dict[str, Any]]:
    path = folder / "real.json"
    networks: list[dict[str, Any]] = json.loads(path.read_bytes())["networks"] if path.exists() else []
    return networks


def renew_readme(folder: Path) -> None:
    """Put the table of the last run into README.md."""
    path = folder / "real.json"
    if not path.exists():
        raise SystemExit(f"no {path}; run the networks first, or give their folder with --out.")
    readme = HERE / "README.md"
    write_atomically(readme, in_page(readme.read_text(), json.loads(path.read_bytes())).encode())


def request(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"networks, of {', '.join(NAMES)}; by default all")
    parser.add_argument("--out", type=Path, default=Path("out/real"), metavar="FOLDER", help="where everything goes")
    parser.add_argument("--phases", nargs="+", choices=PHASES, default=list(PHASES[:3]), help="what is run of each")
    parser.add_argument("--twins", action="store_true", help="also compare with untrained copies")
    parser.add_argument("--readme", action="store_true", help="run nothing; put the last table into README.md")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="threads torch computes with")
    parser.add_argument("--limit", type=float, default=1800, metavar="SECONDS", help="after which a phase is stopped")
    parser.add_argument("--memory", type=float, default=0, metavar="GIB", help="address space of a phase; 0 is all")
    parser.add_argument("--small", action="store_true", help="small sizes, for trying")
    asked = parser.parse_args(arguments)
    if unknown := sorted(set(asked.names) - set(NAMES)):
        parser.error(f"no network {', '.join(unknown)}; there are {', '.join(NAMES)}.")
    if asked.twins and "twins" not in asked.phases:
        asked.phases.append("twins")
    asked.twins = "twins" in asked.phases
    return asked


def finished(asked: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield the record of each network, kept as soon as it is there."""
    for name in asked.names or NAMES:
        record = measured(name, asked.phases, asked)
        keep([record], asked)
        yield record


def main() -> None:
    """Measure, write, and print what was found."""
    asked = request()
    if asked.readme:
        renew_readme(asked.out)
        return
    records = []
    for record in finished(asked):
        print(details(record), flush=True)
        records.append(record)
    print(table(records))


if __name__ == "__main__":
    main()
