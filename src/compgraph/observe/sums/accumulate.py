"""Moments of rows that stream by: centred chunk by chunk, summed in float64, shared between pairs."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64
from torch import Tensor

from compgraph.errors import NotFinite

CHUNK = 4096  # rows in one matrix product: enough to be fast, few enough for float32 sums to be exact enough
_STRIP = 128  # features in one strip of a symmetric product
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
    """The rows of one site at one grid of positions, gathered until there are enough for a chunk.

    Parameters
    ----------
    site
        Name for messages.
    rows
        The first rows; their width, precision and device are those of all that follow.
    chunk
        Rows in one matrix product.
    """

    def __init__(self, site: str, rows: Float[Tensor, "m d"], chunk: int = CHUNK) -> None:
        device, dtype = _workspace(rows)
        self.site, self.chunk = site, chunk
        self.n = 0
        self.filled = 0
        # Subtracting a row that was seen keeps constant features exactly constant.
        self.reference = torch.nan_to_num(rows[0].to(device, dtype), nan=0.0, posinf=0.0, neginf=0.0)
        self.mean = torch.zeros(rows.shape[1], dtype=torch.float64, device=device)
        self._buffer = torch.empty(chunk, rows.shape[1], dtype=dtype, device=device)
        self._batches: list[tuple[int, int]] = []

    def write(self, rows: Float[Tensor, "m d"], batch: int) -> None:
        """Copy rows, so that whatever the model does to its activations next does not matter.

        Parameters
        ----------
        rows
            Of one batch.
        batch
            Its number, for messages.
        """
        end = self.filled + len(rows)
        if end > len(self._buffer):
            grown = self._buffer.new_empty(max(end, self.chunk + len(rows)), self._buffer.shape[1])
            grown[: self.filled] = self._buffer[: self.filled]
            self._buffer = grown
        target = self._buffer[self.filled : end]
        if rows.device == target.device:
            torch.sub(rows, self.reference, out=target)
        else:
            target.copy_(rows).sub_(self.reference)
        self._batches.append((batch, self.filled))
        self.filled = end

    def cut(self, filled: int) -> None:
        """Forget the rows written last.

        Parameters
        ----------
        filled
            Number of rows in the buffer that stay.
        """
        self.filled = filled
        self._batches = [each for each in self._batches if each[1] < filled]

    def close(self) -> None:
        """Give the memory of the buffer back; nothing more can be written."""
        self._buffer = self._buffer.new_empty(0, self._buffer.shape[1])

    def take(self) -> list[Chunk]:
        """Empty the buffer into centred chunks.

        Returns
        -------
        list of Chunk
            Views of the buffer, valid until the next `write`.
        """
        starts = range(0, self.filled, self.chunk)
        chunks = [self._centre(self._buffer[i : min(i + self.chunk, self.filled)]) for i in starts]
        self.filled = 0
        self._batches.clear()
        return chunks

    def _centre(self, rows: Float[Tensor, "m d"]) -> Chunk:
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
        mean = self.reference.double() + offset.double() + residual / m
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
        raise NotFinite(
            f"site {self.site!r} holds NaN or infinite values in batch {batch}. Finite activations are needed: "
            "look for the samples of that batch that cause it, or run the model in a wider dtype."
        )


class Product:
    """Centred sum of products of two columns, or of one column with itself.

    Parameters
    ----------
    left, right
        Columns whose rows face each other.
    """

    def __init__(self, left: Column, right: Column) -> None:
        self.left, self.right = left, right
        self.total = torch.zeros(len(left.mean), len(right.mean), dtype=torch.float64, device=left.mean.device)

    def add(self, left: Chunk, right: Chunk) -> None:
        """Merge the products of one chunk, by the update of Chan, Golub and LeVeque.

        Parameters
        ----------
        left, right
            Chunks of the same rows.
        """
        m, width = len(left.rows), self.total.shape[0]
        # By symmetry only strips from the diagonal to the right are formed.
        strip = _STRIP if self.left is self.right else width
        a, b = (left.rows, right.rows)
        if a.dtype != b.dtype:
            a, b = a.double(), b.double()
        with torch.autocast(a.device.type, enabled=False):
            for i in range(0, width, strip):
                start = i if self.left is self.right else 0
                self.total[i : i + strip, start:] += a[:, i : i + strip].T @ b[:, start:]
        tall = torch.stack([left.step * left.weight, left.residual / -m], dim=1)
        self.total.addmm_(tall, torch.stack([right.step, right.residual]))

    def result(self) -> Float64[np.ndarray, "p q"]:
        """Return the sum so far.

        Returns
        -------
        numpy.ndarray
            Symmetric where both columns are the same.
        """
        total = self.total.cpu().numpy()
        if self.left is not self.right:
            return total
        upper = np.triu(total)
        return upper + np.triu(upper, 1).T


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


def _workspace(rows: Tensor) -> tuple[torch.device, torch.dtype]:
    """Choose where products are formed, and how precisely."""
    if rows.device.type == "cuda":
        # TensorFloat-32 may be on, and it would cost three digits.
        return rows.device, torch.float64
    narrow = rows.dtype != torch.float64 and _products_are_full()
    return torch.device("cpu"), torch.float32 if narrow else torch.float64


def _products_are_full() -> bool:
    """Whether torch multiplies float32 matrices in float32; users may allow it bfloat16."""
    try:
        return torch.get_float32_matmul_precision() == "highest"
    except RuntimeError:  # set by the newer interface, which the older one refuses to read
        return False
