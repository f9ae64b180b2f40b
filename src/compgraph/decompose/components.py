"""Components of one space, and of all spaces of a model."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64, Int64

from compgraph.decompose.interaction.method import Interactions
from compgraph.records import brief, read_only
from compgraph.statistics import Identity, Space


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Components:
    """The components of one space, in the order in which the method found them.

    Attributes
    ----------
    space
        The layer and side they belong to.
    method
        Name of the method that found them.
    axes
        One filter per row. In each, the entry of largest magnitude is positive.
    patterns
        What the activations do when a score rises by one and the others stay: ``axes @ patterns.T`` is the identity.
    center
        Mean activation, which scores are measured from.
    deviation
        Standard deviation of each score over the data, in activation units.
    strength
        What each accounts for: variance, in squared activation units of the space. Where ``"gradient"`` finds what is
        read of a layer: gradient energy, in squared units of the model's output per squared activation unit of the
        space, at every depth, because targets count by what lies behind them.
    share
        ``strength`` over the total of the space: 1 is everything.
    gap
        Relative distance of the eigenvalue or singular value that chose the direction to the nearest other: near 0 the
        direction is arbitrary within a degenerate block. ``"pca"`` chooses among the eigenvalues of the space,
        ``"plsr"`` among the singular values of what is left, ``"gradient"`` among the eigenvalues of the one target
        that the direction belongs to: another target may come as close. 1 for ``"neuron"``, which has no choice.
    block
        Number of the block of components that hardly interact with others, where the method finds blocks.
    part
        Number of its part of that block, where the block is divided again; else 0.
    output
        Name of the output of the model that the space is; empty for any other.
    """

    space: Space
    method: str
    axes: Float64[np.ndarray, "k d"]
    patterns: Float64[np.ndarray, "k d"]
    center: Float64[np.ndarray, " d"]
    deviation: Float64[np.ndarray, " k"]
    strength: Float64[np.ndarray, " k"]
    share: Float64[np.ndarray, " k"]
    gap: Float64[np.ndarray, " k"]
    block: Int64[np.ndarray, " k"] | None = None
    part: Int64[np.ndarray, " k"] | None = None
    output: str = ""

    __repr__ = brief

    def __post_init__(self) -> None:
        for name in ("axes", "patterns", "center", "deviation", "strength", "share", "gap"):
            object.__setattr__(self, name, read_only(getattr(self, name)))
        for name in ("block", "part"):
            if (labels := getattr(self, name)) is not None:
                whole = np.array(labels, dtype=np.int64)
                whole.flags.writeable = False
                object.__setattr__(self, name, whole)

    def __len__(self) -> int:
        return len(self.axes)

    def transform(self, rows: Float[np.ndarray, "n d"]) -> Float64[np.ndarray, "n k"]:
        """Return the scores of activations.

        Parameters
        ----------
        rows
            Activations of the layer.

        Returns
        -------
        numpy.ndarray
            One column per component, in activation units.
        """
        return (rows - self.center) @ self.axes.T

    def inverse_transform(self, scores: Float[np.ndarray, "n k"]) -> Float64[np.ndarray, "n d"]:
        """Return the activations that scores stand for.

        Parameters
        ----------
        scores
            One column per component.

        Returns
        -------
        numpy.ndarray
            Activations; their scores are ``scores`` again.
        """
        return scores @ self.patterns + self.center


class ComponentSet(dict[Space, Components]):
    """The components of every space, in the order in which data flows.

    Parameters
    ----------
    parts
        Space to `Components`.
    interactions
        What the method ``"interaction"`` found beside them: blocks, their number and the evidence; else nothing.
    identity
        Of which model, rows and options they are; ``None`` where the statistics do not know.
    """

    def __init__(
        self,
        parts: Mapping[Space, Components],
        interactions: Interactions | None = None,
        identity: Identity | None = None,
    ) -> None:
        super().__init__((space, parts[space]) for space in sorted(parts))
        self.interactions, self.identity = interactions, identity
