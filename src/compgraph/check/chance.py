"""Whether blocks of components are more than chance: untrained twins, random rotations, halves of the data."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from scipy.stats import special_ortho_group

from compgraph.arguments import checked, whole_number
from compgraph.check.agreement import weighted_ari
from compgraph.dealing import Deal, in_turn
from compgraph.decompose.factorisations import inverse
from compgraph.decompose.interaction.blocks import split
from compgraph.decompose.interaction.commutant import Coupling, modes
from compgraph.decompose.interaction.method import LIMIT, Interactions, blocks_of
from compgraph.errors import DeadSite, NotFinite, located
from compgraph.progress import announce
from compgraph.records import brief
from compgraph.statistics import Probe, Statistics


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
    """

    name: str
    statistic: str
    observed: float
    by_chance: tuple[float, ...]
    large: bool = True

    __repr__ = brief

    @property
    def p_value(self) -> float:
        """Share of values, the observed one among them, that are at least as extreme; NaN without any null."""
        if not self.by_chance:
            return math.nan
        sign = 1 if self.large else -1
        return (1 + sum(sign * each >= sign * self.observed for each in self.by_chance)) / (1 + len(self.by_chance))

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
        z = "" if math.isnan(self.z) else f"z = {self.z:.1f}, "
        return (
            f"{self.name}: {self.statistic} {self.observed:.3g}, by chance {np.mean(self.by_chance):.3g} "
            f"({z}p = {self.p_value:.3f})"
        )


@checked
def against_twins(
    stats: Statistics, *, n: int = 19, seed: int = 0, limit: int = LIMIT, deal: Deal = in_turn
) -> ChanceTest:
    """Compare the gap among the leaks with that of untrained twins of the network, on the same inputs.

    Parameters
    ----------
    stats
        Of a pass over the model.
    n
        Number of twins; 19 are the fewest that can give 0.05.
    seed
        Of their weights.
    limit
        Directions per space.
    deal
        Who measures which twin, ``(work, n) -> list``; the numbers are the same whoever does.

    Returns
    -------
    ChanceTest
        Large gaps are evidence. A twin with a dead layer has none, and a network without weights has no twins.

    Raises
    ------
    BadRequest
        When the statistics hold no model, or ``n`` is no whole number.

    Notes
    -----
    Both sides see the kept inputs only. An untrained network passes with a probability of at most the level of the
    test. Costs ``n + 1`` small passes and searches for blocks.

    Examples
    --------
    >>> import compgraph as cg
    >>> from compgraph.toys import multiplications
    >>> (toy,) = multiplications([0], epochs=100)
    >>> stats = cg.collect(toy.model, toy.data, toy.layers)
    >>> found = against_twins(stats, n=3)
    >>> found.observed > max(found.by_chance), found.p_value
    (True, 0.25)
    """
    n, seed = whole_number(n, "n", minimum=0), whole_number(seed, "seed", minimum=0)
    # The twins of a network without weights are the network itself.
    name, statistic = "untrained twins", "gap"
    if n == 0 or not (probe := stats.live("a comparison with untrained twins")).trainable():
        return ChanceTest(name, statistic, math.nan, ())
    seeds = np.random.SeedSequence(seed).generate_state(n).tolist()
    began = time.monotonic()
    observed = blocks_of(probe.again(), limit).gap
    announce(f"comparing with {n} untrained twins", (time.monotonic() - began) * n)
    return ChanceTest(name, statistic, observed, tuple(deal(lambda i: _twin_gap(probe, seeds[i], limit), n)))


def _twin_gap(probe: Probe, seed: int, limit: int) -> float:
    try:
        with located(f"untrained twin {seed}"):
            return blocks_of(probe.again(twin=seed), limit).gap
    except (DeadSite, NotFinite):
        return 0.0


@checked
def against_rotations(found: Interactions, *, n: int = 99, seed: int = 0, deal: Deal = in_turn) -> ChanceTest:
    """Compare the leak between blocks with that in random bases of the same subspaces.

    Parameters
    ----------
    found
        What the method ``"interaction"`` found.
    n
        Number of random bases of every space; the outputs keep theirs.
    seed
        Where they start.
    deal
        Who measures which basis, ``(work, n) -> list``; the numbers are the same whoever does.

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
    random rotations: leak 0.00534, by chance 0.318 (z = 2.9, p = 0.050)
    """
    n, seed = whole_number(n, "n", minimum=0), whole_number(seed, "seed", minimum=0)
    rng, slow = np.random.default_rng(seed), max(found.split.n_blocks - 2, 0)
    turn = found.split.output_basis
    white = [Coupling.of(each).turned(turn) for each in found.gradients]

    def leak(bases: Sequence[Float64[np.ndarray, "_ _"]]) -> float:
        turned = [coupling.turned(space=inverse(basis)) for coupling, basis in zip(white, bases, strict=True)]
        found_leaks = modes(turned, outputs="fixed", spaces="fixed").leak
        return float(found_leaks[slow]) if slow < len(found_leaks) else 1.0

    # Drawn here, whoever measures them: to draw is quick, and the numbers follow one another in a single stream.
    drawn = [[_rotation(len(basis), rng) for basis in found.split.bases] for _ in range(n)]
    by_chance = deal(lambda i: leak(drawn[i]), n)
    return ChanceTest("random rotations", "leak", leak(found.split.bases), tuple(by_chance), large=False)


def _rotation(size: int, rng: np.random.Generator) -> Float64[np.ndarray, "r r"]:
    return np.eye(1) if size == 1 else np.asarray(special_ortho_group.rvs(size, random_state=rng))


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
