"""Components of one space alone: its principal components, or its neurons."""

import numpy as np

from compgraph.arguments import checked
from compgraph.decompose.directions import Directions
from compgraph.decompose.linear_algebra.eigenvalues import descending_eigh, neighbour_gaps
from compgraph.decompose.numerical_rank import support, varying, within
from compgraph.errors import BadRequest
from compgraph.statistics import Moments


@checked
def pca(moments: Moments, n_components: int, *, share: float = 1.0) -> Directions:
    r"""Find the orthogonal directions of largest variance.

    .. math:: C v_k = \lambda_k v_k, \qquad C = S_{xx} / n

    Parameters
    ----------
    moments
        Of the space, as ``x``.
    n_components
        At most this many; fewer where the numerical rank is lower, see `compgraph.decompose.support`.
    share
        Of the variance of the space, above 0: no more directions than hold it. ``functools.partial(pca, share=0.99)``
        is a method for `compgraph.components`.

    Returns
    -------
    Directions
        ``strength`` is :math:`\lambda_k`, in squared activation units.

    Raises
    ------
    BadRequest
        When the share is not above 0 and at most 1.

    Notes
    -----
    Cost O(d^3). Where two eigenvalues are close (``gap`` near 0), any rotation between their directions is as
    good an answer: tasks of equal scale come out mixed.

    References
    ----------
    Jolliffe and Cadima, "Principal component analysis: a review and recent developments", Phil. Trans. R. Soc. A
    374 (2016), doi:10.1098/rsta.2015.0202.

    Examples
    --------
    >>> rows = np.array([[3.0, 0.0], [-3.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    >>> found = pca(Moments.of(rows @ np.array([[0.6, 0.8], [-0.8, 0.6]]), rows), 2)
    >>> np.abs(found.axes).round(3).tolist(), found.strength.round(3).tolist()
    ([[0.6, 0.8], [0.8, 0.6]], [4.5, 0.5])
    """
    if not 0 < share <= 1:
        raise BadRequest(f"share={share}: a share of the variance above 0 and at most 1 is needed.")
    basis = support(moments.xx)
    n = min(n_components, len(basis))
    # The next one below is part of the last gap.
    values, vectors = descending_eigh(within(basis, moments.xx) / moments.n, n + 1)
    if share < 1:  # all of it is held by all directions, which a sum that rounds to 1 early would cut short
        held = np.cumsum(values) / (np.trace(moments.xx) / moments.n)
        n = min(n, int(np.searchsorted(held, share)) + 1)
    return Directions(vectors[:n] @ basis, values[:n], neighbour_gaps(values)[:n])


@checked
def neurons(moments: Moments, n_components: int) -> Directions:
    """Take the neurons (or channels) of largest variance as they are: the privileged basis.

    Parameters
    ----------
    moments
        Of the space, as ``x``.
    n_components
        At most this many; neurons that are constant up to rounding are never taken.

    Returns
    -------
    Directions
        One-hot axes; ``strength`` is the variance of the neuron, in squared activation units; ``gap`` is 1, as no
        rotation of a neuron is a neuron.

    Notes
    -----
    Cost O(d log d).

    Examples
    --------
    >>> rows = np.array([[3.0, 0.0], [-3.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    >>> found = neurons(Moments.of(rows, rows), 1)
    >>> found.axes.tolist(), found.strength.tolist()
    ([[1.0, 0.0]], [4.5])
    """
    variance = np.diagonal(moments.xx) / moments.n
    order = np.argsort(-variance, kind="stable")[:n_components]
    kept = order[varying(moments.xx)[order]]
    return Directions(np.eye(len(variance))[kept], variance[kept], np.ones(len(kept)))
