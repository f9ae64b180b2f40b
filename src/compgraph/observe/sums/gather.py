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
from compgraph.observe.sums.column import CHUNK, Column
from compgraph.observe.sums.product import Product
from compgraph.observe.sums.reservoir import Reservoir
from compgraph.records import frozen, read_only
from compgraph.statistics import Moments, Pair, Sample

Key = tuple[int, Grid]
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
        Rows that are multiplied at once, a power of two.
    double
        Whether sums are of float64 products whatever the precision of the activations.

    Attributes
    ----------
    columns, products, kept
        Sums and kept rows of sites at grids of positions.
    lost
        Numbers of the sites that not every batch has.
    handed_on
        Numbers of the sites that hand inputs on as they are, where rows are to be written into a file.
    chunk
        As given.
    """

    def __init__(self, graph: SiteGraph, *, sample: int, seed: int, chunk: int = CHUNK, double: bool = False) -> None:
        self.graph, self.chunk, self._double = graph, chunk, double
        self._grids: dict[int, list[Grid]] = {number: [] for number in range(len(graph.taps))}
        for arrow in graph.arrows:
            for end in (arrow.source, arrow.target):
                if arrow.grid not in self._grids[end]:
                    self._grids[end].append(arrow.grid)
        self.columns: dict[Key, Column] = {}
        self.products: dict[tuple[Key, Key], Product] = {}
        self.kept: dict[Key, Float64[np.ndarray, "m d"]] = {}
        self._reservoirs = {prod(arrow.grid): Reservoir(sample, seed) for arrow in graph.arrows}
        self._chosen: dict[int, _Slots] = {}
        self._waiting: list[tuple[Key, Float64[np.ndarray, "new d"]]] = []
        self._before: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        self._marks: dict[Key, int] = {}
        self._arrived: set[int] = set()
        self.lost: set[int] = set()
        self.handed_on: set[int] = set()
        self._batch = 0

    def begin(self, batch: int, ids: Int64[np.ndarray, " n"]) -> None:
        """Start a batch."""
        self._batch = batch
        self._arrived.clear()
        self._waiting.clear()
        self._marks = {key: column.waiting for key, column in self.columns.items()}
        for positions, reservoir in self._reservoirs.items():
            self._before[positions] = reservoir.state()
            row_ids = ids[:, None] * positions + np.arange(positions)
            self._chosen[positions] = reservoir.offer(row_ids.reshape(-1))

    def cancel(self) -> None:
        """Forget the batch that was begun, so that it can be taken in anew."""
        for key, column in self.columns.items():
            column.cut(self._marks.get(key, 0))
        for positions, state in self._before.items():
            self._reservoirs[positions].restore(state)

    def lose(self, site: int) -> None:
        """Give up a site that not every batch has, and all that was kept of it."""
        self.lost.add(site)
        for held in (self.columns, self.kept):
            for key in [key for key in held if key[0] == site]:
                del held[key]
        for ends in [ends for ends in self.products if site in (ends[0][0], ends[1][0])]:
            del self.products[ends]

    def arrive(self, site: int, activation: Tensor) -> None:
        """Take in the activation of a site; it may be overwritten afterwards."""
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

    def finish(self, *, again: bool = False) -> None:
        """End a batch.

        Parameters
        ----------
        again
            Whether the batch is in the sums already, and only its inputs came, for what is kept of them.

        Raises
        ------
        SiteError
            When a site was missing.
        """
        for site, tap in enumerate(self.graph.taps):
            if site not in self._arrived and site not in self.lost and not again:
                raise SiteError(
                    f"module {tap.name!r} was never called in batch {self._batch}, though it was in the first one. "
                    "Needed is one call for every batch: tap modules around it."
                )
        for key, rows in self._waiting:
            self._keep(key, rows)
        self._waiting.clear()
        if again:
            for column in self.columns.values():
                column.skip()
            return
        full = {key[1] for key, column in self.columns.items() if column.waiting >= column.block}
        if full:
            self._sum(full)

    def flush(self) -> None:
        """Turn all that was gathered into sums; ends the pass."""
        self._sum({key[1] for key in self.columns}, last=True)

    def _sum(self, grids: set[Grid], *, last: bool = False) -> None:
        """Turn the whole blocks of some grids into sums, or all that was gathered."""
        chunks = {key: column.take(last=last) for key, column in self.columns.items() if key[1] in grids}
        for left, right in self._edges():
            if left[1] not in grids:
                continue
            if (left, right) not in self.products:
                self.multiply(left, right)
            for a, b in zip(chunks[left], chunks[right], strict=True):
                self.products[left, right].add(a, b)

    def moments(self) -> tuple[dict[Pair, Moments], dict[tuple[Pair, Pair], Float64[np.ndarray, "_ _"]]]:
        """Return the moments of every pair over all batches, and those of what is read together; ends the pass.

        Returns
        -------
        tuple of dict
            In order of the pairs; and, for every two pairs that end at one space, the centred sum of products of what
            they start from.
        """
        self.flush()
        for column in self.columns.values():
            column.close()
        # One after the other, so that no two copies of all sums are held at once.
        products = {key: frozen(self.products.pop(key).result()) for key in list(self.products)}
        means = {key: read_only(column.mean.cpu().numpy()) for key, column in self.columns.items()}
        ends = self._ends()
        found = {
            pair: Moments(
                self.columns[left].n,
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
        kept: dict[Key, np.ndarray] = {}
        for key in list(self.kept):
            kept[key] = frozen(self.kept.pop(key)[self._reservoirs[prod(key[1])].order])
        found = {}
        for pair, (left, right) in self._ends().items():
            reservoir = self._reservoirs[prod(left[1])]
            ids = reservoir.ids[reservoir.order]
            n = self.columns[left].n
            found[pair] = Sample(kept[left], kept[right], ids, n, reservoir.capacity, reservoir.seed)
        return found

    def rows_kept(self, key: Key) -> Float64[np.ndarray, "m d"]:
        """Return the kept rows of a site at a grid, without the memory beyond them, which may hold anything."""
        return self.kept[key][: len(self._reservoirs[prod(key[1])].ids)]

    def open(self, key: Key, name: str, rows: Float[Tensor, "m d"]) -> None:
        """Start to sum the rows of a site at a grid of positions."""
        positions = prod(key[1])
        block = samples_of_block(positions, self.chunk) * positions
        self.columns[key] = Column(name, rows, block=block, chunk=self.chunk, double=self._double)
        self.kept[key] = np.empty((0, rows.shape[1]))

    def multiply(self, left: Key, right: Key, total: Float64[Tensor, "p q"] | None = None) -> None:
        """Start to sum the products of two columns."""
        product = Product(self.columns[left], self.columns[right])
        self.products[left, right] = product
        if total is not None:
            product.total.copy_(total)

    def n_kept(self, key: Key) -> int:
        """Return how many rows of a column the choice of rows keeps so far."""
        return len(self._reservoirs[prod(key[1])].ids)

    def _write(self, key: Key, name: str, rows: Float[Tensor, "m d"]) -> None:
        if key not in self.columns:
            self.open(key, name, rows)
        self.columns[key].write(rows, self._batch)
        new, _ = self._chosen[prod(key[1])]
        if len(new):
            self._waiting.append((key, rows[torch.from_numpy(new).to(rows.device)].cpu().double().numpy()))

    def _keep(self, key: Key, rows: Float64[np.ndarray, "new d"]) -> None:
        _, slots = self._chosen[prod(key[1])]
        needed = int(slots.max()) + 1
        if needed > len(self.kept[key]):
            more = np.empty((needed, rows.shape[1]))
            self.kept[key] = np.concatenate([self.kept[key], more])[: self._reservoirs[prod(key[1])].capacity]
        self.kept[key][slots] = rows

    def _ends(self) -> dict[Pair, tuple[Key, Key]]:
        arrows = zip(self.graph.pairs, self.graph.arrows, strict=True)
        return {pair: ((each.source, each.grid), (each.target, each.grid)) for pair, each in arrows}

    def _together(self, ends: Iterable[Pair]) -> list[tuple[Pair, Pair]]:
        return [(one, other) for one, other in combinations(ends, 2) if one.target == other.target]

    def _edges(self) -> list[tuple[Key, Key]]:
        ends = self._ends()
        own = [(key, key) for key in self.columns]
        across = [(ends[one][0], ends[other][0]) for one, other in self._together(ends)]
        all_edges = dict.fromkeys([*own, *ends.values(), *across])
        return [each for each in all_edges if not {each[0][0], each[1][0]} & self.lost]


def samples_of_block(positions: int, chunk: int = CHUNK) -> int:
    """Return how many samples make a block.

    Parameters
    ----------
    positions
        Rows of one sample.
    chunk
        Rows that are multiplied at once, a power of two.

    Returns
    -------
    int
        A power of two that divides ``chunk``, so that blocks of all grids end together after ``chunk`` samples.
    """
    return 1 << max(0, (chunk // positions).bit_length() - 1)


def _computable(activation: Tensor) -> Tensor:
    """Widen half precision, in which averages over positions would lose what they average."""
    wide = activation.dtype in (torch.float32, torch.float64)
    return activation.detach() if wide else activation.detach().float()
