"""How CPU seconds grow with width, depth, rows, outputs and nodes: one figure, with an exponent for each.

Run ``python benchmarks/growth.py``: the default analysis of networks of two or more parts that do not mix, and the
default groups of graphs, one thread, one run for each size. The exponent is the slope of the last three sizes on
logarithmic axes.
"""

from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np

from measuring import load, report, request
from speed import HERE, Row, timed

mpl.use("Agg")
SIZES = {
    "width": (64, 128, 256, 512, 1024, 2048),
    "depth": (2, 4, 8, 16, 32),
    "rows": (1000, 10_000, 100_000, 1_000_000),
    "outputs": (4, 8, 16, 32, 48),
    "nodes": (100, 300, 1000, 3000, 10_000),
}
FIGURE = HERE.parent / "figures" / "growth.png"
LAST = 3  # sizes that the exponent is of


def exponent(sizes: tuple[int, ...], seconds: list[float]) -> float:
    """Return the slope of the last sizes on logarithmic axes."""
    return float(np.polyfit(np.log(sizes[-LAST:]), np.log(seconds[-LAST:]), 1)[0])


def drawn(found: dict[str, tuple[tuple[int, ...], list[float]]], path: Path) -> None:
    """Draw one panel for each quantity."""
    figure, panels = plt.subplots(1, len(found), figsize=(12, 2.8), sharey=True, layout="constrained")
    for panel, (name, (sizes, seconds)) in zip(panels, found.items(), strict=True):
        panel.loglog(sizes, seconds, "o-", color="#1f5fa8")
        panel.set_title(f"{name}: exponent {exponent(sizes, seconds):.1f}", fontsize=12)
        panel.set_xlabel(name, fontsize=12)
        panel.minorticks_off()
        shown = sizes[::-2][::-1]
        panel.set_xticks(shown, [f"{size:,}" for size in shown])
        panel.tick_params(labelsize=10)
        panel.grid(alpha=0.3)
    panels[0].set_ylabel("CPU seconds", fontsize=12)
    figure.savefig(path, dpi=110)


def main() -> None:
    """Measure, draw and report."""
    asked = request("growth", str(__doc__).split("\n", 1)[0])
    before, source = load(), HERE.parent / "src"
    found: dict[str, tuple[tuple[int, ...], list[float]]] = {}
    for name, all_sizes in SIZES.items():
        sizes = all_sizes[:LAST] if asked.quick else all_sizes
        found[name] = sizes, [timed(source, "subject", Row(name, size, 0, 1))["cpu"] for size in sizes]
        print(name, sizes, [round(each, 2) for each in found[name][1]], flush=True)
    lines: list[dict[str, object]] = [
        {
            "quantity": name,
            "sizes": ", ".join(f"{size:,}" for size in sizes),
            "CPU seconds": ", ".join(f"{each:.3g}" for each in seconds),
            "exponent": round(exponent(sizes, seconds), 2),
        }
        for name, (sizes, seconds) in found.items()
    ]
    if not asked.quick:
        drawn(found, FIGURE)
    facts = {"seed": 100, "rounds": 1, "exponent": f"of the last {LAST} sizes", "load": [before, load()]}
    report(asked, facts, lines, {name: seconds for name, (_, seconds) in found.items()})


if __name__ == "__main__":
    main()
