"""How often each recipe finds the known tasks, on seeds that were not used to choose the recipe.

Run ``python benchmarks/recovery.py``; ``--quick`` takes two seeds of each network. The default recipe was chosen on
multiplication seeds 0-9 and digit-pair seeds 0-1. The controls are the same networks after one training step: they
have no tasks yet, so every reliable grouping of them is a false discovery.
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from compgraph import agreement, analyze, task_profile
from compgraph.connect import write_atomically
from compgraph.demo import RECIPES
from compgraph.toys import Toy, digit_pairs, multiplication

FAMILIES = {
    "multiplication": (multiplication, range(100, 120)),
    "digit pairs, ReLU": (digit_pairs, range(100, 105)),
    "digit pairs, GELU": (partial(digit_pairs, activation="gelu"), range(100, 105)),
    "control: multiplication, 1 step": (partial(multiplication, epochs=1), range(100, 120)),
}
RESULTS = Path(__file__).parent / "results" / "recovery.json"


def main() -> None:
    """Measure every family and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two seeds of each network")
    parser.add_argument("--json", type=Path, default=RESULTS, help="where the rows are written")
    options = parser.parse_args()
    rows = []
    for family, (make, seeds) in FAMILIES.items():
        for seed in list(seeds)[: 2 if options.quick else None]:
            rows.extend({"family": family, "seed": seed, **row} for row in measure(make(seed=seed)))
        print(f"{family}: done", flush=True)
    write_atomically(options.json, json.dumps(rows, indent=1).encode())
    print(table(rows))


def measure(toy: Toy) -> Iterator[dict[str, object]]:
    """Yield the scores of every recipe on one network."""
    for recipe in RECIPES:
        method, rule, algorithm = recipe
        width = 20 if toy.name.startswith("digit") else None
        found = analyze(
            toy.model, toy.data, toy.layers, method=method, rule=rule, algorithm=algorithm, n_components=width
        )
        profile = task_profile(found, toy.model, toy.tasks)
        importance = dict(found.graph.nodes(data="share"))
        score = agreement(found.found, profile.labels, weights=importance, n_permutations=0)
        mixed = profile.interference
        yield {
            "recipe": " + ".join(recipe),
            "groups": found.found.n_groups,
            "reported": found.groups.n_groups,
            "ari": score.ari,
            "weighted_ari": score.weighted_ari,
            "ami": score.ami,
            "interference": float(np.average(list(mixed.values()), weights=[importance[node] for node in mixed])),
        }


def table(rows: list[dict[str, object]]) -> str:
    """Return one line per family and recipe, in Markdown."""
    cells = defaultdict(list)
    for row in rows:
        cells[row["family"], row["recipe"]].append(row)
    lines = [
        "| network | recipe | n | 2 groups reported | 1 group reported | weighted ARI (min) | AMI | interference |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for (family, recipe), found in cells.items():
        reported = np.array([row["reported"] for row in found])
        scores = np.array([[row["weighted_ari"], row["ami"], row["interference"]] for row in found], dtype=float)
        ari, ami, mixed = scores.mean(axis=0)
        lines.append(
            f"| {family} | {recipe} | {len(found)} | {(reported == 2).sum()} | {(reported == 1).sum()} | "
            f"{ari:.2f} ({scores[:, 0].min():.2f}) | {ami:.2f} | {mixed:.1%} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
