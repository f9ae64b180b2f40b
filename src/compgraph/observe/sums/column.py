"""Rows that stream by, in blocks that are centred by themselves."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64
from torch import Tensor

from compgraph.errors import NotFinite

CHUNK = 4096  # rows in one matrix product: enough to be fast, few enough for float32 sums to be exact enough
_SHORT = 256  # rows in one float32 sum where many numbers are equal
_LOOKED_AT = 33  # rows of a chunk that tell whether most are equal
_GOLDEN = 0.6180339887498949  # its multiples, modulo 1, follow no period that rows may have


@dataclass(slots=True)
class Chunk:
    """Rows centred about ``mean`` up to ``residual``, their sum; and their place in the stream."""

    rows: Float[Tensor, "m d"]
    mean: Float64[Tensor, " d"]
    residual: Float64[Tensor, " d"]
    step: Float64[Tensor, " d"]
    weight: float


class Column:
    """The rows of one site at one grid of positions, gathered until there are enough for a block.

    A block is made of its own rows alone, so that a pass over some of the blocks gives the sums that a pass over all
    has for them.

    Parameters
    ----------
    site
        Name for messages.
    rows
        The first rows; their width, precision and device are those of all that follow.
    block
        Rows of a block: those of a whole number of samples.
    chunk
        Rows in one matrix product; a larger block is cut.
    double
        Whether products are formed in float64 whatever the precision of the rows.
    """

    def __init__(
        self, site: str, rows: Float[Tensor, "m d"], *, block: int = CHUNK, chunk: int = CHUNK, double: bool = False
    ) -> None:
        device, dtype = _workspace(rows, double=double)
        self.site, self.block, self.chunk = site, block, min(block, chunk)
        self.n = 0
        self.filled = 0
        self.mean = torch.zeros(rows.shape[1], dtype=torch.float64, device=device)
        self._references: list[Float[Tensor, " d"]] = []
        self._buffer = torch.empty(min(block, chunk), rows.shape[1], dtype=dtype, device=device)
        self._batches: list[tuple[int, int]] = []
        self._taken = 0

    def write(self, rows: Float[Tensor, "m d"], batch: int) -> None:
        """Copy rows, so that whatever the model does to its activations next does not matter.

        Parameters
        ----------
        rows
            Of one batch.
        batch
            Its number, for messages.
        """
        self._make_room(len(rows))
        self._batches.append((batch, self.filled))
        done = 0
        while done < len(rows):
            left = self._left_of_chunk()
            part = rows[done : done + left]
            if left == self._length_of_chunk():
                # Subtracting a row that was seen keeps constant features exactly constant.
                first = part[0].to(self._buffer.device, self._buffer.dtype)
                self._references.append(torch.nan_to_num(first, nan=0.0, posinf=0.0, neginf=0.0))
            target = self._buffer[self.filled : self.filled + len(part)]
            if part.device == target.device:
                torch.sub(part, self._references[-1], out=target)
            else:
                target.copy_(part).sub_(self._references[-1])
            self.filled += len(part)
            done += len(part)

    @property
    def waiting(self) -> int:
        """Rows that are in no sum yet."""
        return self.filled - self._taken

    @property
    def is_referred(self) -> bool:
        """Whether every chunk that waits has what was subtracted from its rows."""
        return len(self._references) == len(self._starts(self.waiting))

    def cut(self, waiting: int) -> None:
        """Forget the rows written last.

        Parameters
        ----------
        waiting
            Number of rows in no sum that stay.
        """
        self._make_room(0)
        self.filled = waiting
        self._batches = [each for each in self._batches if each[1] < waiting]
        self._references = self._references[: len(self._starts(waiting))]

    def skip(self) -> None:
        """Forget the whole blocks in the buffer, which are in the sums already."""
        self._make_room(0)
        self._taken = self.filled - self.filled % self.block
        self._references = self._references[len(self._starts(self._taken)) :]

    def state(self) -> dict[str, np.ndarray]:
        """Return everything the column holds, for `restore`.

        Returns
        -------
        dict
            The sums, and the rows that are in none yet as they are in the buffer.
        """
        waiting = self._buffer[self._taken : self.filled]
        references = torch.stack(self._references) if self._references else waiting[:0]
        return {
            "mean": self.mean.cpu().numpy(),
            "n": np.array(self.n),
            "waiting": waiting.cpu().numpy(),
            "references": references.cpu().numpy(),
        }

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from an earlier state.

        Parameters
        ----------
        state
            From `state`; without rows the column keeps those it has.
        """
        self.n, self.mean = int(state["n"]), torch.tensor(state["mean"]).to(self.mean)
        if "waiting" in state:
            rows, references = (torch.tensor(state[name]).to(self._buffer) for name in ("waiting", "references"))
            self.filled = self._taken = 0
            self._make_room(len(rows))
            self._buffer[: len(rows)] = rows
            self.filled, self._references, self._batches = len(rows), list(references), [(-1, 0)]

    def close(self) -> None:
        """Give the memory of the buffer back; nothing more can be written."""
        self._buffer = self._buffer.new_empty(0, self._buffer.shape[1])

    def take(self, *, last: bool = False) -> list[Chunk]:
        """Take the whole blocks out of the buffer, as centred chunks.

        Parameters
        ----------
        last
            Whether nothing follows, so that the block that was begun is taken as well.

        Returns
        -------
        list of Chunk
            Views of the buffer, valid until the next `write` or `take`.
        """
        self._make_room(0)
        end = self.filled if last else self.filled - self.filled % self.block
        starts = self._starts(end)
        chunks = [
            self._centre(self._buffer[i:j], reference)
            for i, j, reference in zip(starts, [*starts[1:], end], self._references, strict=False)
        ]
        self._references = self._references[len(starts) :]
        self._taken = end
        return chunks

    def _starts(self, end: int) -> list[int]:
        """Return where the chunks before a row of the buffer start."""
        blocks = range(0, end, self.block)
        return [start for at in blocks for start in range(at, min(at + self.block, end), self.chunk)]

    def _length_of_chunk(self) -> int:
        """Rows of the chunk to which the next row belongs, once it is full."""
        within = self.filled % self.block
        return min(self.chunk, self.block - within // self.chunk * self.chunk)

    def _left_of_chunk(self) -> int:
        return self._length_of_chunk() - self.filled % self.block % self.chunk

    def _make_room(self, more: int) -> None:
        """Move what is left of the last blocks to the front, and make the buffer longer where it is too short."""
        if self._taken:
            left = self._buffer[self._taken : self.filled].clone()
            self._buffer[: len(left)] = left
            ends = [start for _, start in self._batches[1:]] + [self.filled]
            self._batches = [
                (batch, max(0, start - self._taken))
                for (batch, start), end in zip(self._batches, ends, strict=True)
                if end > self._taken
            ]
            self.filled, self._taken = len(left), 0
        end = self.filled + more
        if end > len(self._buffer):
            grown = self._buffer.new_empty(max(end, min(self.block, self.chunk) + more), self._buffer.shape[1])
            grown[: self.filled] = self._buffer[: self.filled]
            self._buffer = grown

    def _centre(self, rows: Float[Tensor, "m d"], reference: Float[Tensor, " d"]) -> Chunk:
        offset = rows.mean(dim=0)
        if not bool(torch.isfinite(offset).all()):
            self._require_finite()
            rows = rows.double()
            offset = rows.mean(dim=0)
        shared = _prefer_shared_values(offset, rows)
        rows.sub_(offset)
        if rows.dtype != torch.float64 and _squares_leave_range(rows):
            rows = rows.double()
        m, residual = len(rows), rows.sum(dim=0).double()
        if rows.dtype != torch.float64 and bool(shared.any()):
            # These are large, and a long sum of equal numbers rounds the same way each time.
            parts = [part.sum(dim=0) for part in torch.tensor_split(rows, -(-len(rows) // _SHORT))]
            residual = torch.where(shared, torch.stack(parts).double().sum(dim=0), residual)
        mean = reference.double() + offset.double() + residual / m
        step, weight = mean - self.mean, self.n * m / (self.n + m)
        self.mean = self.mean + step * (m / (self.n + m))
        self.n += m
        return Chunk(rows, mean, residual, step, weight)

    def _require_finite(self) -> None:
        bad = ~torch.isfinite(self._buffer[: self.filled]).all(dim=1)
        if not bool(bad.any()):
            return
        first = int(bad.nonzero()[0])
        batch = max(index for index, start in self._batches if start <= first)
        where = f"in batch {batch}" if batch >= 0 else "in the batch before the checkpoint"
        raise NotFinite(
            f"site {self.site!r} holds NaN or infinite values {where}. Finite activations are needed: "
            "look for the samples of that batch that cause it, or run the model in a wider dtype."
        )


def _prefer_shared_values(offset: Float[Tensor, " d"], rows: Float[Tensor, "m d"]) -> Bool[Tensor, " d"]:
    """Centre features about the value that most of their rows have exactly, and tell which features have one.

    About the mean such rows would all give the same product, whose rounding in a sum goes the same way each time; about
    their value they give exact zeros. What that leaves of the mean is the chunk's residual, about as large as the
    deviation or smaller.
    """
    if rows.dtype == torch.float64:
        return torch.zeros_like(offset, dtype=torch.bool)
    few = rows[(torch.arange(_LOOKED_AT, device=rows.device) * _GOLDEN % 1 * len(rows)).long()]
    middle = few.median(dim=0).values
    shared = 2 * (few == middle).sum(dim=0) > _LOOKED_AT
    torch.where(shared, middle, offset, out=offset)
    return shared


def _squares_leave_range(rows: Float[Tensor, "m d"]) -> bool:
    """Whether float32 products of these rows would overflow, or vanish where the rows do not."""
    # In parts, so that the squares stay in cache.
    energy = torch.stack([part.square().sum(dim=0) for part in torch.tensor_split(rows, -(-len(rows) // 256))]).sum(
        dim=0
    )
    suspect = ~((energy > 1e-24) & (energy < 1e30))
    return bool(suspect.any()) and bool(rows[:, suspect].any())


def _workspace(rows: Tensor, *, double: bool) -> tuple[torch.device, torch.dtype]:
    """Choose where products are formed, and how precisely."""
    if rows.device.type == "cuda":
        # TensorFloat-32 may be on, and it would cost three digits.
        return rows.device, torch.float64
    narrow = rows.dtype != torch.float64 and not double and _products_are_full()
    return torch.device("cpu"), torch.float32 if narrow else torch.float64


def _products_are_full() -> bool:
    """Whether torch multiplies float32 matrices in float32; users may allow it bfloat16."""
    try:
        return torch.get_float32_matmul_precision() == "highest"
    except RuntimeError:  # set by the newer interface, which the older one refuses to read
        return False
