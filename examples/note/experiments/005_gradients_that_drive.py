"""Ask which directions of one layer make the difference to the principal components (PCs) of the next.

Nearly all of the squared gradient is its mean, which PCA takes away before it looks: four components hold the variance
of gradients, but one direction holds 90 % of the squared gradient of each of the two PCs that vary most. These two
directions are the two strongest components of all gradients, somewhat mixed: they are hardly more a direction for each
PC than chance gives, for in 16 dimensions there is room.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

import compgraph as cg
from compgraph.show import plain
from compgraph.toys import Toy
from note.double_precision import in_double
from note.measures.gradients.between_sites import site_gradients
from note.measures.gradients.shared_axes import shared_axes, shared_axes_by_chance
from note.pictures.panels import grouped_bars, number_matrix
from note.published import Result, command, over_networks, write

NAME, FIRST, SECOND = "005 inter-layer backprop", "layers.0.act", "layers.1.act"
SHOWN = 5  # components of either layer in the figure, or as many as every network has
SHARES = (0.9, 0.99)  # of the squared gradient that components are to hold


class Measured(NamedTuple):
    """How the gradients of the PCs of one network divide over directions; NaN for a PC that nothing moves."""

    variance: np.ndarray  # share of each PC
    mean_share: np.ndarray  # of each PC's squared gradient, what its mean holds
    share: np.ndarray  # of each PC's squared gradient, what lies along each common component
    by_chance: np.ndarray  # the same when the gradients of each PC are turned at random
    holding: np.ndarray  # for each of SHARES, components of its own that each PC needs

    def weighted(self, values: np.ndarray) -> float:
        """Average over the PCs, weighted by variance."""
        return float(np.nansum(self.variance * values))


def measure(toys: Sequence[Toy]) -> list[Measured]:
    """Differentiate all PCs of every network."""
    return [measured(toy) for toy in toys]


def measured(toy: Toy) -> Measured:
    """Differentiate all PCs of one network, in double precision."""
    stats = cg.collect(toy.model, toy.data, toy.layers, progress=False)
    parts, exact = cg.components(stats, "pca")[cg.Space(SECOND, "out", 2)], in_double(toy)
    gradients = site_gradients(exact.model, exact.data, source=FIRST, target=SECOND, filters=parts.axes)
    found, by_chance = shared_axes(gradients), shared_axes_by_chance(gradients, seed=toy.seed)
    holding = np.array([found.components_for(share) for share in SHARES])
    return Measured(parts.share / parts.share.sum(), found.mean_share, found.share, by_chance.share, holding)


def draw(found: Sequence[Measured]) -> Figure:
    """Draw which gradient components drive which PCs, and how many drive each."""
    figure = Figure(figsize=(8, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.1))
    n = min(SHOWN, *(len(each.variance) for each in found))
    number_matrix(left, 100 * np.mean([each.share[:n, :n] for each in found], axis=0), form=".0f", bound=100)
    variance = 100 * np.mean([each.variance[:n] for each in found], axis=0)
    left.set_xticks(range(n), range(1, n + 1))
    left.set_yticks(range(n), [f"PC {k + 1} ({part:.2g} %)" for k, part in enumerate(variance)])
    left.set(xlabel=f"component of all gradients at {FIRST}", ylabel=f"PC at {SECOND} (its share of variance)")
    plain(left, f"Share of each PC's squared gradient (%) along\ncommon components (mean over {len(found)} networks)")
    held = np.array([each.holding[:, :n] for each in found])
    bars = {f"{share:.0%} of its squared gradient": held[:, rank] for rank, share in enumerate(SHARES)}
    grouped_bars(right, range(1, n + 1), bars)
    right.set(xlabel=f"PC at {SECOND}", ylabel="components of its own gradients (number)", ylim=(0, 4.5))
    right.legend(fontsize=8, frameon=False, loc="upper left")
    plain(right, f"Components that hold each PC's gradients\n(mean and standard error, {len(found)} networks)")
    return figure


def report(found: list[Measured], folder: Path) -> list[Result]:
    """Average over the PCs of every network, weighted by their variance."""
    write(draw(found), folder, "005-gradient-drives")
    chance = np.mean([each.weighted(each.by_chance.max(axis=1)) for each in found])
    rows = [
        ("share of the squared gradient that the mean gradient holds, all PCs",
         [each.weighted(each.mean_share) for each in found], "; variance of gradients is only the rest"),
        *((f"gradient components that hold {share:.0%} of the squared gradient, all PCs",
           [each.weighted(each.holding[rank]) for each in found], "") for rank, share in enumerate(SHARES)),
        (f"share of a PC's squared gradient along the one component at {FIRST} that drives it most",
         [each.weighted(each.share.max(axis=1)) for each in found],
         f"; {chance:.2f} when the gradients of each PC are turned at random"),
    ]  # fmt: skip
    return [over_networks(NAME, quantity, each, note=f"weighted by variance{note}") for quantity, each, note in rows]


if __name__ == "__main__":
    command(measure, report, describe=__doc__)
