"""Components by what they do to the outputs: whiten, keep what is read, turn until blocks come apart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64

from compgraph.arguments import checked
from compgraph.arrays import descending
from compgraph.decompose.directions import Directions
from compgraph.decompose.interaction.blocks import Split, split
from compgraph.decompose.interaction.fixed_bases import along, energies, fixed_leaks
from compgraph.decompose.interaction.gaps import SMALLEST_BEND
from compgraph.decompose.interaction.nested_blocks import nested
from compgraph.decompose.interaction.output_scores import output_filters
from compgraph.decompose.interaction.read_subspace import Read, gradients_of_outputs, read_spaces
from compgraph.decompose.interaction.rotations import ROTATIONS, Rotation
from compgraph.decompose.linear_algebra.factorisations import inverse
from compgraph.errors import BadRequest, DeadSite, unknown_name
from compgraph.records import brief
from compgraph.statistics import POSITIONS, Space, Statistics

COMMUTANT = "commutant"
LIMIT = 48  # directions per space and outputs: the cost grows with the fourth power


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way to turn the read subspaces, and how well it keeps the blocks apart.

    Attributes
    ----------
    rotation
        Its name.
    leak
        Of the slowest mode that counts, with all bases as the rotation gives them: the part of the derivatives between
        blocks. For a single block, that of the first mode.
    """

    rotation: str
    leak: float


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Interactions:
    """What the method ``"interaction"`` found beside the components.

    Attributes
    ----------
    split
        Blocks of directions that hardly interact, and the evidence for them. The components are these directions where
        ``in_blocks`` says so.
    inner
        For each block, its own blocks.
    candidates
        Rotations that were compared, the chosen one first.
    notes
        Sentences for people: degenerate blocks, and why there is only one.
    gradients
        For each space, Jacobians of the outputs with respect to uncorrelated scores of unit variance, row by row.
    rows_per_sample
        For each space, how many of these rows in turn are of the same sample.
    """

    split: Split
    inner: tuple[Split, ...]
    candidates: tuple[Candidate, ...]
    notes: tuple[str, ...]
    gradients: tuple[Float32[np.ndarray, "_ q _"], ...]
    rows_per_sample: tuple[int, ...]

    __repr__ = brief

    @property
    def in_blocks(self) -> bool:
        """Whether the components are the directions of the blocks; no other rotation gives them any."""
        return self.candidates[0].rotation == COMMUTANT


@checked
def interaction_components(
    stats: Statistics, limit: int, rotations: Sequence[str | Rotation] = (COMMUTANT,)
) -> tuple[dict[Space, Directions], Interactions]:
    """Find directions that the outputs read, turned so that those serving different outputs come apart.

    Parameters
    ----------
    stats
        Of a model that can be differentiated.
    limit
        At most this many directions per space.
    rotations
        Compared by how little the blocks leak; ``"commutant"`` turns all spaces and the outputs together, the others
        see one space at a time and leave the outputs alone.

    Returns
    -------
    tuple
        Directions of every space (both sides of a layer share theirs), and the blocks they form.

    Raises
    ------
    UnknownName
        When no rotation has this name.
    BadRequest
        When a rotation does not return an orthonormal basis, or none is named.
    DeadSite
        When the output does not change with a space.

    Notes
    -----
    ``strength`` is the mean squared change of the outputs, each scaled to unit variance, summed, when a score of unit
    variance rises by one. Cost: see `read_spaces` and
    `compgraph.decompose.interaction.commutant.Forms`.

    Examples
    --------
    >>> import compgraph as cg
    >>> from compgraph.toys import multiplications
    >>> (toy,) = multiplications([0], epochs=100)
    >>> stats = cg.collect(toy.model, toy.data, toy.layers)
    >>> directions, found = interaction_components(stats, limit=8)
    >>> len(directions), found.split.n_blocks
    (6, 2)
    """
    if not rotations:
        raise BadRequest("no rotation is named; give at least one, such as 'commutant'.")
    resolved = [_resolve(rotation) for rotation in rotations]
    filters = output_filters(stats, limit)
    _require_read(stats)
    reads = read_spaces(stats, filters, limit)
    gradients, heads = tuple(read.gradients for read in reads.values()), tuple(map(len, filters.values()))
    tree = nested(gradients, heads=heads)
    found = tree.split
    bases, candidates = _best(stats, reads, found, resolved)
    rows = tuple(min(POSITIONS, stats.of_space(space).n // stats.n_samples) for space in reads)
    about = Interactions(found, tree.inner, candidates, _notes(found, candidates[0].rotation), gradients, rows)
    directions = {
        space: _directions(read, basis, place if about.in_blocks else None)
        for (space, read), basis, *place in zip(reads.items(), bases, found.blocks, tree.parts, strict=True)
    }
    for space in stats.spaces:
        read_side = Space(space.layer, "in", space.depth)
        if space.side == "out" and read_side in directions:
            directions[space] = directions[read_side]
    stops = np.cumsum(heads)
    for name, start, stop in zip(filters, stops - heads, stops, strict=True):
        here, part = slice(int(start), int(stop)), tree.output_part if about.in_blocks else None
        space = stats.returned[name]
        if space not in directions:
            directions[space] = _outputs(found, filters[name], here, part)
    return directions, about


def _require_read(stats: Statistics) -> None:
    """Refuse sites that nothing reads and that are no outputs, of which an output can read nothing."""
    useful = {
        *stats.returned.values(),
        *(Space(space.layer, "out", space.depth) for space in stats.spaces if space.side == "in"),
    }
    unread = [str(space) for space in stats.spaces if space.side == "out" and space not in useful]
    if unread:
        raise DeadSite(
            f"no output changes with {', '.join(unread)} over this data, so that the method 'interaction' finds "
            "nothing there. Leave the layer out, or use 'pca' or 'plsr', which look at activations alone."
        )


@checked
def blocks_of(stats: Statistics, limit: int = LIMIT, most: int | None = None) -> Split:
    """Find the blocks of a network, and nothing else.

    Parameters
    ----------
    stats
        Of a model that can be differentiated.
    limit
        At most this many directions per space.
    most
        Inputs on which the outputs are differentiated; all that were kept without.

    Returns
    -------
    Split
        As in `interaction_components`.

    Raises
    ------
    DeadSite
        When the output does not change with a space.

    Examples
    --------
    >>> import compgraph as cg
    >>> from compgraph.toys import multiplications
    >>> (toy,) = multiplications([0], epochs=100)
    >>> stats = cg.collect(toy.model, toy.data, toy.layers)
    >>> found = blocks_of(stats)
    >>> found.n_blocks, found.output_block.tolist()
    (2, [0, 1])
    """
    filters = output_filters(stats, limit)
    gradients = gradients_of_outputs(stats, filters, limit, most)
    return split(gradients, heads=tuple(map(len, filters.values())))


def _resolve(rotation: str | Rotation) -> tuple[str, Rotation | None]:
    if callable(rotation):
        return getattr(rotation, "__name__", "custom"), rotation
    if rotation == COMMUTANT:
        return rotation, None
    if rotation not in ROTATIONS:
        raise unknown_name("rotation", str(rotation), [COMMUTANT, *ROTATIONS])
    return rotation, ROTATIONS[rotation]


def _best(
    stats: Statistics, reads: Mapping[Space, Read], found: Split, rotations: Sequence[tuple[str, Rotation | None]]
) -> tuple[tuple[Float64[np.ndarray, "_ _"], ...], tuple[Candidate, ...]]:
    """Return the bases whose blocks leak least, and all candidates, the best first."""
    slow, outputs, bases = max(found.n_blocks - 2, 0), found.output_basis, []
    for name, rotation in rotations:
        turned = (
            found.bases if rotation is None else tuple(_turned(stats, s, r, name, rotation) for s, r in reads.items())
        )
        fixed = outputs if rotation is None else np.eye(len(outputs))
        weights = [
            along(energies(read.gradients, fixed), inverse(basis)[None])[0]
            for read, basis in zip(reads.values(), turned, strict=True)
        ]
        leak = fixed_leaks([each / each.sum() for each in weights])
        bases.append((Candidate(name, float(leak[slow]) if slow < len(leak) else 1.0), turned))
    bases.sort(key=lambda each: each[0].leak)
    return bases[0][1], tuple(candidate for candidate, _ in bases)


def _turned(stats: Statistics, space: Space, read: Read, name: str, rotation: Rotation) -> Float64[np.ndarray, "r r"]:
    pair = max(stats.out_of(space), key=lambda each: stats.moments[each].n)
    scores = (stats.samples[pair].x - stats.moments[pair].mean_x) @ read.axes.T
    basis = np.asarray(rotation(scores, read.gradients), dtype=np.float64)
    size = len(read.axes)
    if basis.shape != (size, size) or not np.allclose(basis @ basis.T, np.eye(size), atol=1e-6):
        raise BadRequest(
            f"rotation {name!r} gave an array of shape {basis.shape} for {space}; an orthonormal basis of shape "
            f"({size}, {size}) is needed, one direction per row."
        )
    return basis


def _directions(read: Read, basis: Float64[np.ndarray, "r r"], place: Sequence[np.ndarray] | None) -> Directions:
    dual = inverse(basis).T
    energy = np.einsum("kr,r,kr->k", dual, read.energy, dual)
    order = descending(energy)
    return Directions(
        axes=(basis @ read.axes)[order],
        strength=energy[order],
        patterns=(dual @ read.patterns)[order],
        total=read.total,
        **({} if place is None else {"block": place[0][order], "part": place[1][order]}),
    )


def _outputs(found: Split, filters: Float64[np.ndarray, "q d"], here: slice, part: np.ndarray | None) -> Directions:
    """Return the directions of one head, whose place among all outputs is ``here``; no basis turns across heads."""
    basis = np.eye(len(filters)) if part is None else found.output_basis[here, here]
    return Directions(
        axes=basis.T @ filters,
        strength=np.ones(len(filters)),
        gap=np.ones(len(filters)),
        total=float(len(filters)),
        **({} if part is None else {"block": found.output_block[here], "part": part[here]}),
    )


def _notes(found: Split, rotation: str) -> tuple[str, ...]:
    if rotation != COMMUTANT:
        chosen = (
            f"The directions are those of the rotation {rotation!r}, which know no blocks: their groups are held to "
            "null graphs alone."
        )
        return (chosen,)
    alike = found.n_slow - (found.n_blocks - 1)
    if found.bend < SMALLEST_BEND:
        linear = (
            "Degenerate: the outputs depend on the layers almost linearly (derivatives vary "
            f"by {found.bend:.0%} of their mean square; {SMALLEST_BEND:.0%} are needed), so any basis keeps them apart "
            "and none is the network's own."
        )
        return (linear,)
    if found.n_blocks == 1:
        return ("No part of the network is apart from the rest: no gap among the leaks is wide enough.",)
    if alike:
        degenerate = (
            f"Degenerate: {found.n_slow} modes hardly leak, and {alike} of them do not commute with the others. In a "
            "block the outputs depend on several directions almost linearly, and no basis of those is its own."
        )
        return (degenerate,)
    return ()
