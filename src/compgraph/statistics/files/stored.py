"""Statistics as files: without their model, and without single examples unless they are asked for."""

import os
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from compgraph.errors import FileFormatError
from compgraph.statistics.files.saved import SCHEMA, as_facts, from_facts
from compgraph.storage import read_regular, seal, unseal, write_atomically

if TYPE_CHECKING:
    from compgraph.statistics.record import Statistics

MAX_BYTES = 1 << 36  # of a file: a few wide sites take gigabytes


class Stored:
    """What statistics can do because they can be written down."""

    __slots__ = ()

    def attach(self, model: Any, **given: Any) -> "Statistics":
        """Return statistics from a file with their model, which no file holds.

        Parameters
        ----------
        model
            The same model in the same state, on any device.
        **given
            ``layers`` and ``call``, where they were functions, which no file holds.

        Returns
        -------
        Statistics
            That ask the model for gradients and twins on the inputs in the file.

        Raises
        ------
        ForeignRecord, BadRequest
            When the model is another one, naming the first difference; when there are no inputs.
        """
        # By name, as imports go one way: statistics need no model, and what wakes them does.
        return import_module("compgraph.observe.gradients.waking").awake(self, model, **given)

    def to_bytes(self, *, keep_inputs: bool = False) -> bytes:
        """Return what `save` writes, for engines that send it themselves.

        Parameters
        ----------
        keep_inputs
            As for `save`.

        Returns
        -------
        bytes
            The same for the same statistics.
        """
        return seal(SCHEMA, *as_facts(cast("Statistics", self), keep_inputs=keep_inputs))

    @classmethod
    def from_bytes(cls, data: bytes) -> "Statistics":
        """Read what `to_bytes` made.

        Parameters
        ----------
        data
            The content of a file.

        Returns
        -------
        Statistics
            Without the model.

        Raises
        ------
        FileFormatError
            When the data are damaged, something else, or of another version. Nothing is executed or unpickled.
        """
        return from_facts(cast("type[Statistics]", cls), *unseal(data, SCHEMA))

    def save(self, path: str | os.PathLike[str], *, keep_inputs: bool = False) -> Path:
        """Write everything but the model into a file, whole or not at all.

        Parameters
        ----------
        path
            Such as ``"shard-3.safetensors"``, the format it has.
        keep_inputs
            Whether the kept inputs and the sampled rows are part of it: single examples, which may be private. Without
            them no value of an input is in the file, and there are no gradients and no twins.

        Returns
        -------
        pathlib.Path
            Where it was written.

        Raises
        ------
        OutputError, BadRequest
            When the path cannot be written, what was there before being untouched; when no file can hold an input.
        """
        return write_atomically(path, self.to_bytes(keep_inputs=keep_inputs))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Statistics":
        """Read a file that `save` wrote.

        Parameters
        ----------
        path
            The file.

        Returns
        -------
        Statistics
            Exactly those that were saved, without the model: ``Statistics.load(path).attach(model)`` has it again.

        Raises
        ------
        FileFormatError
            When it is missing, damaged, something else, or of another version.
        """
        try:
            return cls.from_bytes(read_regular(path, limit=MAX_BYTES))
        except FileFormatError as error:
            raise FileFormatError(f"cannot read {str(path)!r} as statistics: {error}") from error
