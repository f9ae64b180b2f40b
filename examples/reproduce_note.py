"""Repeat the note's experiments on many networks, and hold every number against the published one.

Run ``python examples/reproduce_note.py``; it trains 100 networks once, runs every numbered example on them and takes
less than ten minutes. Figures, ``note.md`` and ``note.json`` (the table, and the values of every network) go to
``figures/``. ``--networks 5`` is a quick look; ``--only 002 006`` repeats some and leaves the table as it was.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from tqdm import tqdm

from compgraph.connect import write_atomically
from published import ERRORS, Result, networks, table

HERE = Path(__file__).parent


def experiments(only: Sequence[str]) -> list[Path]:
    """Return the numbered examples, or those whose numbers are asked for."""
    paths = sorted(HERE.glob("[0-9][0-9][0-9]_*.py"))
    known = {path.name[:3] for path in paths}
    if unknown := sorted(set(only) - known):
        raise SystemExit(f"no experiment {', '.join(unknown)}; there are {', '.join(sorted(known))}.")
    return [path for path in paths if not only or path.name[:3] in only]


def load(path: Path) -> ModuleType:
    """Import an example, whose name starts with a digit."""
    spec = spec_from_file_location(f"experiment_{path.stem}", path)
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


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


def failed(path: Path, error: Exception) -> str:
    """Say which experiment did not come to its end, and why."""
    return f"{path.stem}: {type(error).__name__}: {error}".rstrip(": ")


def main() -> None:
    """Train, measure, write, and say what differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", type=int, default=100, metavar="N", help="networks to train")
    parser.add_argument("--only", nargs="+", default=[], metavar="NUMBER", help="experiments, such as 002 006")
    parser.add_argument("--out", type=Path, default=Path("figures"), metavar="FOLDER", help="where everything goes")
    asked = parser.parse_args()
    paths = experiments(asked.only)
    results: list[Result] = []
    failures: list[str] = []
    with tqdm(total=len(paths) + 1, desc=f"train {asked.networks} networks", unit="step") as bar:
        toys = networks(asked.networks)
        bar.update()
        for path in paths:
            bar.set_description(path.stem)
            try:
                results += load(path).run(toys, asked.out)
            except Exception as error:  # noqa: BLE001  the others are to run all the same
                failures.append(failed(path, error))
            bar.update()
    if not asked.only:  # a part must not take the place of the whole
        keep(results, asked.out)
    differing = [result for result in results if result.within_error is False or result.as_asked is False]
    print(table(differing if not asked.only else results))
    if failures:
        raise SystemExit("these experiments failed:\n" + "\n".join(failures))


if __name__ == "__main__":
    main()
