"""How far statistics of shards are from those of one process: errors in units of the largest entry of each sum.

Two networks, shards of contiguous rows that are cut at blocks and of rows that are dealt out one by one; merged in five
orders, which have to give the same bytes.
"""

import argparse
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

import compgraph as cg

BLOCK = 4096
SUMS = ("mean_x", "mean_y", "xx", "xy", "yy")
ORDERS = 5


def networks() -> dict[str, tuple[nn.Module, tuple[int, ...]]]:
    """Return networks of random weights by name, and the shape of a sample."""
    torch.manual_seed(0)
    maps = nn.Sequential(nn.Conv2d(2, 5, 3, padding=1), nn.ReLU(), nn.Conv2d(5, 4, 3), nn.ReLU(), nn.Flatten())
    return {
        "MLP 20-30-30-4": (
            nn.Sequential(nn.Linear(20, 30), nn.ReLU(), nn.Linear(30, 30), nn.ReLU(), nn.Linear(30, 4)),
            (20,),
        ),
        "convolutions, 25 positions": (nn.Sequential(maps, nn.Linear(36, 3)), (2, 5, 5)),
    }


def contiguous(model: nn.Module, data: Tensor, n: int) -> Iterator[cg.Statistics]:
    """Yield the statistics of parts that are cut at blocks."""
    blocks = -(-len(data) // BLOCK)
    cuts = [BLOCK * (blocks * each // n) for each in range(n)] + [len(data)]
    for first, stop in pairwise(cuts):
        yield cg.collect(model, data[first:stop], first_row=first)


def dealt(model: nn.Module, data: Tensor, n: int, precision: str) -> Iterator[cg.Statistics]:
    """Yield the statistics of every n-th row."""
    for rank in range(n):
        yield cg.collect(model, data[rank::n].clone(), row_ids=range(rank, len(data), n), precision=precision)


def error(found: cg.Statistics, one: cg.Statistics) -> float:
    """Return the largest difference of any sum, in units of its largest entry."""
    return max(
        float(
            np.abs(getattr(found.moments[pair], name) - getattr(each, name)).max() / np.abs(getattr(each, name)).max()
        )
        for pair, each in one.moments.items()
        for name in SUMS
    )


def in_five_orders(shards: Sequence[cg.Statistics], one: cg.Statistics, seed: int) -> tuple[float, int]:
    """Return the error, and how many orders give other bytes than the first."""
    rng = np.random.default_rng(seed)
    merged = [cg.merge([shards[i] for i in rng.permutation(len(shards))]) for _ in range(ORDERS)]
    contents = [each.to_bytes(keep_inputs=True) for each in merged]
    return max(error(each, one) for each in merged), sum(each != contents[0] for each in contents)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=8 * BLOCK + 900)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    print(f"{'network':28}{'rows':26}{'shards':>7}{'error':>10}  orders with other bytes")
    for name, (model, shape) in networks().items():
        data = 3 + torch.randn(asked.rows, *shape, generator=torch.Generator().manual_seed(asked.seed))
        for precision in ("auto", "float64"):
            one = cg.collect(model, data, precision=precision)
            for n in (2, 3, 8):
                kinds = {"contiguous, cut at blocks": list(contiguous(model, data, n))} if precision == "auto" else {}
                kinds[f"dealt out, {precision}"] = list(dealt(model, data, n, precision))
                for kind, shards in kinds.items():
                    worst, others = in_five_orders(shards, one, asked.seed)
                    print(f"{name:28}{kind:26}{n:>7}{worst:>10.1e}  {others} of {ORDERS}")


if __name__ == "__main__":
    main()
