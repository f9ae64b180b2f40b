"""A component method, to be asked for components of the network that contracts are shown on."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from compgraph.decompose import ComponentSet, Decomposition, Directions, Interaction, Method
from compgraph.decompose import components as find_components
from compgraph.decompose.interaction import COMMUTANT
from compgraph.statistics import Statistics
from compgraph.testing.contract import Unusable, answer
from compgraph.testing.network import N_ROWS, WIDTHS, Network, network, rows

ORDINARY = f"a tanh network of {'-'.join(map(str, WIDTHS))} units (weights of seed 0) on {N_ROWS} rows (seed 1)"


@dataclass(frozen=True, slots=True)
class Given:
    """What a method's function gave before anything was made of it.

    Attributes
    ----------
    given
        As it came.
    width
        How many features the space has.
    shown
        The input, in words.
    """

    given: Any
    width: int
    shown: str

    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """Return axes and strength, or refuse what are none."""
        try:
            found = Directions(*self.given)
            axes, strength = np.asarray(found.axes), np.asarray(found.strength)
        except (TypeError, ValueError) as error:
            raise Unusable(f"{type(self.given).__name__} came", self.shown) from error
        if axes.ndim != 2 or axes.shape[1] != self.width or strength.shape != axes.shape[:1] or not len(axes):
            raise Unusable(f"axes of shape {axes.shape} and strength of shape {strength.shape} came", self.shown)
        return axes, strength


@dataclass(frozen=True, slots=True)
class Asked:
    """A method, and what it gives.

    Attributes
    ----------
    method
        As `components` takes it.
    """

    method: Method | Interaction

    @property
    def rounding(self) -> float:
        """How far equal numbers may be apart."""
        # Gradients of all outputs at once are float32.
        return 1e-5 if isinstance(self.method, Interaction) else 1e-8

    @property
    def turned(self) -> bool:
        """Whether a rotation is tried that promises less than a method."""
        # A rotation turns all directions of a space together, by a sample of its rows.
        return isinstance(self.method, Interaction) and not {*self.method.rotations} <= {COMMUTANT, "none"}

    def parts(
        self,
        inputs: np.ndarray,
        shown: str,
        *,
        n_components: int | None = 3,
        net: Network | None = None,
        stats: Statistics | None = None,
    ) -> ComponentSet:
        """Return the components of rows sent through the network, or through another, or of given statistics."""
        stats = stats or (net or network()).statistics(inputs)
        return answer(
            lambda: find_components(stats, self.method, n_components=n_components),
            f"{shown}, n_components={n_components}",
        )

    def answers(self) -> Iterator[Given]:
        """Yield what the functions of a method give on ordinary data; nothing for one that has none."""
        if isinstance(self.method, Interaction):
            self.parts(rows(), ORDINARY)
            return
        stats = network().statistics(rows())
        for space in stats.spaces:
            side = "reads" if space.side == "in" else "writes"
            function: Decomposition = getattr(self.method, side)
            given: Any = stats.facing(space)
            if self.method.from_gradients and side == "reads":
                (pair,) = stats.out_of(space)
                probe = stats.live("the contracts of a method", instead="no other")
                given = probe.gradient_moments(pair, np.eye(len(stats.moments[pair].mean_y)))
            shown = f"{ORDINARY}, {side} of {space}, n_components=3"
            width = len(stats.of_space(space).mean_x)
            yield Given(answer(partial(function, given, 3), shown), width, shown)
