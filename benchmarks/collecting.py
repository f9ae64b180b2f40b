"""What observing costs: `compgraph.collect` against a bare forward pass, and against storing activations."""

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

import measuring
from compgraph import Statistics, collect

WIDTHS = (784, 256, 256, 10)
TAPPED = ("relu1", "relu2")
BATCH = 256

Triple = tuple[np.ndarray, np.ndarray, np.ndarray]


def build_model() -> nn.Module:
    """Return the network, with seeded random weights."""
    torch.manual_seed(measuring.SEED)
    first, second, third, last = WIDTHS
    parts = [("fc1", nn.Linear(first, second)), ("relu1", nn.ReLU())]
    parts += [("fc2", nn.Linear(second, third)), ("relu2", nn.ReLU()), ("fc3", nn.Linear(third, last))]
    return nn.Sequential(OrderedDict(parts)).eval()


def bare(model: nn.Module, batches: Iterable[Tensor]) -> None:
    """Run the model and keep nothing: the floor."""
    with torch.no_grad():
        for batch in batches:
            model(batch)


def stored(model: nn.Module, batches: Iterable[Tensor]) -> list[np.ndarray]:
    """Keep the activations of every site, with plain hooks."""
    kept: list[list[np.ndarray]] = [[] for _ in WIDTHS]
    with ExitStack() as stack, torch.no_grad():
        for site, name in enumerate((*TAPPED, "fc3"), start=1):
            keep = kept[site].append
            hook = model.get_submodule(name).register_forward_hook(
                lambda _module, _args, output, keep=keep: keep(output.numpy())
            )
            stack.callback(hook.remove)
        for batch in batches:
            kept[0].append(batch.numpy())
            model(batch)
    return [np.concatenate(parts) for parts in kept]


def covariances(activations: list[np.ndarray]) -> list[Triple]:
    """Return ``xx, xy, yy`` of neighbouring sites in float64, each product formed once."""
    rows = [each - each.mean(axis=0, dtype=np.float64) for each in activations]
    n = len(rows[0])
    own = [each.T @ each / n for each in rows]
    cross = [x.T @ y / n for x, y in pairwise(rows)]
    return list(zip(own, cross, own[1:], strict=False))


def reference(activations: list[np.ndarray]) -> list[Triple]:
    """Return the same from float64 products of 1,000 rows, summed in extended precision."""
    means = [each.mean(axis=0, dtype=np.longdouble).astype(np.float64) for each in activations]
    n, sums = len(activations[0]), {}
    for start in range(0, n, 1000):
        part = [each[start : start + 1000] - mean for each, mean in zip(activations, means, strict=True)]
        for i, x in enumerate(part):
            for j, y in enumerate(part[i : i + 2], start=i):
                sums[i, j] = sums.get((i, j), np.longdouble(0)) + (x.T @ y)
    exact = {key: (total / n).astype(np.float64) for key, total in sums.items()}
    return [(exact[i, i], exact[i, i + 1], exact[i + 1, i + 1]) for i in range(len(activations) - 1)]


def error(found: list[Triple], exact: list[Triple]) -> float:
    """Return the largest error of an entry, relative to the product of the two standard deviations."""
    worst = 0.0
    for (xx, xy, yy), (exact_xx, exact_xy, exact_yy) in zip(found, exact, strict=True):
        x, y = np.sqrt(np.diag(exact_xx)), np.sqrt(np.diag(exact_yy))
        for got, wanted, scale in (
            (xx, exact_xx, np.outer(x, x)),
            (xy, exact_xy, np.outer(x, y)),
            (yy, exact_yy, np.outer(y, y)),
        ):
            alive = scale > 0
            worst = max(worst, float((np.abs(got - wanted)[alive] / scale[alive]).max()))
    return worst


def of_statistics(stats: Statistics) -> list[Triple]:
    """Return the covariances that `collect` found."""
    moments = [stats.moments[pair] for pair in stats.pairs]
    return [(each.xx / each.n, each.xy / each.n, each.yy / each.n) for each in moments]


def main() -> None:
    """Measure and report."""
    asked = measuring.request("collecting", str(__doc__))
    n, repeats = (6_000, 3) if asked.quick else (60_000, 9)
    model = build_model()
    data = torch.randn(n, WIDTHS[0], generator=torch.Generator().manual_seed(measuring.SEED))

    def batches() -> Iterator[Tensor]:
        return (data[start : start + BATCH] for start in range(0, n, BATCH))

    floor, ours, peer = "bare forward pass", "compgraph.collect", "hooks that store, NumPy float64"
    subjects = {
        floor: lambda: bare(model, batches()),
        ours: lambda: collect(model, data, TAPPED, batch_size=BATCH, progress=False),
        peer: lambda: covariances(stored(model, batches())),
    }
    before, results = measuring.load(), {name: run() for name, run in subjects.items()}
    exact = reference(stored(model, batches()))
    errors = {ours: error(of_statistics(results[ours]), exact), peer: error(results[peer], exact)}
    del exact, results
    times = measuring.interleaved(subjects, repeats)
    rows = [
        {
            "subject": name,
            "seconds": measuring.Spread.of(times[name].wall),
            "times the floor": measuring.ratio(times[name].wall, times[floor].wall),
            "the same, CPU seconds": measuring.ratio(times[name].cpu, times[floor].cpu),
            "covariance error": errors.get(name, "-"),
        }
        for name in subjects
    ]
    facts = {
        "about": __doc__,
        "n": n,
        "model": "MLP " + "-".join(map(str, WIDTHS)) + ", ReLU, float32",
        "batch size": BATCH,
        "sites": "input, relu1, relu2, output",
        "seed": measuring.SEED,
        "repeats": f"{repeats} rounds, interleaved; median (lowest to highest), ratios within a round",
        "covariance error": "largest |error| of an entry / (sd_i sd_j), against extended-precision sums",
        "target": "compgraph.collect at most 5 times the floor",
        "load before and after": [before, measuring.load()],
    }
    measuring.report(asked, facts, rows, times)


if __name__ == "__main__":
    main()
