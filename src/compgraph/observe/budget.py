"""How much memory a pass may take, and what fits."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from compgraph.arguments import whole_number
from compgraph.errors import BadRequest, ShapeError
from compgraph.observe.run.tap import Tap
from compgraph.observe.sums.column import CHUNK

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}
WIDE = 2048  # outputs of one head; more are sketched, as their spectrum alone would take minutes
SMALLEST_CHUNK = 512
FEWEST_INPUTS = 16
SKETCH = 512  # sums that stand for them


@dataclass(frozen=True, slots=True)
class Budget:
    """Bytes that a pass may take beside the model and the data.

    Attributes
    ----------
    total
        Of everything together.
    """

    total: int

    @classmethod
    def of(cls, memory: object) -> "Budget":
        """Read what a user gave.

        Parameters
        ----------
        memory
            A number of bytes, or a text such as ``"4GB"`` or ``"512 MiB"``.

        Returns
        -------
        Budget
            Of that many bytes.

        Raises
        ------
        BadRequest
            When it is neither, or less than a megabyte.
        """
        if isinstance(memory, str):
            match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?i?)b?\s*", memory.lower())
            if match is None or match[2] not in _UNITS:
                raise BadRequest(f'memory is {memory!r}; needed is a number of bytes or a text such as "4GB".')
            memory = int(float(match[1]) * _UNITS[match[2]])
        return cls(whole_number(memory, "memory", minimum=10**6))

    @property
    def one_matrix(self) -> int:
        """Bytes of the largest matrix of moments."""
        return self.total // 2

    @property
    def gradients(self) -> int:
        """Bytes of activations that autograd may hold at once."""
        return self.total // 16

    def samples_at_once(self, elements: int) -> int:
        """Return how many samples the model may run on at once.

        Parameters
        ----------
        elements
            Numbers that all modules give for one sample.

        Returns
        -------
        int
            At least 1.
        """
        return max(1, self.total // 8 // (4 * max(elements, 1)))

    def rows_at_once(self, widths: Iterable[int]) -> int:
        """Return how many rows of every site are gathered before they are multiplied.

        Parameters
        ----------
        widths
            Features of each site.

        Returns
        -------
        int
            As many as `compgraph.observe.sums.column.CHUNK` unless their buffers would not fit.
        """
        chunk, all_features = CHUNK, sum(widths)
        while chunk > SMALLEST_CHUNK and 4 * chunk * all_features > self.total // 16:
            chunk //= 2
        return chunk

    def inputs_for_gradients(self, elements: int) -> int:
        """Return for how many inputs gradients are asked: they cost a backward pass for every output and component.

        Parameters
        ----------
        elements
            Numbers that all modules give for one sample.

        Returns
        -------
        int
            So many that all modules together give for them, in numbers, a part of the budget in bytes: 32 million for
            4 GB. At least 16.
        """
        return max(FEWEST_INPUTS, self.total // 125 // max(elements, 1))

    def moment_fits(self, width: int) -> bool:
        """Tell whether the second moment of so many features fits.

        Parameters
        ----------
        width
            Number of features.

        Returns
        -------
        bool
            Whether the matrix takes at most half of the budget.
        """
        return 8 * width**2 <= self.one_matrix

    def require_moment(self, tap: Tap) -> None:
        """Refuse a site of so many features that their second moment would not fit.

        Parameters
        ----------
        tap
            The site.

        Raises
        ------
        ShapeError
            When it has no features, or too many.
        """
        width = tap.width
        if width == 0:
            raise ShapeError(f"site {tap.name!r} gives {tap.shape}: no features. Tap another module.")
        if self.moment_fits(width):
            return
        if tap.axis is None and len(tap.shape) > 2:
            remedy = f'Use rows="position" to treat the {tap.shape[1]} channels as features.'
            given = f'site {tap.name!r} gives {tap.shape}; rows="sample"'
        else:
            enough = f"{-(-16 * width**2 // 10**9)}GB"
            # The model's inputs and outputs are sites whatever layers say.
            instead = (
                "Tap a narrower module, leave this one out with layers=[...]"
                if tap.kind == "module"
                else (
                    "Give inputs of fewer features" if tap.kind == "input" else "Have the model return fewer features"
                )
            )
            remedy = f'{instead}, or give memory="{enough}".'
            given = f"site {tap.name!r} gives {tap.shape}; it"
        size = 8 * width**2
        raise ShapeError(
            f"{given} needs an {width} x {width} moment ({in_words(size)}), of a budget of {in_words(self.total)} in "
            f"all. {remedy}"
        )


@dataclass(frozen=True, slots=True)
class Kept:
    """What a pass keeps, and how much of it.

    Attributes
    ----------
    sample, seed
        Rows kept, and what chooses them.
    first_row
        Number of the first sample.
    budget
        Memory.
    double
        Whether sums are of float64 products whatever the precision of the activations.
    """

    sample: int
    seed: int
    first_row: int
    budget: Budget
    double: bool = False


def cost(widths: Iterable[int], crossed: Iterable[tuple[int, int]], sample: int) -> int:
    """Return the bytes that a pass over sites takes.

    Parameters
    ----------
    widths
        Features of each site.
    crossed
        Widths of every two sites whose cross moment is summed.
    sample
        Rows kept.

    Returns
    -------
    int
        Float64 sums, a chunk of float32 rows and the kept rows.
    """
    own = sum(8 * width**2 + 4 * CHUNK * width + 8 * sample * width for width in widths)
    return own + sum(8 * one * other for one, other in crossed)


def in_words(size: int) -> str:
    """Return a number of bytes for people.

    Parameters
    ----------
    size
        Bytes.

    Returns
    -------
    str
        With a unit.
    """
    scale, unit = next((each for each in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB")) if size >= each[0]), (1e3, "kB"))
    return f"{size / scale:.1f} {unit}"
