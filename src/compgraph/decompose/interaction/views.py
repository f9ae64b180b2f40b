"""What the gradients of a network show in one metric: their couplings, and the modes of those."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Float64

from compgraph.arguments import checked
from compgraph.decompose.interaction.commutant import Forms, Modes
from compgraph.decompose.interaction.coupling import Coupling
from compgraph.decompose.interaction.gaps import LARGEST_LEAK, Outputs, largest_leak
from compgraph.decompose.linear_algebra.factorisations import eigvalsh

Metric = Literal["data", "gradient"]

KINDS: tuple[Outputs, ...] = ("free", "fixed")
N_MODES = 64  # matrices of modes at most
UNSURE = 1e-3  # more than leaks are wrong by in single precision


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """The couplings of all spaces in one metric, and their modes.

    Attributes
    ----------
    metric
        In which directions of different blocks are orthogonal.
    scale
        For each space, what gradients were divided by.
    couplings
        Of the scaled gradients.
    free, fixed
        Modes with outputs free to turn, and with outputs kept whole; matrices of those that leak little alone.
    bend
        As `bend` gives it, of the space where it is largest.
    """

    metric: Metric
    scale: tuple[Float64[np.ndarray, " _"], ...]
    couplings: tuple[Coupling, ...]
    free: Modes
    fixed: Modes
    bend: float


@dataclass(frozen=True, slots=True, eq=False)
class Couplings:
    """The couplings of all spaces in one metric, before any mode is sought.

    Attributes
    ----------
    metric, scale, bend
        As `View` has them.
    forms
        Of its couplings.
    """

    metric: Metric
    scale: tuple[Float64[np.ndarray, " _"], ...]
    forms: Forms
    bend: float

    def all_leak(self) -> bool:
        """Tell whether no mode leaks little enough for a gap, at a fraction of the cost of the modes.

        Returns
        -------
        bool
            True where there is no gap; False where there may be one.
        """
        free, fixed = (largest_leak(kind, self.bend) + UNSURE for kind in KINDS)
        largest = eigvalsh(self.forms.normalised("fixed").square)[-1]
        return bool(largest < (1 - fixed) ** 2) and self.forms.all_leak_more(free)

    def view(self) -> View:
        """Find the modes.

        Returns
        -------
        View
            Cost O(q^6).
        """
        free = self.forms.modes("free", N_MODES, largest_leak("free", self.bend))
        fixed = self.forms.modes("fixed", N_MODES, LARGEST_LEAK["fixed"])
        return View(self.metric, self.scale, self.forms.couplings, free, fixed, self.bend)


@checked
def couplings_of(gradients: Sequence[Float[np.ndarray, "_ q _"]], metrics: Sequence[Metric]) -> list[Couplings]:
    """Return the couplings of gradients in several metrics, whose products of derivatives are the same but for units.

    Parameters
    ----------
    gradients
        For each space, one Jacobian per row.
    metrics
        Which ones.

    Returns
    -------
    list of Couplings
        One for each metric. Cost O(n q^2 r^2 + q^4 r^2) per space.

    Examples
    --------
    >>> draws = np.random.default_rng(0).normal(size=(200, 4))
    >>> apart = np.zeros((200, 2, 4))
    >>> apart[:, 0, :2], apart[:, 1, 2:] = draws[:, :2] * [2, 1], draws[:, 2:] * [2, 1]
    >>> (data,) = couplings_of([apart], ["data"])
    >>> data.view().free.leak[:2].round(3).tolist()
    [0.0, 0.943]
    """
    plain, amount = [Coupling.of(each) for each in gradients], max(map(bend, gradients))
    sizes = [np.sqrt(each.of_directions * _mean_square(rows)) for each, rows in zip(plain, gradients, strict=True)]
    found = []
    for metric in metrics:
        # A direction that these rows do not read stays unread.
        scale = [np.where((size > 0) & (metric == "gradient"), size, 1.0) for size in sizes]
        scaled = plain if metric == "data" else [each.scaled(s) for each, s in zip(plain, scale, strict=True)]
        found.append(Couplings(metric, tuple(scale), Forms.of(scaled), amount))
    return found


def bend(gradients: Float[np.ndarray, "n q r"]) -> float:
    """Return the variance of Jacobians over their mean square.

    Parameters
    ----------
    gradients
        One Jacobian per row.

    Returns
    -------
    float
        0 where the outputs are linear in the space, at most 1.
    """
    # From the first row on: what all rows share cancels to the last bit.
    apart, n = gradients - gradients[0], len(gradients)
    mean = np.full(n, 1 / n, dtype=gradients.dtype) @ apart.reshape(n, -1)
    variance = _mean_square(apart) - float((mean**2).sum(dtype=np.float64))
    return min(1.0, max(0.0, variance / _mean_square(gradients)))


def _mean_square(gradients: Float[np.ndarray, "n q r"]) -> float:
    flat = gradients.reshape(len(gradients), -1)
    return float(np.einsum("ij,ij->i", flat, flat).sum(dtype=np.float64)) / len(gradients)
