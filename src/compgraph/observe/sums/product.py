"""Sums of products of rows that stream by, shared between pairs: float64, chunk by chunk."""

import numpy as np
import torch
from jaxtyping import Float64

from compgraph.observe.sums.column import Chunk, Column

_STRIP = 128  # features in one strip of a symmetric product


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
