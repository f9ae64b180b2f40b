"""Seconds of the default analysis, nulls and untrained twins included.

Run ``python benchmarks/analysis.py``: the multiplication network and digit pairs, seed 100, five rounds in turn.
"""

from functools import partial

from compgraph import analyze
from compgraph.toys import digit_pairs, multiplication
from measuring import Spread, interleaved, load, report, request

SEED = 100
ALLOWED = {"multiplication": 2.0, "digit-pairs": 10.0}


def main() -> None:
    """Measure and report."""
    asked = request("analysis", "Seconds of the default analysis on the toys.")
    toys = {toy.name: toy for toy in (multiplication(seed=SEED), digit_pairs(seed=SEED))}
    before = load()
    times = interleaved(
        {name: partial(analyze, toy.model, toy.data, toy.layers, progress=False) for name, toy in toys.items()},
        2 if asked.quick else 5,
    )
    rows = [
        {
            "network": name,
            "seconds": str(Spread.of(each.wall)),
            "busy": str(Spread.of(each.cpu)),
            "allowed": ALLOWED[name],
        }
        for name, each in times.items()
    ]
    facts = {"seed": SEED, "null graphs": 99, "twins": 19, "load before and after": f"{before}, {load()}"}
    report(asked, facts, rows, times)


if __name__ == "__main__":
    main()
