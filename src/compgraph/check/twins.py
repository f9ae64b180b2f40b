"""Whether blocks of components are more than those of networks that learnt nothing."""

import math
import time
from collections.abc import Iterator, Sequence

import numpy as np

from compgraph.arguments import checked, whole_number
from compgraph.check.chance import ChanceTest
from compgraph.dealing import Deal, in_turn
from compgraph.decompose.interaction.blocks import widest_gap
from compgraph.decompose.interaction.method import LIMIT, blocks_of
from compgraph.decompose.interaction.output_scores import read_sides, scores_near_one
from compgraph.decompose.interaction.read_subspace import gradients_read
from compgraph.errors import CompgraphError, DeadSite, NotFinite, located
from compgraph.progress import announce
from compgraph.sequential import drawn
from compgraph.statistics import Probe, Responses, Space, Statistics

DIFFERENTIATED = 256  # kept inputs on which both sides are differentiated: more move gaps by less than twins differ


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
        Number of twins at most; 19 are the fewest that can give 0.05. Of 19, the first one whose gap is as wide ends
        the comparison, as `compgraph.sequential` says.
    seed
        Of their weights.
    limit
        Directions per space.
    deal
        Who measures which twin, ``(work, numbers) -> list``; the numbers are the same whoever does.

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
    Both sides see the kept inputs only, and are differentiated on the first 256 of them. An untrained network passes
    with a probability of at most the level of the test. Costs ``n + 1`` small passes and searches for blocks.

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
    alone = probe.again()
    observed = blocks_of(alone, limit, DIFFERENTIATED).gap
    announce(f"comparing with {n} untrained twins", (time.monotonic() - began) * n)
    # Where the kept inputs alone show fewer sites than all data, twins are no longer looked at where the network is.
    together = alone.probe if alone.spaces == stats.spaces else None

    def gaps(numbers: Sequence[int]) -> list[float]:
        twins = [seeds[number] for number in numbers]
        found: Iterator[Responses | None] = iter([None] * len(twins))
        if together is not None:
            found = together.responses(twins, scores_near_one(alone, limit), DIFFERENTIATED)
        spaces = read_sides(alone)
        first = (_gap(each, spaces, limit) for each in found)
        return [by_itself(probe, twin, limit) if gap is None else gap for twin, gap in zip(twins, first, strict=True)]

    return ChanceTest(name, statistic, observed, drawn(gaps, n, lambda gap: gap >= observed, deal), asked=n)


def _gap(responses: Responses | None, spaces: Sequence[Space], limit: int) -> float | None:
    """Return the gap of a twin; nothing where something is in the way."""
    if responses is None:
        return None
    try:
        return widest_gap(gradients_read(responses, spaces, limit), heads=responses.heads)
    except CompgraphError:
        return None


def by_itself(probe: Probe, seed: int, limit: int) -> float:
    """Return the gap of a twin as that of any other network is found.

    Parameters
    ----------
    probe
        Of the network.
    seed
        Of the twin.
    limit
        Directions per space.

    Returns
    -------
    float
        0 where a layer of the twin is dead.
    """
    try:
        with located(f"untrained twin {seed}"):
            return blocks_of(probe.again(twin=seed), limit, DIFFERENTIATED).gap
    except (DeadSite, NotFinite):
        return 0.0
