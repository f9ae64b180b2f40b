"""How many dimensions of a space each output depends on."""

import numpy as np
from jaxtyping import Float64

from compgraph.arguments import checked
from compgraph.arrays import require_finite
from compgraph.decompose.linear_algebra.factorisations import eigh
from compgraph.errors import BadRequest, EmptyData
from compgraph.statistics import Moments, Space, Statistics


@checked
def read_energies(stats: Statistics) -> dict[Space, Float64[np.ndarray, "q d"]]:
    r"""Return the energies of the directions of every space that each output reads, none left out.

    With :math:`C` the covariance of the activations and :math:`g` the gradient of one output with respect to them, the
    energies of that output are the eigenvalues of

    .. math:: C^{1/2} \, E[g g^\top] \, C^{1/2} .

    Parameters
    ----------
    stats
        Of a model that can be differentiated.

    Returns
    -------
    dict
        For each ``"in"`` space, in the order in which data flows: a row for every output, the largest energy first. In
        squared units of the output: mean squared change when the activations move by one standard deviation along a
        direction. Invertible linear maps of the activations do not change them.

    Raises
    ------
    BadRequest
        When the statistics hold no model.

    Notes
    -----
    An output that is linear in a space has one energy that is not 0. The covariance is over all rows, gradients are
    those of the kept inputs. Costs one backward pass per output and kept input, and O(q d^3) per space.

    References
    ----------
    Bushnaq et al., "The local interaction basis: identifying computationally-relevant and sparsely interacting
    features in neural networks" (2024), doi:10.48550/arXiv.2405.10928.

    Examples
    --------
    >>> import torch
    >>> from compgraph.observe import collect
    >>> model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.ReLU(), torch.nn.Linear(2, 1))
    >>> energies = read_energies(collect(model, torch.eye(3)))
    >>> {space.layer: each.shape for space, each in energies.items()}
    {'input': (1, 3), '1': (1, 2)}
    """
    probe = stats.live("an energy of gradients")
    roots = {space: _root(stats.of_space(space)) for space in stats.spaces if space.side == "in"}
    n_outputs = sum(len(stats.of_space(space).mean_x) for space in stats.returned.values())
    sums = {space: np.zeros((n_outputs, *root.shape)) for space, root in roots.items()}
    n = dict.fromkeys(roots, 0)
    for chunk in probe.output_gradients(np.eye(n_outputs)):
        for space, gradients in chunk.items():
            moved = (gradients.astype(np.float64) @ roots[space]).transpose(1, 0, 2)
            sums[space] += moved.transpose(0, 2, 1) @ moved
            n[space] += len(gradients)
    # Rounding leaves eigenvalues of 0 on either side of it.
    return {space: eigh(sums[space] / n[space])[0][:, ::-1].clip(min=0) for space in sorted(roots)}


def _root(moments: Moments) -> Float64[np.ndarray, "d d"]:
    values, vectors = eigh(moments.xx / moments.n)
    return np.asarray((vectors * np.sqrt(values.clip(min=0))) @ vectors.T)


@checked
def effective_rank(energies: Float64[np.ndarray, " k"]) -> float:
    r"""Return how many equal energies would spread as evenly as these.

    .. math:: \exp\Bigl(-\sum_k p_k \log p_k\Bigr), \qquad p_k = e_k \Big/ \sum_l e_l

    Parameters
    ----------
    energies
        At least 0, such as eigenvalues or the strengths of components.

    Returns
    -------
    float
        1 when one holds everything, k when all k are equal. The order and the unit do not matter.

    Raises
    ------
    BadRequest
        When an energy is negative.
    EmptyData
        When all are 0, or there are none.
    NotFinite
        When one is NaN or infinite.

    References
    ----------
    Hill, "Diversity and evenness: a unifying notation and its consequences", Ecology 54 (1973), doi:10.2307/1934352
    (the number of order 1); Roy and Vetterli, "The effective rank: a measure of effective dimensionality", EUSIPCO
    (2007).

    Examples
    --------
    >>> effective_rank(np.array([2.0, 2.0, 0.0]))
    2.0
    """
    part = _parts(energies)
    part = part[part > 0]
    return float(np.exp(-(part * np.log(part)).sum()))


@checked
def n_holding(energies: Float64[np.ndarray, " k"], share: float = 0.9) -> int:
    """Return how many of the largest energies hold a share of all.

    Parameters
    ----------
    energies
        At least 0. Where small ones were left out before, a share near 1 counts what was kept and nothing else.
    share
        Above 0 and at most 1.

    Returns
    -------
    int
        At least 1.

    Raises
    ------
    BadRequest
        When the share is out of its range, or an energy is negative.
    EmptyData
        When all energies are 0, or there are none.
    NotFinite
        When one is NaN or infinite.

    Examples
    --------
    >>> n_holding(np.array([1.0, 6.0, 3.0]))
    2
    """
    if not 0 < share <= 1:
        raise BadRequest(f"share={share}: a part of all energy, above 0 and at most 1, is needed.")
    held = np.cumsum(np.sort(_parts(energies))[::-1])
    # A sum that is the share but for rounding is enough.
    return int(np.searchsorted(held, share * (1 - 1e-12))) + 1


def _parts(energies: Float64[np.ndarray, " k"]) -> Float64[np.ndarray, " k"]:
    require_finite(energies, "energies")
    if (energies < 0).any():
        raise BadRequest(f"{int((energies < 0).sum())} of {len(energies)} energies are negative; give squares.")
    if not energies.sum() > 0:
        raise EmptyData(f"all {len(energies)} energies are 0: nothing is there to be counted.")
    return energies / energies.sum()
