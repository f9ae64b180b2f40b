"""Activations of one batch after the other in, moments and samples of every pair out."""

from collections.abc import Iterable
from itertools import combinations
from math import prod

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from compgraph.errors import SiteError
from compgraph.observe.run.rows import Grid
from compgraph.observe.site_graph import SiteGraph
from compgraph.observe.sums.accumulate import CHUNK, Column, Product
from compgraph.observe.sums.reservoir import Reservoir
from compgraph.records import read_only
from compgraph.statistics import Moments, Pair, Sample

_Key = tuple[int, Grid]
_Slots = tuple[Int64[np.ndarray, " new"], Int64[np.ndarray, " new"]]


class Gatherer:
    """Everything a pass keeps: bounded by one batch and the widths of the sites, never by the number of rows.

    Parameters
    ----------
    graph
        The sites.
    sample
        Largest number of rows kept per pair.
    seed
        Seed of the choice of those rows.
    chunk
        Rows that are gathered before they are multiplied.

    Attributes
    ----------
    lost
        Numbers of the sites that not every batch has.
    """

    def __init__(self, graph: SiteGraph, *, sample: int, seed: int, chunk: int = CHUNK) -> None:
        self.graph, self._chunk = graph, chunk
        self._grids: dict[int, list[Grid]] = {number: [] for number in range(len(graph.taps))}
        for arrow in graph.arrows:
            for end in (arrow.source, arrow.target):
                if arrow.grid not in self._grids[end]:
                    self._grids[end].append(arrow.grid)
        self._columns: dict[_Key, Column] = {}
        self._products: dict[tuple[_Key, _Key], Product] = {}
        self._kept: dict[_Key, Float64[np.ndarray, "m d"]] = {}
        self._reservoirs = {prod(arrow.grid): Reservoir(sample, seed) for arrow in graph.arrows}
        self._chosen: dict[int, _Slots] = {}
        self._waiting: list[tuple[_Key, Float64[np.ndarray, "new d"]]] = []
        self._before: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        self._marks: dict[_Key, int] = {}
        self._arrived: set[int] = set()
        self.lost: set[int] = set()
        self._batch = 0

    def begin(self, batch: int, ids: Int64[np.ndarray, " n"]) -> None:
        """Start a batch.

        Parameters
        ----------
        batch
            Its number, for messages.
        ids
            Numbers of its samples.
        """
        self._batch = batch
        self._arrived.clear()
        self._waiting.clear()
        self._marks = {key: column.filled for key, column in self._columns.items()}
        for positions, reservoir in self._reservoirs.items():
            self._before[positions] = reservoir.state()
            row_ids = ids[:, None] * positions + np.arange(positions)
            self._chosen[positions] = reservoir.offer(row_ids.reshape(-1))

    def cancel(self) -> None:
        """Forget the batch that was begun, so that it can be taken in anew."""
        for key, column in self._columns.items():
            column.cut(self._marks.get(key, 0))
        for positions, state in self._before.items():
            self._reservoirs[positions].restore(state)

    def lose(self, site: int) -> None:
        """Give up a site that not every batch has, and all that was kept of it.

        Parameters
        ----------
        site
            Its number.
        """
        self.lost.add(site)
        for held in (self._columns, self._kept):
            for key in [key for key in held if key[0] == site]:
                del held[key]
        for ends in [ends for ends in self._products if site in (ends[0][0], ends[1][0])]:
            del self._products[ends]

    def arrive(self, site: int, activation: Tensor) -> None:
        """Take in the activation of a site; it may be overwritten afterwards.

        Parameters
        ----------
        site
            Its number.
        activation
            Of the whole batch.

        Raises
        ------
        SiteError
            When the site was there before in this batch.
        """
        tap = self.graph.taps[site]
        if site in self.lost:
            return
        if site in self._arrived:
            raise SiteError(
                f"module {tap.name!r} was called twice in batch {self._batch} and once in the first one. Needed is "
                "one call for every batch: tap modules around it."
            )
        self._arrived.add(site)
        for grid in self._grids[site]:
            self._write((site, grid), tap.name, _computable(tap.rows(_computable(activation), grid)))

    def finish(self) -> None:
        """End a batch.

        Raises
        ------
        SiteError
            When a site was missing.
        """
        for site, tap in enumerate(self.graph.taps):
            if site not in self._arrived and site not in self.lost:
                raise SiteError(
                    f"module {tap.name!r} was never called in batch {self._batch}, though it was in the first one. "
                    "Needed is one call for every batch: tap modules around it."
                )
        for key, rows in self._waiting:
            self._keep(key, rows)
        self._waiting.clear()
        if any(column.filled >= self._chunk for column in self._columns.values()):
            self.flush()

    def flush(self) -> None:
        """Turn what was gathered into sums."""
        chunks = {key: column.take() for key, column in self._columns.items()}
        for left, right in self._edges():
            if (left, right) not in self._products:
                self._products[left, right] = Product(self._columns[left], self._columns[right])
            for a, b in zip(chunks[left], chunks[right], strict=True):
                self._products[left, right].add(a, b)

    @property
    def n_rows(self) -> int:
        """Rows of the site that has fewest."""
        return min((column.n + column.filled for column in self._columns.values()), default=0)

    def constant(self) -> set[int]:
        """Return the sites that never varied over all finished batches.

        Returns
        -------
        set of int
            Their numbers.
        """
        self.flush()
        return {
            key[0]
            for key in self._columns
            if (key, key) in self._products and not self._products[key, key].total.diagonal().any()
        }

    def moments(self) -> tuple[dict[Pair, Moments], dict[tuple[Pair, Pair], Float64[np.ndarray, "_ _"]]]:
        """Return the moments of every pair over all batches, and those of what is read together; ends the pass.

        Returns
        -------
        tuple of dict
            In order of the pairs; and, for every two pairs that end at one space, the centred sum of products of what
            they start from.
        """
        self.flush()
        for column in self._columns.values():
            column.close()
        # One after the other, so that no two copies of all sums are held at once.
        products = {key: _frozen(self._products.pop(key).result()) for key in list(self._products)}
        means = {key: read_only(column.mean.cpu().numpy()) for key, column in self._columns.items()}
        ends = self._ends()
        found = {
            pair: Moments(
                self._columns[left].n,
                means[left],
                means[right],
                products[left, left],
                products[left, right],
                products[right, right],
            )
            for pair, (left, right) in ends.items()
        }
        crossed = {(one, other): products[ends[one][0], ends[other][0]] for one, other in self._together(ends)}
        return found, crossed

    def samples(self) -> dict[Pair, Sample]:
        """Return the kept rows of every pair.

        Returns
        -------
        dict
            In order of the pairs.
        """
        kept: dict[_Key, np.ndarray] = {}
        for key in list(self._kept):
            kept[key] = _frozen(self._kept.pop(key)[self._reservoirs[prod(key[1])].order])
        found = {}
        for pair, (left, right) in self._ends().items():
            reservoir = self._reservoirs[prod(left[1])]
            ids = reservoir.ids[reservoir.order]
            n = self._columns[left].n
            found[pair] = Sample(kept[left], kept[right], ids, n, reservoir.capacity, reservoir.seed)
        return found

    def _write(self, key: _Key, name: str, rows: Float[Tensor, "m d"]) -> None:
        if key not in self._columns:
            self._columns[key] = Column(name, rows, self._chunk)
            self._kept[key] = np.empty((0, rows.shape[1]))
        self._columns[key].write(rows, self._batch)
        new, _ = self._chosen[prod(key[1])]
        if len(new):
            self._waiting.append((key, rows[torch.from_numpy(new).to(rows.device)].cpu().double().numpy()))

    def _keep(self, key: _Key, rows: Float64[np.ndarray, "new d"]) -> None:
        _, slots = self._chosen[prod(key[1])]
        needed = int(slots.max()) + 1
        if needed > len(self._kept[key]):
            more = np.empty((needed, rows.shape[1]))
            self._kept[key] = np.concatenate([self._kept[key], more])[: self._reservoirs[prod(key[1])].capacity]
        self._kept[key][slots] = rows

    def _ends(self) -> dict[Pair, tuple[_Key, _Key]]:
        arrows = zip(self.graph.pairs, self.graph.arrows, strict=True)
        return {pair: ((each.source, each.grid), (each.target, each.grid)) for pair, each in arrows}

    def _together(self, ends: Iterable[Pair]) -> list[tuple[Pair, Pair]]:
        return [(one, other) for one, other in combinations(ends, 2) if one.target == other.target]

    def _edges(self) -> list[tuple[_Key, _Key]]:
        ends = self._ends()
        own = [(key, key) for key in self._columns]
        across = [(ends[one][0], ends[other][0]) for one, other in self._together(ends)]
        all_edges = dict.fromkeys([*own, *ends.values(), *across])
        return [each for each in all_edges if not {each[0][0], each[1][0]} & self.lost]


def _frozen(array: np.ndarray) -> np.ndarray:
    """Freeze an array that nobody else holds, so that records share it and make no copies."""
    array.flags.writeable = False
    return array


def _computable(activation: Tensor) -> Tensor:
    """Widen half precision, in which averages over positions would lose what they average."""
    wide = activation.dtype in (torch.float32, torch.float64)
    return activation.detach() if wide else activation.detach().float()
