"""How far the purity of principal components differs between sets of 100 networks that differ in their seeds alone.

Run ``python benchmarks/dominance.py``; it trains ten sets of the note's networks, seeds 0 to 999, in about twenty
minutes on two cores. Of each set it takes what experiment 002 takes: for every principal component of the first hidden
layer the dominant task's share of its variance, the mean over the set. Differences of more than 0.03 are counted
between every two sets, and between each set and the published one.
"""

import json
from itertools import combinations
from pathlib import Path

import numpy as np
from tqdm import trange

from compgraph.check.principal_tasks import dominant_share, principal_task_variances
from compgraph.connect import write_atomically
from compgraph.observe.layer_rows import layer_rows
from compgraph.toys import Toy, multiplications

N_SETS, N_NETWORKS, NEAR, LAYER = 10, 100, 0.03, "layers.0.act"
RESULTS = Path(__file__).parent / "results" / "dominance.json"
NOTE = Path(__file__).parents[1] / "figures" / "note.json"


def shares(toy: Toy) -> np.ndarray:
    """Return the dominant task's share along each principal component of the validation set."""
    rows = {task: layer_rows(toy.model, inputs, LAYER) for task, inputs in toy.tasks.items()}
    return dominant_share(principal_task_variances(layer_rows(toy.model, toy.data, LAYER), rows))


def far(one: np.ndarray, other: np.ndarray) -> int:
    """Count the components in which two sets differ by more than was asked."""
    return int((np.abs(one - other) > NEAR).sum())


def main() -> None:
    """Train, compare and print."""
    rows = {row["quantity"]: row["published"] for row in json.loads(NOTE.read_bytes())}
    published = np.array([rows[f"dominant share of PC {i}"] for i in range(16)])
    found = np.array([
        [shares(toy) for toy in multiplications(range(N_NETWORKS * i, N_NETWORKS * (i + 1)))]
        for i in trange(N_SETS, desc=f"sets of {N_NETWORKS} networks")
    ])  # fmt: skip
    sets, whole = np.nanmean(found, axis=1), found.reshape(-1, len(published))
    known = np.isfinite(whole).sum(axis=0)
    mean, scatter = np.nanmean(whole, axis=0), np.nanstd(whole, axis=0, ddof=1)
    between, to_published = [far(*pair) for pair in combinations(sets, 2)], [far(each, published) for each in sets]
    record = {"sets": sets.tolist(), "mean": mean.tolist(), "standard_error": (scatter / np.sqrt(known)).tolist(),
              "far_between_sets": between, "far_from_published": to_published}  # fmt: skip
    write_atomically(RESULTS, json.dumps(record, indent=1).encode())
    print(f"| PC | published, n = {N_NETWORKS} | ours, n = {len(whole)} | ± | sets of {N_NETWORKS} | difference |")
    print("| --- | --- | --- | --- | --- | --- |")
    for i, value in enumerate(published):
        ends, error = f"{sets[:, i].min():.3f} to {sets[:, i].max():.3f}", scatter[i] / np.sqrt(known[i])
        print(f"| {i} | {value:.2f} | {mean[i]:.3f} | {error:.3f} | {ends} | {mean[i] - value:+.3f} |")
    print(f"\nComponents of {len(published)} that differ by more than {NEAR:g}, published against all of ours: "
          f"{far(mean, published)}")  # fmt: skip
    for name, counts in (("two sets of ours", between), ("the published set and one of ours", to_published)):
        spread = f"{np.mean(counts):.1f} on average ({min(counts)} to {max(counts)})"
        print(f"{name}: {spread}; none in {counts.count(0)} of {len(counts)} comparisons")


if __name__ == "__main__":
    main()
