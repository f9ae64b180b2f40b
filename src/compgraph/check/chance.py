"""Whether blocks of components are more than chance: untrained twins, random rotations, halves of the data."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64

from compgraph.arguments import checked, whole_number
from compgraph.check.agreement import weighted_ari
from compgraph.dealing import Deal, in_turn
from compgraph.decompose.interaction.blocks import split
from compgraph.decompose.interaction.fixed_bases import along, energies, fixed_leaks, random_bases
from compgraph.decompose.interaction.method import Interactions
from compgraph.decompose.linear_algebra.factorisations import inverse
from compgraph.records import brief
from compgraph.sequential import drawn, p_value

AT_ONCE = 32  # random bases measured together: few, so that little memory is needed


@dataclass(frozen=True, slots=True, repr=False)
class ChanceTest:
    """What was measured, and what chance gives.

    Attributes
    ----------
    name
        Of the null.
    statistic
        What is compared, in words.
    observed
        Its value.
    by_chance
        Its values under the null.
    large
        Whether large values are evidence; else small ones are.
    asked
        How many values were asked for, where drawing them ended as `compgraph.sequential` has it; None where it did
        not depend on them.
    """

    name: str
    statistic: str
    observed: float
    by_chance: tuple[float, ...]
    large: bool = True
    asked: int | None = None

    __repr__ = brief

    @property
    def p_value(self) -> float:
        """Share of values, the observed one among them, that are at least as extreme; NaN without any null."""
        if not self.by_chance:
            return math.nan
        extreme = [self.is_extreme(each) for each in self.by_chance]
        return (1 + sum(extreme)) / (1 + len(extreme)) if self.asked is None else p_value(extreme, self.asked)

    def is_extreme(self, value: float) -> bool:
        """Tell whether a value is at least as much evidence as the observed one.

        Parameters
        ----------
        value
            By chance.

        Returns
        -------
        bool
            Ties count.
        """
        return value >= self.observed if self.large else value <= self.observed

    @property
    def z(self) -> float:
        """Standard deviations by which the observed value is better than the mean; NaN where chance never varies."""
        if len(self.by_chance) < 2 or np.ptp(self.by_chance) == 0:
            return math.nan
        sign = 1 if self.large else -1
        return float(sign * (self.observed - np.mean(self.by_chance)) / np.std(self.by_chance))

    def __str__(self) -> str:
        if not self.by_chance:
            return f"{self.name}: not drawn"
        count, asked = len(self.by_chance), self.asked or 0
        ended = f"{count} of {asked} drawn, " if count < asked else ""
        z = "" if math.isnan(self.z) else f"z = {self.z:.1f}, "
        return (
            f"{self.name}: {self.statistic} {self.observed:.3g}, by chance {np.mean(self.by_chance):.3g} "
            f"({ended}{z}p = {self.p_value:.3f})"
        )


@checked
def against_rotations(found: Interactions, *, n: int = 99, seed: int = 0, deal: Deal = in_turn) -> ChanceTest:
    """Compare the leak between blocks with that in random bases of the same subspaces.

    Parameters
    ----------
    found
        What the method ``"interaction"`` found.
    n
        Number of random bases of every space; the outputs keep theirs. Fewer are drawn where p cannot be 0.05 any more.
    seed
        Where they start.
    deal
        Who measures which basis, ``(work, numbers) -> list``; the numbers are the same whoever does.

    Returns
    -------
    ChanceTest
        Small leaks are evidence that the basis matters, and not the subspace alone.

    Raises
    ------
    BadRequest
        When ``n`` or ``seed`` is no whole number.

    Examples
    --------
    >>> import compgraph as cg
    >>> from compgraph.toys import multiplications
    >>> (toy,) = multiplications([0], epochs=100)
    >>> stats = cg.collect(toy.model, toy.data, toy.layers)
    >>> print(against_rotations(cg.components(stats).interactions, n=19))
    random rotations: leak 0.00534, by chance 0.324 (z = 2.6, p = 0.050)
    """
    n, seed = whole_number(n, "n", minimum=0), whole_number(seed, "seed", minimum=0)
    slow, sizes = max(found.split.n_blocks - 2, 0), [len(basis) for basis in found.split.bases]
    energy = [energies(each, found.split.output_basis) for each in found.gradients]

    def leaks(bases: Sequence[Float64[np.ndarray, "k _ _"]]) -> list[float]:
        every = fixed_leaks([along(each, basis) for each, basis in zip(energy, bases, strict=True)])
        return every[:, slow].tolist() if slow < every.shape[1] else [1.0] * len(every)

    # Drawn here, whoever measures them: to draw is quick, and the numbers follow one another in a single stream.
    turns = random_bases(sizes, n, np.random.default_rng(seed))

    def work(numbers: Sequence[int]) -> list[float]:
        parts = [list(numbers[i : i + AT_ONCE]) for i in range(0, len(numbers), AT_ONCE)]
        return [value for part in parts for value in leaks([each[part] for each in turns])]

    (observed,) = leaks([inverse(basis)[None] for basis in found.split.bases])
    test = ChanceTest("random rotations", "leak", observed, (), large=False, asked=n)
    return replace(test, by_chance=drawn(work, n, test.is_extreme, deal))


@checked
def stability(found: Interactions) -> float:
    """Return how well blocks found in each half of the rows agree with those found in all.

    Parameters
    ----------
    found
        What the method ``"interaction"`` found.

    Returns
    -------
    float
        Mean importance-weighted adjusted Rand index over the two halves: 1 when both halves give every component its
        block, 0 when a half finds one block only. 1 where all rows give one block. No sample is in both halves.

    Examples
    --------
    >>> import compgraph as cg
    >>> from compgraph.toys import multiplications
    >>> (toy,) = multiplications([0], epochs=200)
    >>> stats = cg.collect(toy.model, toy.data, toy.layers)
    >>> stability(cg.components(stats).interactions)
    1.0
    """
    if found.split.n_blocks == 1:
        return 1.0
    by_sample = [
        each.reshape(-1, rows, *each.shape[1:])
        for each, rows in zip(found.gradients, found.rows_per_sample, strict=True)
    ]
    halves = [[each[start::2].reshape(-1, *each.shape[2:]) for each in by_sample] for start in (0, 1)]
    return float(np.mean([_agreement(found, half) for half in halves]))


def _agreement(found: Interactions, gradients: Sequence[np.ndarray]) -> float:
    if not all(each.any() for each in gradients):
        return 0.0  # nothing is read of a space in these rows
    whole, half = found.split, split(gradients)
    if half.n_blocks == 1:
        return 0.0
    ours, theirs, weights = (
        [whole.output_block],
        [_shadow(whole.output_basis.T, half.output_basis.T, half.output_block)],
        [],
    )
    weights.append(np.full(len(whole.output_block), 1 / len(whole.output_block)))
    for each, basis, block, other, labels in zip(
        gradients, whole.bases, whole.blocks, half.bases, half.blocks, strict=True
    ):
        patterns = inverse(basis).T
        energy = ((each @ patterns.T) ** 2).sum(axis=(0, 1))
        ours.append(block)
        theirs.append(_shadow(patterns, other, labels))
        weights.append(energy / energy.sum())
    return weighted_ari(np.concatenate(ours), np.concatenate(theirs), np.concatenate(weights))


def _shadow(patterns: Float64[np.ndarray, "k r"], filters: Float64[np.ndarray, "r r"], block: np.ndarray) -> np.ndarray:
    """Return, for each pattern, the block of ``filters`` that answers to it most."""
    answer = (patterns @ filters.T) ** 2
    n_blocks = int(block.max()) + 1
    return np.argmax(np.stack([answer[:, block == label].sum(axis=1) for label in range(n_blocks)], axis=1), axis=1)
