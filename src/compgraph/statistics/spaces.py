"""Where components live: a side of a layer, and the pairs of spaces that data crosses."""

from dataclasses import dataclass
from typing import Literal

from compgraph.errors import BadRequest

Side = Literal["out", "in"]


@dataclass(frozen=True, slots=True)
class Space:
    """One side of the activations of one layer.

    A layer's activations form one vector space seen from two sides: ``"out"`` is what the layer writes,
    ``"in"`` is what its readers read. Spaces sort in the order in which data flows through them.

    Attributes
    ----------
    layer
        Name of the tapped site, such as ``"input"`` or ``"encoder.fc1"``.
    side
        ``"out"`` or ``"in"``.
    depth
        Sites on the longest way that leads to this one: 0 for an input.
    """

    layer: str
    side: Side
    depth: int

    def __lt__(self, other: "Space") -> bool:
        return self._key < other._key

    def __str__(self) -> str:
        return f"{self.layer} {self.side}"

    @property
    def _key(self) -> tuple[int, bool, str]:
        return (self.depth, self.side == "in", self.layer)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two spaces that face each other: what is read at ``source`` becomes what is written at ``target``.

    Attributes
    ----------
    source
        The ``"in"`` side of a site.
    target
        The ``"out"`` side of a site that reads it.
    """

    source: Space
    target: Space

    def __post_init__(self) -> None:
        if (self.source.side, self.target.side) != ("in", "out"):
            raise BadRequest(
                f"a pair goes from an 'in' side to an 'out' side, not from {self.source} to {self.target}."
            )

    def __lt__(self, other: "Pair") -> bool:
        return (self.source, self.target) < (other.source, other.target)

    def __str__(self) -> str:
        return f"{self.source.layer} -> {self.target.layer}"
