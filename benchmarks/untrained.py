"""How often the default recipe reports groups in networks with random weights, which have learnt nothing.

Run ``python benchmarks/untrained.py``; inputs are 3,000 uniform rows, seeds are 0 to 11 for each shape.
"""

import json
from itertools import pairwise
from pathlib import Path

import torch
from torch import nn

from compgraph import analyze
from compgraph.connect import write_atomically

SHAPES = {
    "ReLU 12-48-48-6": ((12, 48, 48, 6), nn.ReLU),
    "ReLU 12-128-128-2": ((12, 128, 128, 2), nn.ReLU),
    "GELU 12-48-48-6": ((12, 48, 48, 6), nn.GELU),
    "tanh 12-24-10": ((12, 24, 10), nn.Tanh),
    "ReLU 12-48-48-1": ((12, 48, 48, 1), nn.ReLU),
}
SEEDS = range(12)
RESULTS = Path(__file__).parent / "results" / "untrained.json"


def reported(widths: tuple[int, ...], activation: type[nn.Module], seed: int) -> int:
    """Return how many groups are reported of one random network."""
    torch.manual_seed(seed)
    modules = [module for p, q in pairwise(widths) for module in (nn.Linear(p, q), activation())]
    return analyze(nn.Sequential(*modules[:-1]), torch.rand(3000, widths[0])).groups.n_groups


def main() -> None:
    """Measure every shape and print the table."""
    found = {name: [reported(*shape, seed) for seed in SEEDS] for name, shape in SHAPES.items()}
    write_atomically(RESULTS, json.dumps(found, indent=1).encode())
    print("| untrained network | n | reported with more than one group |\n| --- | --- | --- |")
    for name, counts in found.items():
        print(f"| {name} | {len(counts)} | {sum(count > 1 for count in counts)} |")


if __name__ == "__main__":
    main()
