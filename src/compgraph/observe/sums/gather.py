"""Activations of one batch after the other in, moments and samples of every pair out."""

from math import prod

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from compgraph.errors import SiteError
from compgraph.observe.chain import Chain
from compgraph.observe.run.rows import Grid, to_rows
from compgraph.observe.sums.accumulate import CHUNK, Column, Product
from compgraph.observe.sums.reservoir import Reservoir
from compgraph.statistics import Moments, Pair, Sample

_Key = tuple[int, Grid]


class Gatherer:
    """Everything a pass keeps: bounded by one batch and the widths of the sites, never by the number of rows.

    Parameters
    ----------
    chain
        The sites.
    sample
        Largest number of rows kept per pair.
    seed
        Seed of the choice of those rows.
    """

    def __init__(self, chain: Chain, *, sample: int, seed: int) -> None:
        self.chain = chain
        self._columns: dict[_Key, Column] = {}
        self._products: dict[tuple[_Key, _Key], Product] = {}
        self._kept: dict[_Key, Float64[np.ndarray, "m d"]] = {}
        self._reservoirs = {prod(grid): Reservoir(sample, seed) for grid in chain.grids}
        self._chosen: dict[int, tuple[Int64[np.ndarray, " new"], Int64[np.ndarray, " new"]]] = {}
        self._arrived: set[int] = set()
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
        for positions, reservoir in self._reservoirs.items():
            row_ids = ids[:, None] * positions + np.arange(positions)
            self._chosen[positions] = reservoir.offer(row_ids.reshape(-1))

    def arrive(self, site: int, activation: Tensor) -> None:
        """Take in the activation of a site; it may be overwritten afterwards.

        Parameters
        ----------
        site
            Position in the chain.
        activation
            Of the whole batch.

        Raises
        ------
        SiteError
            When the site was there before in this batch.
        """
        tap = self.chain.taps[site]
        if site in self._arrived:
            raise SiteError(
                f"module {tap.name!r} was called twice in batch {self._batch} and once in the first one. Needed is "
                "one call for every batch: tap modules around it."
            )
        self._arrived.add(site)
        for grid in dict.fromkeys(self.chain.grids[max(site - 1, 0) : site + 1]):
            rows = _computable(to_rows(_computable(activation), tap.axis, grid))
            self._write((site, grid), tap.name, rows)

    def finish(self) -> None:
        """End a batch.

        Raises
        ------
        SiteError
            When a site was missing.
        """
        for site, tap in enumerate(self.chain.taps):
            if site not in self._arrived:
                raise SiteError(
                    f"module {tap.name!r} was never called in batch {self._batch}, though it was in the first one. "
                    "Needed is one call for every batch: tap modules around it."
                )
        if any(column.filled >= CHUNK for column in self._columns.values()):
            self.flush()

    def flush(self) -> None:
        """Turn what was gathered into sums."""
        chunks = {key: column.take() for key, column in self._columns.items()}
        for left, right in self._edges():
            if (left, right) not in self._products:
                self._products[left, right] = Product(self._columns[left], self._columns[right])
            for a, b in zip(chunks[left], chunks[right], strict=True):
                self._products[left, right].add(a, b)

    def moments(self) -> dict[Pair, Moments]:
        """Return the moments of every pair over all finished batches.

        Returns
        -------
        dict
            In order of depth.
        """
        self.flush()
        products = {key: product.result() for key, product in self._products.items()}
        found = {}
        for pair, (left, right) in self._ends().items():
            x, y = self._columns[left], self._columns[right]
            found[pair] = Moments(
                x.n,
                x.mean.cpu().numpy(),
                y.mean.cpu().numpy(),
                products[left, left],
                products[left, right],
                products[right, right],
            )
        return found

    def samples(self) -> dict[Pair, Sample]:
        """Return the kept rows of every pair.

        Returns
        -------
        dict
            In order of depth.
        """
        found = {}
        for pair, (left, right) in self._ends().items():
            reservoir = self._reservoirs[prod(left[1])]
            order = reservoir.order
            found[pair] = Sample(
                self._kept[left][order],
                self._kept[right][order],
                reservoir.ids[order],
                self._columns[left].n,
                reservoir.capacity,
                reservoir.seed,
            )
        return found

    def _write(self, key: _Key, name: str, rows: Float[Tensor, "m d"]) -> None:
        if key not in self._columns:
            self._columns[key] = Column(name, rows)
            self._kept[key] = np.empty((0, rows.shape[1]))
        self._columns[key].write(rows, self._batch)
        new, slots = self._chosen[prod(key[1])]
        if len(new):
            needed = int(slots.max()) + 1
            if needed > len(self._kept[key]):
                more = np.empty((needed, rows.shape[1]))
                self._kept[key] = np.concatenate([self._kept[key], more])[: self._reservoirs[prod(key[1])].capacity]
            self._kept[key][slots] = rows[torch.from_numpy(new).to(rows.device)].cpu().double().numpy()

    def _ends(self) -> dict[Pair, tuple[_Key, _Key]]:
        return {
            pair: ((i, grid), (i + 1, grid))
            for i, (pair, grid) in enumerate(zip(self.chain.pairs, self.chain.grids, strict=True))
        }

    def _edges(self) -> list[tuple[_Key, _Key]]:
        own = [(key, key) for key in self._columns]
        return own + list(self._ends().values())


def _computable(activation: Tensor) -> Tensor:
    """Widen half precision, in which averages over positions would lose what they average."""
    wide = activation.dtype in (torch.float32, torch.float64)
    return activation.detach() if wide else activation.detach().float()
