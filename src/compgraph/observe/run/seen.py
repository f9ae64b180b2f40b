"""What was seen of a model in a run: records of its modules, and of the tensors they returned."""

from dataclasses import dataclass, field

from torch import nn

from compgraph.observe.run.activations import Selector


@dataclass(slots=True)
class Spot:
    """One tensor among those that a module returned.

    Attributes
    ----------
    place
        Its name in the container that was returned; empty for a lone tensor.
    shape
        In the first run.
    problem
        Why it is no activation, or empty.
    samples
        The axis of samples.
    axis
        The axis of features; None until something settles it.
    read_along
        Axes of features of the modules that were given this tensor as it is.
    flat
        Whether everything that a sample has is its features, as in the last states of recurrent layers.
    """

    place: str
    shape: tuple[int, ...] = ()
    problem: str = ""
    samples: int = 0
    axis: int | None = None
    read_along: set[int] = field(default_factory=set)
    flat: bool = False


@dataclass(slots=True)
class Seen:
    """What was seen of one module, of an input or of an output of the model.

    Attributes
    ----------
    name, module
        Dotted name, and the module; the whole model for its inputs and outputs.
    calls
        Number of calls in one run of the model.
    spots
        Tensors it returned, by place; at least one where it was called.
    reads
        Names of the modules whose output it was given, where that is one tensor passed on as it is.
    version
        Of the output when it was returned; writing to it in place makes a newer one.
    inside
        Names of the modules that it called.
    as_is
        Name of the module inside whose output it returned as it is, or empty.
    select
        Picks the activation out of what was returned.
    """

    name: str
    module: nn.Module
    calls: int = 0
    spots: dict[str, Spot] = field(default_factory=dict)
    reads: tuple[str, ...] = ()
    version: int = 0
    inside: set[str] = field(default_factory=set)
    as_is: str = ""
    select: Selector = None

    @property
    def leaf(self) -> bool:
        """Whether none of its own submodules was called."""
        return self.calls > 0 and not self.inside

    @property
    def spot(self) -> Spot:
        """The tensor that stands for the module: the first that is an activation, or the first."""
        return next((each for each in self.spots.values() if not each.problem), next(iter(self.spots.values())))

    @property
    def problem(self) -> str:
        """Why nothing it returned is an activation, or empty."""
        return self.spot.problem if self.spots else ""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the tensor that stands for the module; empty where there is none."""
        return self.spot.shape if self.spots else ()


@dataclass(slots=True)
class Trace:
    """All modules of a model in the order in which their first output was ready.

    Attributes
    ----------
    seen
        Modules that were called, by name; those never called at the end.
    size
        Number of samples in the run.
    inputs
        Floating-point inputs with samples, by the name of their site.
    outputs
        What the model returned, by the name of its site; ``reads`` names the modules whose output a tensor is.
    whole
        Whether the model runs on whole batches only.
    elements
        Number of tensor entries for one sample that all modules returned together: a measure of memory.
    """

    seen: dict[str, Seen]
    size: int
    inputs: dict[str, Seen]
    outputs: dict[str, Seen]
    elements: int = 0
    whole: bool = False

    @property
    def everything(self) -> dict[str, Seen]:
        """Inputs, modules and outputs, by name."""
        return {**self.inputs, **self.seen, **self.outputs}


def free_name(record: Trace, name: str) -> str:
    """Return a name for an input or output that no module has.

    Parameters
    ----------
    record
        Of the model.
    name
        The wish.

    Returns
    -------
    str
        In angle brackets where a module has that name.
    """
    return name if name not in record.seen else f"<{name}>"
