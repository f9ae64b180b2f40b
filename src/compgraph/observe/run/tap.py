"""One site: where its activation is picked from, and which of its axes hold what."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from compgraph.errors import ShapeError, SiteError
from compgraph.observe.run.activations import Selector, problem, remedy
from compgraph.observe.run.nested import leaves
from compgraph.observe.run.rows import Grid, to_rows, width_of
from compgraph.statistics import row_priority

_AT_ONCE = 256  # rows that are sketched at once
Kind = Literal["input", "module", "output"]


@dataclass(frozen=True, slots=True)
class Tap:
    """One site of the graph of sites.

    Attributes
    ----------
    name
        Of the site.
    kind
        Whether it is an input of the model, what a module returned, or an output of the model.
    module
        Whose output is read; the whole model for its inputs and outputs.
    place
        Name of the tensor among the model's arguments, or in what was returned; empty for a lone tensor.
    select
        Picks out of what was returned, before ``place`` does.
    shape
        Of the activation in the first run, samples first.
    samples
        The axis of samples as the model has it.
    axis
        The axis of features once samples are first; ``None`` where all but the samples are features.
    output
        Name of the output of the model that the site is; empty for any other.
    buckets
        Where not 0, features are sketched: each is added to one of so many sums, with a sign.
    """

    name: str
    kind: Kind
    module: nn.Module
    place: str
    select: Selector
    shape: tuple[int, ...]
    samples: int
    axis: int | None
    output: str = ""
    buckets: int = 0

    @property
    def width(self) -> int:
        """Number of features."""
        return self.buckets or width_of(self.shape, self.axis)

    def rows(self, activation: Tensor, grid: Grid) -> Float[Tensor, "rows d"]:
        """Turn an activation into one row of features per sample and position.

        Parameters
        ----------
        activation
            From `pick`.
        grid
            Positions wanted.

        Returns
        -------
        torch.Tensor
            May share storage with ``activation``.

        References
        ----------
        Sketched features: Charikar, Chen and Farach-Colton, "Finding frequent items in data streams", ICALP (2002),
        doi:10.1007/3-540-45465-9_59.
        """
        rows = to_rows(activation, self.axis, grid)
        if not self.buckets:
            return rows
        bucket, sign = _hashed(rows.shape[1], self.buckets)
        bucket, sign = bucket.to(rows.device), sign.to(rows)
        # In parts, since a copy of all that is this wide may not fit.
        parts = torch.split(rows, _AT_ONCE)
        return torch.cat([part.new_zeros(len(part), self.buckets).index_add(1, bucket, part * sign) for part in parts])

    def found(self, output: Any) -> Any:
        """Return what stands for the site in what was returned.

        Parameters
        ----------
        output
            What the module, or the model, returned.

        Returns
        -------
        object
            A tensor, if all is well.
        """
        picked = output if self.select is None else self.select(output)
        if isinstance(picked, Tensor) and not self.place:
            return picked
        return dict(leaves(picked)).get(self.place, picked)

    def pick(self, output: Any, size: int) -> Tensor:
        """Return the activation in what was returned.

        Parameters
        ----------
        output
            What the module, or the model, returned.
        size
            Number of samples.

        Returns
        -------
        torch.Tensor
            With samples first.

        Raises
        ------
        SiteError
            When that is no activation.
        ShapeError
            When it has other features or positions than in the first batch.
        """
        return self.checked(self.found(output), size)

    def checked(self, activation: Any, size: int) -> Tensor:
        """Return a tensor of the site with samples first.

        Parameters
        ----------
        activation
            The tensor as the model has it.
        size
            Number of samples.

        Returns
        -------
        torch.Tensor
            A view.

        Raises
        ------
        SiteError, ShapeError
            As `pick`.
        """
        trouble = problem(activation)
        if not trouble and (activation.dim() <= self.samples or activation.shape[self.samples] != size):
            trouble = (
                f"gives {tuple(activation.shape)} for a batch of {size}: axis {self.samples} does not hold the samples"
            )
        if trouble:
            by = "" if self.select is None else " after its selector"
            raise SiteError(f"site {self.name!r}{by} {trouble}. {remedy(self.name, trouble)}")
        result: Tensor = activation.movedim(self.samples, 0)
        if tuple(result.shape[1:]) != self.shape[1:]:
            raise ShapeError(
                f"site {self.name!r} gives {tuple(result.shape)} where the first batch gave {self.shape}: only the "
                "number of samples may change. Pad or crop the inputs to one size."
            )
        return result

    def own_tensor(self) -> SiteError:
        """Return the error for a selector that makes a tensor of its own.

        Returns
        -------
        SiteError
            To be raised.
        """
        return SiteError(
            f"the selector of {self.name!r} computes a new tensor, which cannot be nudged inside the model. "
            "Gradients need a selector that picks one of the tensors the module returned."
        )


@lru_cache(maxsize=8)
def _hashed(width: int, buckets: int) -> tuple[Tensor, Tensor]:
    """Return the bucket and the sign of every feature, the same in every pass."""
    words = row_priority(np.arange(width), seed=0)
    bucket = (words >> np.uint64(1)) % np.uint64(buckets)
    return torch.from_numpy(bucket.astype(np.int64)), 1.0 - 2.0 * torch.from_numpy((words & np.uint64(1)).astype(float))
