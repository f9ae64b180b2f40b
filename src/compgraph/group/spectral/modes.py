"""The slow modes of many graphs with the same nodes, those of depth left out."""

from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64
from scipy import sparse

from compgraph.decompose.linear_algebra.factorisations import eigh
from compgraph.decompose.linear_algebra.lanczos import Product
from compgraph.decompose.linear_algebra.leading import leading_eigh
from compgraph.decompose.linear_algebra.triangular import positive_definite
from compgraph.group.many import ManyLinks
from compgraph.group.spectral.bands import Layout, laid_out, of_band
from compgraph.group.spectral.krylov import Modes, leading_modes
from compgraph.group.spectral.parts import Part, roots

DEPTH_MARGIN = 0.5  # a mode this part of a depth mode above the slowest one is that mode again, varying along depth
TOGETHER = 40  # up to so many nodes, all modes of all graphs are computed at once
DENSE = 400  # up to so many nodes, the modes are those of a dense matrix
FORMED = 600  # rows up to which an operator is formed: where modes lie close, that is quicker than many products
SMALLEST = 1e-3  # squares of eigenvalues below this are not told from 0 well
FIRST = 4  # modes that are looked at first, where their number is not known

Few = Callable[[int, float], Modes]
"""Gives so many of the slowest modes of one graph, or none where no mode of its matrix is above a limit."""


def slow_modes(many: ManyLinks, part: Part, *, n: int, cut: float) -> list[Modes]:
    """Return the slow modes of a part of each graph.

    Parameters
    ----------
    many
        The graphs.
    part
        One of `parts_of`.
    n
        How many modes; 0 for at least those that the spectrum counts.
    cut
        As for `compgraph.group.spectral.spectral_communities`.

    Returns
    -------
    list
        Values, in ascending order, and orthonormal columns, rows in the order of ``part.nodes``.
    """
    most = len(part.nodes) - 1 - int(part.level.max())
    if most == 0:
        return [(np.empty(0), np.empty((len(part.nodes), 0)))] * len(many)
    if len(part.nodes) > DENSE:
        layout = laid_out(many.links, part)
        few: Iterable[Few] = (_of_large(many.only(i), part, layout) for i in range(len(many)))
    else:
        few = _of_matrices(_shifted(many.adjacency()[:, part.nodes[:, None], part.nodes], part.level))
    if n > 0:
        return [each(min(n, most), -1.0) for each in few]
    return [_counted(each, cut, DEPTH_MARGIN * part.slowest, most) for each in few]


def _counted(few: Few, cut: float, margin: float, most: int) -> Modes:
    """Ask for more modes until the last one is too fast."""
    n = min(FIRST, most)
    while True:
        values, vectors = few(n, 1 - cut)
        if n == most or len(values) == 0 or values[-1] >= min(cut, values[0] + margin):
            return values, vectors
        n = min(2 * n, most)


def _shifted(weights: Float64[np.ndarray, "m n n"], level: Int64[np.ndarray, " n"]) -> Float64[np.ndarray, "m n n"]:
    r"""Return :math:`P N P - D D^T`, with the modes of depth in the columns of ``D`` and out of the way at -1.

    With :math:`N = D_w^{-1/2} W D_w^{-1/2}` the slow modes of :math:`P L P` are its leading ones.
    """
    root, depth = roots(weights.sum(axis=2), level)
    inverse = np.divide(1.0, root, out=np.zeros_like(root), where=root > 0)
    modes = depth[:, :, None] * (level[:, None] == np.arange(level.max() + 1))
    result = weights * inverse[:, :, None]
    result *= inverse[:, None, :]
    onto = result @ modes
    # P N P - D D^T = N - G D^T - D G^T
    onto += modes @ (np.eye(modes.shape[2]) - modes.transpose(0, 2, 1) @ onto) / 2
    result -= onto @ modes.transpose(0, 2, 1)
    result -= modes @ onto.transpose(0, 2, 1)
    return result


def _of_matrices(shifted: Float64[np.ndarray, "m n n"]) -> list[Few]:
    if shifted.shape[1] <= TOGETHER:
        values, vectors = eigh(shifted)
        return [_some_of(1 - each[::-1], columns[:, ::-1]) for each, columns in zip(values, vectors, strict=True)]
    return [_of_matrix(each) for each in shifted]


def _some_of(values: Float64[np.ndarray, " n"], vectors: Float64[np.ndarray, "n n"]) -> Few:
    return lambda n, _: (values[:n], vectors[:, :n])


def _of_matrix(shifted: Float64[np.ndarray, "n n"]) -> Few:
    def few(n: int, above: float) -> Modes:
        # A Cholesky factorisation costs far less than eigenvalues.
        if above > -1 and positive_definite(above * np.eye(len(shifted)) - shifted):
            return np.empty(0), np.empty((len(shifted), 0))
        values, vectors = leading_eigh(shifted, n)
        return 1 - values[::-1], vectors[:, ::-1]

    return few


def _leading(times: Product, size: int, n: int, above: float) -> Modes | None:
    """Give the largest eigenvalues of an operator, as `leading_modes` does; a small one is formed."""
    if size > FORMED:
        return leading_modes(times, size, n, above=above)
    values, vectors = _of_matrix(times(np.eye(size)))(n, above)
    return 1 - values, vectors


@dataclass(frozen=True, slots=True, eq=False)
class _Operator:
    """The matrix of `_shifted` of a single graph, which is never formed; columns are over all nodes."""

    graph: ManyLinks
    part: Part
    inverse: Float64[np.ndarray, "n 1"]
    depth: sparse.csr_array

    @classmethod
    def of(cls, graph: ManyLinks, part: Part) -> "_Operator":
        (degrees,) = graph.degrees()
        inverse, shape = np.zeros((len(degrees), 1)), (len(degrees), int(part.level.max()) + 1)
        (root,), (unit,) = roots(degrees[None, part.nodes], part.level)
        inverse[part.nodes, 0] = np.divide(1.0, root, out=np.zeros_like(root), where=root > 0)
        depth = sparse.coo_array((unit, (part.nodes, part.level)), shape=shape)
        return cls(graph, part, inverse, depth.tocsr())

    def times(
        self, values: Float64[np.ndarray, "n b"], spaces: Container[int] | None = None
    ) -> Float64[np.ndarray, "n b"]:
        """Multiply columns that are 0 outside of some spaces with P N P."""
        values = values - self.depth @ (self.depth.T @ values)
        result = self.inverse * self.graph.times((self.inverse * values)[None], spaces)[0]
        return np.asarray(result - self.depth @ (self.depth.T @ result))

    def modes(self, n: int, above: float) -> Modes | None:
        """Give what `Few` does, and nothing where the search does not end."""
        nodes = self.part.nodes

        def shifted(values: Float64[np.ndarray, "n b"]) -> Float64[np.ndarray, "n b"]:
            whole = self._spread(nodes, values)
            return (self.times(whole) - self.depth @ (self.depth.T @ whole))[nodes]

        found = self._of_half(n, above) or _leading(shifted, len(nodes), n, above)
        return None if found is None else (1 - found[0], found[1])

    def _of_half(self, n: int, above: float) -> Modes | None:
        r"""Use that with two halves :math:`P N P = [[0, B], [B^T, 0]]`, and look at :math:`B B^T`, of half the size.

        Its eigenvalues are the squares of those of ``P N P``, which come in pairs of both signs.
        """
        if self.part.halves is None:
            return None
        sizes = [sum(len(self.graph.links.members[space]) for space in half) for half in self.part.halves]
        here, there = self.part.halves if sizes[0] >= sizes[1] else self.part.halves[::-1]
        members = np.concatenate([self.graph.links.members[space] for space in sorted(here)])
        own = np.intersect1d(members, self.part.nodes)

        def squared(values: Float64[np.ndarray, "h b"]) -> Float64[np.ndarray, "h b"]:
            whole = self._spread(own, values)
            return (self.times(self.times(whole, here), there) - self.depth @ (self.depth.T @ whole))[own]

        found = _leading(squared, len(own), n, above**2 if above > 0 else -1.0)
        if found is None or found[0].min(initial=1.0) < SMALLEST:
            return None  # of equal halves, whose order the squares do not say
        values = np.sqrt(found[0])
        half = self._spread(own, found[1])
        return values, ((half + self.times(half, here) / values) / np.sqrt(2))[self.part.nodes]

    def _spread(self, nodes: Int64[np.ndarray, " k"], values: Float64[np.ndarray, "k b"]) -> Float64[np.ndarray, "n b"]:
        whole = np.zeros((len(self.inverse), values.shape[1]))
        whole[nodes] = values
        return whole


def _of_large(graph: ManyLinks, part: Part, layout: Layout) -> Few:
    """Give the modes of one graph without forming its matrix, as long as they are not a large part of all."""
    ways = [of_band(graph, part, layout)]
    if not layout.is_narrow(graph):
        ways.insert(0, _Operator.of(graph, part).modes)

    def few(n: int, above: float) -> Modes:
        for way in ways:
            if (found := way(n, above)) is not None:
                return found
        weights = graph.adjacency()[:, part.nodes[:, None], part.nodes]
        return _of_matrix(_shifted(weights, part.level)[0])(n, above)

    return few
