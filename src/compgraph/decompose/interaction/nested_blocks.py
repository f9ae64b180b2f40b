"""Blocks inside blocks: each block is split again, and its directions are turned so that its parts come apart."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Float64, Int64

from compgraph.decompose.interaction.blocks import Split, split
from compgraph.decompose.linear_algebra.eigenvalues import descending_eigh
from compgraph.decompose.linear_algebra.factorisations import inverse
from compgraph.records import brief

GAP_OF_PARTS = 1.3  # no untrained twin stands against the parts of a block, so that their gap must be wider


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Nested:
    """A split whose blocks were split again.

    Attributes
    ----------
    split
        The first split, its directions turned within each block that has parts.
    inner
        For each block that reaches every space, its own split; empty where there is one block only.
    output_part
        Part of its block that each output is in; 0 throughout where a block has no parts.
    parts
        The same for the directions of each space.
    """

    split: Split
    inner: tuple[Split, ...]
    output_part: Int64[np.ndarray, " q"]
    parts: tuple[Int64[np.ndarray, " _"], ...]

    __repr__ = brief


def nested(gradients: Sequence[Float[np.ndarray, "_ q _"]], *, heads: Sequence[int] = ()) -> Nested:
    """Split a network into blocks, and each block into its parts.

    Parameters
    ----------
    gradients, heads
        As `compgraph.decompose.interaction.blocks.split` takes them.

    Returns
    -------
    Nested
        One more level than `split` gives.
    """
    found = split(gradients, heads=heads)
    of_head = np.repeat(np.arange(len(heads)), heads) if heads else np.zeros(len(found.output_block), dtype=np.int64)
    outputs, output_part = found.output_basis.copy(), np.zeros_like(found.output_block)
    bases, parts = [each.copy() for each in found.bases], [np.zeros_like(each) for each in found.blocks]
    inner = []
    for block in range(found.n_blocks) if found.n_blocks > 1 else ():
        if not all((labels == block).any() for labels in found.blocks):
            continue  # a block that leaves out a space is too thin to divide
        filters, jacobians = _inside(found, gradients, block)
        here = found.output_block == block
        sizes = np.unique(of_head[here], return_counts=True)[1].tolist()
        inner.append(split(jacobians, smallest=GAP_OF_PARTS, heads=sizes))
        if inner[-1].n_blocks == 1:
            continue
        outputs[:, here] = outputs[:, here] @ inner[-1].output_basis
        output_part[here] = inner[-1].output_block
        for index, labels in enumerate(found.blocks):
            bases[index][labels == block] = inner[-1].bases[index] @ filters[index]
            parts[index][labels == block] = inner[-1].blocks[index]
    return Nested(replace(found, output_basis=outputs, bases=tuple(bases)), tuple(inner), output_part, tuple(parts))


def _inside(
    found: Split, gradients: Sequence[Float[np.ndarray, "_ q _"]], block: int
) -> tuple[list[Float64[np.ndarray, "_ _"]], list[Float[np.ndarray, "_ b _"]]]:
    """Return filters to the directions of one block, and the Jacobians of its outputs with respect to their scores."""
    outputs = found.output_basis[:, found.output_block == block]
    filters, jacobians = [], []
    for each, basis, labels in zip(gradients, found.bases, found.blocks, strict=True):
        patterns = inverse(basis).T[labels == block]
        inner = np.einsum("nqr,qb,kr->nbk", each, outputs, patterns, optimize=True)
        flat = inner.reshape(-1, inner.shape[2])
        turn = descending_eigh(flat.T @ flat)[1]
        filters.append(turn @ basis[labels == block])
        jacobians.append(inner @ turn.T)
    return filters, jacobians
