"""How far the purity of principal components differs between sets of 100 networks that differ in their seeds alone.

Run ``python examples/note/dominance.py``; it trains ten sets of the note's networks in about a quarter of an hour on
two cores. Of each set it takes what experiment 002 takes: for every principal component of the first hidden layer the
dominant task's share of its variance, the mean over the set; and the same where units are scaled to unit variance
before. Differences of more than 0.03 are counted between every two sets, and from the published profile, which does not
say whether units were scaled.

Seeds are 1000 to 1999, which nothing was chosen on: that scaled units come nearer was seen on seeds 0 to 999.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import torch
from tqdm import trange

from compgraph.connect import write_atomically
from compgraph.toys import Toy, multiplications
from note.measures.variance.principal_components import dominant_share, principal_task_variances
from note.reproduce import EXPERIMENTS, load

FIRST_SEED, N_SETS, N_NETWORKS, PUBLISHED_N, NEAR = 1000, 10, 100, 100, 0.03
KINDS = {"plain": "as they are", "scaled": "scaled to unit variance"}
RESULTS = Path(__file__).parent / "results" / "dominance.json"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Sets of networks, compared with one another and with what was published.

    Attributes
    ----------
    mean, standard_error
        Over all networks, by component.
    sets
        Mean of each set, by component.
    chi_squared
        Sum over components of the squared difference from what was published, in standard errors.
    far_from_published
        Components in which all networks together differ from what was published by more than `NEAR`.
    sets_far_from_published, far_between_sets
        The same of every set, and of every two sets.
    """

    mean: list[float]
    standard_error: list[float]
    sets: list[list[float]]
    chi_squared: float
    far_from_published: int
    sets_far_from_published: list[int]
    far_between_sets: list[int]


def shares(toy: Toy) -> dict[str, np.ndarray]:
    """Return the dominant task's share along each principal component of the validation set, by kind of units."""
    first = toy.model.get_submodule("layers.0")
    with torch.no_grad():
        rows = {name: first(inputs).numpy() for name, inputs in {"": toy.data, **toy.tasks}.items()}
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


def compared(found: np.ndarray, published: np.ndarray) -> Comparison:
    """Compare sets of networks, sets first and networks second, with one another and with what was published."""
    sets, whole = np.nanmean(found, axis=1), found.reshape(-1, len(published))
    known, mean, scatter = np.isfinite(whole).sum(axis=0), np.nanmean(whole, axis=0), np.nanstd(whole, axis=0, ddof=1)
    errors = (mean - published) / (scatter * np.sqrt(1 / known + 1 / PUBLISHED_N))
    return Comparison(
        mean.tolist(),
        (scatter / np.sqrt(known)).tolist(),
        sets.tolist(),
        chi_squared=float(np.square(errors).sum()),
        far_from_published=far(mean, published),
        sets_far_from_published=[far(each, published) for each in sets],
        far_between_sets=[far(*pair) for pair in combinations(sets, 2)],
    )


def measured(n_sets: int, n_networks: int) -> dict[str, np.ndarray]:
    """Train sets of networks; return the shares by kind of units: set, network, component."""
    found: dict[str, list[list[np.ndarray]]] = {kind: [] for kind in KINDS}
    for i in trange(n_sets, desc=f"sets of {n_networks} networks"):
        start = FIRST_SEED + i * n_networks
        each = [shares(toy) for toy in multiplications(range(start, start + n_networks))]
        for kind, of_kind in found.items():
            of_kind.append([one[kind] for one in each])
    return {kind: np.array(of_kind) for kind, of_kind in found.items()}


def spread(counts: Sequence[int]) -> str:
    """Say how many components differ in several comparisons."""
    return f"{np.mean(counts):.1f} ({min(counts)} to {max(counts)}; none in {counts.count(0)} of {len(counts)})"


def lines(record: Mapping[str, Comparison], published: np.ndarray, n: int) -> list[str]:
    """Say what was found, in a table by component and a sentence for each kind of units."""
    said = [f"| PC | published, n = {PUBLISHED_N} | {' | '.join(f'units {text}' for text in KINDS.values())} |"]
    said.append("| --- | --- | --- | --- |")
    for i, value in enumerate(published):
        ours = [f"{of.mean[i]:.3f} ± {of.standard_error[i]:.3f}" for of in record.values()]
        said.append(f"| {i} | {value:.2f} | {' | '.join(ours)} |")
    said.append(f"\nComponents of {len(published)} that differ by more than {NEAR:g}, n = {n}:")
    for kind, of in record.items():
        said.append(
            f"units {KINDS[kind]}: all of ours and the published {of.far_from_published}, chi² {of.chi_squared:.1f}; "
            f"one set and the published {spread(of.sets_far_from_published)}; two sets {spread(of.far_between_sets)}"
        )
    return said


def main() -> None:
    """Train, compare, keep and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sets", type=int, default=N_SETS, metavar="N", help="sets to train, at least 2")
    parser.add_argument("--networks", type=int, default=N_NETWORKS, metavar="N", help="networks of a set")
    parser.add_argument("--out", type=Path, default=RESULTS, metavar="FILE", help="where the numbers go")
    asked = parser.parse_args()
    published = np.array(load(EXPERIMENTS / "002_task_inputs.py").DOMINANT)
    found = measured(asked.sets, asked.networks)
    record = {kind: compared(of_kind, published) for kind, of_kind in found.items()}
    write_atomically(asked.out, json.dumps({kind: asdict(each) for kind, each in record.items()}, indent=1).encode())
    print("\n".join(lines(record, published, asked.sets * asked.networks)))


if __name__ == "__main__":
    main()
