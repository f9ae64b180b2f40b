"""A pass under way as a file, from which another process goes on: sums and activations, never inputs."""

import hashlib
import logging
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Int64

from compgraph.errors import FileFormatError, ForeignRecord
from compgraph.observe.data.call import Call
from compgraph.observe.sums.gather import Gatherer
from compgraph.observe.sums.refill import refill, require_whole
from compgraph.storage import read_regular, seal, unseal, write_atomically

KIND = "compgraph-checkpoint/1"
MAX_BYTES = 1 << 36
SHARE = 20  # times as long as writing takes is the time until the next
_NUMBERS = "(row numbers)"
_LOG = logging.getLogger("compgraph")


class Seen:
    """A hash of the data that went by, one for each argument of the model and one for the numbers of the samples."""

    def __init__(self) -> None:
        self._hashes: dict[str, Any] = {}

    def add(self, call: Call, ids: Int64[np.ndarray, " n"]) -> None:
        """Take in one batch.

        Parameters
        ----------
        call
            Its arguments.
        ids
            Numbers of its samples.
        """
        self._hashes.setdefault(_NUMBERS, hashlib.sha256()).update(np.ascontiguousarray(ids).data)
        for name, each in call.tensors.items():
            axis = call.axes.get(name)
            rows = each.detach() if axis is None else each.detach().movedim(axis, 0)
            content = rows.to_dense() if rows.layout != torch.strided else rows
            total = self._hashes.setdefault(name, hashlib.sha256())
            total.update(
                content.resolve_conj().resolve_neg().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data
            )

    def state(self) -> dict[str, str]:
        """Return the hashes so far, by argument."""
        return {name: total.hexdigest() for name, total in self._hashes.items()}


class Checkpoint:
    """A file that is written now and then, and read when a pass starts.

    Parameters
    ----------
    path
        Of the file.
    made_of
        What model, options and sites the pass is of, as JSON can hold it.
    """

    def __init__(self, path: str | os.PathLike[str], made_of: Mapping[str, Any]) -> None:
        self.path, self._made_of = Path(path).expanduser(), made_of
        self.seen = Seen()
        self._next = time.monotonic()
        self._earlier = self._read() if os.path.lexists(self.path) else None

    @property
    def ahead(self) -> int:
        """Samples that the file says are in the sums, and that have not gone by again."""
        return 0 if self._earlier is None else int(self._earlier[0]["n"])

    def handed_on(self, number: int) -> set[int]:
        """Return the sites of which the file has no rows, as they hand inputs on.

        Parameters
        ----------
        number
            Of the gatherer.

        Returns
        -------
        set of int
            Empty where there is no file.
        """
        if self._earlier is None:
            return set()
        try:
            return {int(site) for site in self._earlier[0]["gatherers"][number]["handed_on"]}
        except (LookupError, TypeError, ValueError) as error:
            raise self._unfit(error) from error

    def write(self, n: int, gatherers: Sequence[Gatherer]) -> None:
        """Write the file, unless it was written a moment ago.

        Parameters
        ----------
        n
            Samples in the sums.
        gatherers
            With the sums.
        """
        began = time.monotonic()
        if began < self._next:
            return
        arrays: dict[str, np.ndarray] = {}
        held = [_state(each, f"{number}", arrays) for number, each in enumerate(gatherers)]
        facts = {"made_of": self._made_of, "n": n, "seen": self.seen.state(), "gatherers": held}
        write_atomically(self.path, seal(KIND, facts, arrays))
        now = time.monotonic()
        self._next = now + SHARE * (now - began)

    def restore(self, gatherers: Sequence[Gatherer], device: torch.device) -> None:
        """Go on from the file, once all samples in it have gone by again.

        Parameters
        ----------
        gatherers
            That have seen the inputs of those samples.
        device
            Where the model runs.

        Raises
        ------
        ForeignRecord
            When those were other inputs than at the first time.
        """
        if self._earlier is None:
            return
        facts, arrays = self._earlier
        self._earlier, now = None, self.seen.state()
        if now != facts["seen"]:
            before = facts["seen"]
            other = sorted(
                name for name in {*now, *before} if name not in now or name not in before or now[name] != before[name]
            )
            raise ForeignRecord(
                f"the first {facts['n']} samples are not those that the checkpoint {str(self.path)!r} has seen "
                f"({_in_words(other[-1])}). A pass goes on where data come in the same order, such as from a loader "
                "that does not shuffle or whose sampler is seeded; or delete the file and start anew."
            )
        try:
            for number, (gatherer, held) in enumerate(zip(gatherers, facts["gatherers"], strict=True)):
                refill(gatherer, f"{number}", held, arrays, device)
                require_whole(gatherer, facts["n"])
        except (KeyError, TypeError, ValueError, RuntimeError, IndexError, OverflowError, AttributeError) as error:
            raise self._unfit(error) from error
        _LOG.info("compgraph.collect goes on after %d samples, from %s.", facts["n"], self.path)

    def finish(self) -> None:
        """End the data.

        Raises
        ------
        ForeignRecord
            When the data ended before what the file has seen.
        """
        if self._earlier is not None:
            raise ForeignRecord(
                f"the data ended before the {self.ahead} samples that the checkpoint {str(self.path)!r} has seen. Give "
                "the same data, or delete the file and start anew."
            )

    def remove(self) -> None:
        """Remove the file: the statistics are made."""
        self.path.unlink(missing_ok=True)

    def _unfit(self, error: Exception) -> FileFormatError:
        return FileFormatError(
            f"the checkpoint {str(self.path)!r} does not fit its own model: {type(error).__name__}: {error}. Delete it "
            "to start anew."
        )

    def _read(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        try:
            facts, arrays = unseal(read_regular(self.path, limit=MAX_BYTES), KIND)
            before = facts["made_of"]
            if type(facts["n"]) is not int or facts["n"] < 1:
                raise FileFormatError(f"it is of {facts['n']!r} samples.")
            if not isinstance(facts["seen"], dict) or not isinstance(facts["gatherers"], list):
                raise FileFormatError("it holds no sums.")
        except (FileFormatError, KeyError) as error:
            raise FileFormatError(
                f"cannot go on from the checkpoint {str(self.path)!r}: {error} Delete it to start anew."
            ) from error
        for name, one, other in _differences(before, self._made_of):
            raise ForeignRecord(
                f"the checkpoint {str(self.path)!r} is of another pass: {name} was {one!r} and is {other!r}. Use the "
                "model and options that it was begun with, or delete the file and start anew."
            )
        return facts, arrays


def _in_words(name: str) -> str:
    return "their numbers" if name == _NUMBERS else f"argument {name!r}"


def _state(gatherer: Gatherer, where: str, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """Return what a gatherer holds but for rows of inputs, handed on or not, which the data give again."""
    taps, columns = gatherer.graph.taps, []
    for number, (key, column) in enumerate(gatherer.columns.items()):
        secret = taps[key[0]].kind == "input" or key[0] in gatherer.handed_on
        state = {name: each for name, each in column.state().items() if not secret or name in ("mean", "n")}
        state |= {} if secret else {"kept": gatherer.rows_kept(key)}
        arrays.update({f"{where}.column.{number}.{name}": each for name, each in state.items()})
        columns.append({"site": key[0], "grid": list(key[1]), "width": len(column.mean), "arrays": list(state)})
    for number, product in enumerate(gatherer.products.values()):
        arrays[f"{where}.product.{number}"] = product.total.cpu().numpy()
    ends = [[[left[0], list(left[1])], [right[0], list(right[1])]] for left, right in gatherer.products]
    sites = {"lost": sorted(gatherer.lost), "handed_on": sorted(gatherer.handed_on)}
    return {"columns": columns, "products": ends, **sites}


def _differences(before: Any, now: Any, name: str = "") -> list[tuple[str, Any, Any]]:
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        keys = dict.fromkeys([*before, *now])
        return [
            found
            for key in keys
            for found in _differences(before.get(key), now.get(key), f"{name}.{key}" if name else key)
        ]
    if isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        return [found for one, other in zip(before, now, strict=True) for found in _differences(one, other, name)]
    return [] if before == now else [(name, before, now)]
