"""Saved files that have been tampered with, and labels that nobody should give: what is made of them is counted."""

import math
import random
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

import compgraph as cg
from mutations import Mutation, mutate, resealed_only

SHOWN = 3  # tracebacks


class Target(NamedTuple):
    """One kind of file, and what is tried on it.

    Attributes
    ----------
    valid
        Its content as it should be.
    suffix
        What its name ends in.
    reader
        Reads a path, and raises a `CompgraphError` where the content is not what it should be.
    own
        Mutations for this kind.
    behind_checksum
        Whether those alone are tried, as they leave the checksum right.
    content
        What of the thing that was read is compared.
    """

    valid: bytes
    suffix: str
    reader: Callable[[Path], Any]
    own: tuple[Mutation, ...] = ()
    behind_checksum: bool = False
    content: Callable[[Any], Any] = repr


@dataclass(slots=True)
class Counts:
    """What was made of hostile input.

    Attributes
    ----------
    same
        Read as if nothing had been changed; of labels, scored.
    other
        Read as something else; of labels, scored as NaN.
    refused
        Refused by a `CompgraphError`.
    raw
        Met by any other error: a fault.
    slowest
        Seconds of the one that took longest.
    faults
        The first tracebacks, and what led to them.
    """

    same: int = 0
    other: int = 0
    refused: int = 0
    raw: int = 0
    slowest: float = 0.0
    faults: list[str] = field(default_factory=list)

    def add(self, call: Callable[[], object], is_same: Callable[[Any], bool], about: str) -> None:
        """Call, and count the outcome."""
        start = time.perf_counter()
        try:
            same = is_same(call())
        except cg.CompgraphError:
            self.refused += 1
        except Exception:  # noqa: BLE001  that nothing else is raised is what is measured
            self.raw += 1
            if len(self.faults) < SHOWN:
                self.faults.append(f"{about}\n{traceback.format_exc(limit=-4)}")
        else:
            self.same += same
            self.other += not same
        self.slowest = max(self.slowest, time.perf_counter() - start)

    @property
    def tried(self) -> int:
        """How many inputs there were."""
        return self.same + self.other + self.refused + self.raw


def fuzz_file(target: Target, *, seconds: float, seed: int = 0) -> Counts:
    """Read mutations of a file until the time is over.

    Parameters
    ----------
    target
        The kind of file.
    seconds
        How long.
    seed
        Of the mutations.

    Returns
    -------
    Counts
        What was made of them.
    """
    rng, counts, end = random.Random(seed), Counts(), time.monotonic() + seconds
    change = resealed_only if target.behind_checksum else mutate
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"file{target.suffix}")
        path.write_bytes(target.valid)
        whole = target.content(target.reader(path))
        while time.monotonic() < end:
            name, data = change(target.valid, target.own, rng)
            path.write_bytes(data)
            about = f"{name}, number {counts.tried} of seed {seed}, {len(data)} bytes"
            counts.add(lambda: target.reader(path), lambda found: bool(target.content(found) == whole), about)
    return counts


def nasty_label(rng: random.Random, depth: int = 0) -> Any:
    """Return something that is hardly a label."""
    plain = (
        *(None, True, "", "a", "\ud83d", 0, -1, 10**400, 1.0, math.nan, math.inf, 1j, b"a", Ellipsis, int, len),
        *(np.float32(1), np.int64(1), np.nan, np.array(1), np.array([1, 2]), np.str_("a"), np.datetime64("NaT")),
        *(torch.tensor(1), torch.tensor(1.0), torch.tensor([1, 2]), torch.tensor(math.nan), object()),
        *((), frozenset(), range(3), [], {}, {1}),
    )
    if depth < 3 and rng.random() < 0.2:
        inner = [nasty_label(rng, depth + 1) for _ in range(rng.randrange(3))]
        return rng.choice((tuple(inner), inner))
    return rng.choice(plain)


def fuzz_labels(*, seconds: float, seed: int = 0) -> Counts:
    """Score nasty labels, groups and weights until the time is over.

    Parameters
    ----------
    seconds
        How long.
    seed
        Of the labels.

    Returns
    -------
    Counts
        What `compgraph.agreement` made of them.
    """
    rng, counts, end = random.Random(seed), Counts(), time.monotonic() + seconds
    nodes = "abcdef"
    while time.monotonic() < end:
        palette = [nasty_label(rng) for _ in range(rng.choice((1, 2, 3)))]
        strange = {node: rng.choice(palette) for node in nodes}
        plain = {node: index % 2 for index, node in enumerate(nodes)}
        groups, labels = rng.choice(((plain, strange), (strange, plain), (strange, strange)))
        weights = rng.choice((None, None, {node: rng.choice((1, 0.5, nasty_label(rng))) for node in nodes}))
        about = (
            f"number {counts.tried} of seed {seed}: groups {groups!r:.200}, labels {labels!r:.200}, {weights!r:.200}"
        )
        counts.add(
            partial(cg.agreement, groups, labels, weights=weights, n_permutations=rng.choice((0, 5))),
            lambda found: math.isfinite(found.ari),
            about,
        )
    return counts
