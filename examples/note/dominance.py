"""How far the purity of principal components differs between sets of 100 networks that differ in their seeds alone.

Run ``python benchmarks/dominance.py``; it trains ten sets of the note's networks in about a quarter of an hour on two
cores. Of each set it takes what experiment 002 takes: for every principal component of the first hidden layer the
dominant task's share of its variance, the mean over the set; and the same where units are scaled to unit variance
before. Differences of more than 0.03 are counted between every two sets, and from the published profile, which does not
say whether units were scaled.

Seeds are 1000 to 1999, which nothing was chosen on: that scaled units come nearer was seen on seeds 0 to 999.
"""

import json
from itertools import combinations
from pathlib import Path

import numpy as np
import torch
from tqdm import trange

from compgraph.connect import write_atomically
from compgraph.toys import Toy, multiplications
from note.measures.variance.principal_components import dominant_share, principal_task_variances

FIRST_SEED, N_SETS, N_NETWORKS, NEAR = 1000, 10, 100, 0.03
KINDS = {"plain": "as they are", "scaled": "scaled to unit variance"}
RESULTS = Path(__file__).parent / "results" / "dominance.json"
NOTE = Path(__file__).parents[1] / "figures" / "note.json"


def shares(toy: Toy) -> dict[str, np.ndarray]:
    """Return the dominant task's share along each principal component of the validation set, by kind of units."""
    with torch.no_grad():
        rows = {name: toy.model.layers[0](inputs).numpy() for name, inputs in {"": toy.data, **toy.tasks}.items()}
    typical = rows.pop("")
    deviation = typical.std(axis=0)
    found = {}
    for kind, unit in (("plain", np.ones_like(deviation)), ("scaled", np.where(deviation > 0, deviation, 1))):
        by_task = {task: each / unit for task, each in rows.items()}
        found[kind] = dominant_share(principal_task_variances(typical / unit, by_task))
    return found


def far(one: np.ndarray, other: np.ndarray) -> int:
    """Count the components in which two profiles differ by more than was asked."""
    return int((np.abs(one - other) > NEAR).sum())


def compared(found: np.ndarray, published: np.ndarray) -> dict[str, object]:
    """Compare sets of networks, sets first and networks second, with one another and with what was published."""
    sets, whole = np.nanmean(found, axis=1), found.reshape(-1, len(published))
    known, mean, scatter = np.isfinite(whole).sum(axis=0), np.nanmean(whole, axis=0), np.nanstd(whole, axis=0, ddof=1)
    errors = (mean - published) / (scatter * np.sqrt(1 / known + 1 / N_NETWORKS))
    return {
        "mean": mean.tolist(),
        "standard_error": (scatter / np.sqrt(known)).tolist(),
        "sets": sets.tolist(),
        "chi_squared": float(np.square(errors).sum()),
        "far_from_published": far(mean, published),
        "sets_far_from_published": [far(each, published) for each in sets],
        "far_between_sets": [far(*pair) for pair in combinations(sets, 2)],
    }


def spread(counts: list[int]) -> str:
    """Say how many components differ in several comparisons."""
    return f"{np.mean(counts):.1f} ({min(counts)} to {max(counts)}; none in {counts.count(0)} of {len(counts)})"


def main() -> None:
    """Train, compare and print."""
    rows = {row["quantity"]: row["published"] for row in json.loads(NOTE.read_bytes())}
    published = np.array([rows[f"dominant share of PC {i}"] for i in range(16)])
    found: dict[str, list[list[np.ndarray]]] = {kind: [] for kind in KINDS}
    for i in trange(N_SETS, desc=f"sets of {N_NETWORKS} networks"):
        start = FIRST_SEED + i * N_NETWORKS
        each = [shares(toy) for toy in multiplications(range(start, start + N_NETWORKS))]
        for kind, of_kind in found.items():
            of_kind.append([one[kind] for one in each])
    record = {kind: compared(np.array(of_kind), published) for kind, of_kind in found.items()}
    write_atomically(RESULTS, json.dumps(record, indent=1).encode())
    print(f"| PC | published, n = {N_NETWORKS} | {' | '.join(f'units {text}' for text in KINDS.values())} |")
    print("| --- | --- | --- | --- |")
    for i, value in enumerate(published):
        ours = [f"{of['mean'][i]:.3f} ± {of['standard_error'][i]:.3f}" for of in record.values()]
        print(f"| {i} | {value:.2f} | {' | '.join(ours)} |")
    print(f"\nComponents of {len(published)} that differ by more than {NEAR:g}, n = {N_SETS * N_NETWORKS}:")
    for kind, of in record.items():
        print(f"units {KINDS[kind]}: all of ours and the published {of['far_from_published']}, "
              f"chi² {of['chi_squared']:.1f}; one set and the published {spread(of['sets_far_from_published'])}; "
              f"two sets {spread(of['far_between_sets'])}")  # fmt: skip


if __name__ == "__main__":
    main()
