"""From a batch, in whatever form it comes, to a call of the model."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import zip_longest
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from compgraph.errors import BadRequest
from compgraph.observe.data.as_tensors import as_tensors, holds_numbers, kind
from compgraph.observe.data.call import Call, is_plain, leaves_of, tensors_of
from compgraph.observe.data.match import Matched, by_name, by_position
from compgraph.observe.data.sample_axes import Axes, asked_axes, axes_by_length, require_batch, require_samples, settled
from compgraph.observe.data.signature import signature_of


class Reader:
    """Reads batches for one model, all of them in the same way.

    Parameters
    ----------
    model
        The module that is called; its forward says which arguments there are.
    call
        From a batch to the arguments, where batches are objects of another kind.
    samples
        The axis of samples, for all arguments or by name.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        call: Callable[[Any], Any] | None = None,
        samples: int | Mapping[str, int | None] | None = None,
    ) -> None:
        if call is not None and not callable(call):
            raise BadRequest(f"call is {kind(call)}; needed is a function from a batch to the model's arguments.")
        self.model, self.call, self.samples = model, call, require_samples(samples)
        self.takes = signature_of(model)
        self._precision = _precision(model)
        self._axes: Axes = {}
        self._notes: dict[str, None] = {}

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences on what was left out, taken for a target, cast or found out."""
        return tuple(self._notes)

    def read(self, batch: Any) -> Call:
        """Return the call of the model that a batch stands for.

        Parameters
        ----------
        batch
            A tensor, array or data frame, ``(x, y, ...)``, a dict of arguments, or what ``call`` takes. A `Call` is
            returned as it is.

        Returns
        -------
        Call
            Sharing memory with the batch where it can.

        Raises
        ------
        BadRequest
            When it does not fit the model, or it is in doubt what is meant.
        """
        return batch if isinstance(batch, Call) else self.fit(self.arrange(batch))

    def arrange(self, batch: Any) -> Call:
        """Return the call for a batch in the precision of the batch.

        Parameters
        ----------
        batch
            As for `read`.

        Returns
        -------
        Call
            Of all its samples.

        Raises
        ------
        BadRequest
            As `read`.
        """
        found, n = (self._matched(batch), None) if self.call is None else self._called(self.call(batch))
        found = _converted(found, sparse=self.call is not None)
        tensors = tensors_of(found.args, found.kwargs, found.names)
        known = {name: axis for name, axis in self._axes.items() if name in tensors} | asked_axes(tensors, self.samples)
        self._require_known(tensors)
        axis = self.samples if isinstance(self.samples, int) else 0
        size, axes = axes_by_length(tensors, known, axis, n)
        if size is None:
            for _, each in leaves_of(found.args, found.kwargs):
                _require_known_kind(each)
            raise BadRequest(
                "a batch holds no tensor with an axis of samples. Needed: a tensor, a tuple or list that starts with "
                f"one, or a dict of keyword arguments; got {_kinds(found)}."
            )
        apart = _apart(found) and (n is None or all(axes[name] is not None or name in known for name in axes))
        return self.settle(self.model, Call(found.args, found.kwargs, size, axes, not apart, found.names))

    def settle(self, model: nn.Module, call: Call) -> Call:
        """Return a call whose axes of samples are known, and remember them for the batches that follow.

        Parameters
        ----------
        model
            Run on few samples where lengths alone do not tell.
        call
            With the axes that lengths suggest.

        Returns
        -------
        Call
            The same, but for axes.

        Raises
        ------
        BadRequest
            When the model runs under several readings, with other results.
        """
        if call.size == 0:
            return call
        if not self._axes:
            require_batch(model, call, self.fit)
        asked = dict(call.axes) if isinstance(self.samples, int) else asked_axes(call.tensors, self.samples)
        axes, notes = settled(model, call, {**self._axes, **asked}, self.fit)
        for note in notes:
            self.note(note)
        if not call.whole and call.size > 1:
            self._axes = {**axes, **self._axes}
        return replace(call, axes=axes)

    def fit(self, call: Call) -> Call:
        """Return a call with its numbers in the model's precision.

        Parameters
        ----------
        call
            In whatever precision the data have.

        Returns
        -------
        Call
            The same where the model has several precisions, or none.
        """
        precision = self._precision
        if precision is None:
            return call

        def cast(_name: str, each: Tensor) -> Tensor:
            if not each.is_floating_point() or each.dtype == precision:
                return each
            came, needed = (str(dtype).removeprefix("torch.") for dtype in (each.dtype, precision))
            self.note(f"{came} inputs were cast to {needed}, the model's precision.")
            return each.to(precision)

        return call.map(cast)

    def note(self, sentence: str) -> None:
        """Remember a sentence for people, once.

        Parameters
        ----------
        sentence
            On what was done on their behalf.
        """
        self._notes[sentence] = None

    def _matched(self, batch: Any) -> Matched:
        columns = _columns(batch, self.takes.lacking({}))
        if columns is not None:
            return by_name(columns, self.takes, self.note)
        items = tuple(batch) if _is_tuple(batch) else (batch,)
        if not items:
            return Matched((batch,))
        first, *others = items
        if isinstance(first, Mapping) or _is_tuple(first):
            found = self._nested(first)
            for place in range(1, len(others) + 1):
                self.note(
                    f"Item {place} of each batch was taken for a target and left out: item 0 holds the arguments."
                )
            return found
        if not holds_numbers(first):
            as_tensors(first)  # which says what it is, for kinds that are known
            _require_known_kind(first)
            return Matched(items)
        return by_position(items, self.takes, self.note)

    def _nested(self, first: Any) -> Matched:
        if isinstance(first, Mapping):
            return by_name(first, self.takes, self.note)
        for each in first:
            as_tensors(each)  # which says what it is, for kinds that are known
            _require_known_kind(each)
        if len(first) > len(self.takes.positional) and not self.takes.rest:
            raise BadRequest(
                f"batches start with {kind(first)}, and {self.takes} takes {len(self.takes.positional)}. Say how the "
                "model is called: call=lambda batch: (batch[0],) gives it as one argument."
            )
        return by_position(tuple(first), self.takes, self.note, all_of_them=True) if len(first) else Matched(())

    def _called(self, given: Any) -> tuple[Matched, int | None]:
        """Read what the caller's function made of a batch."""
        n = None
        if (
            isinstance(given, tuple)
            and len(given) == 2
            and isinstance(given[1], int)
            and not isinstance(given[1], bool)
        ):
            given, n = given
        if isinstance(given, Mapping):
            unknown = [] if self.takes.anything else [name for name in given if name not in self.takes.names]
            if unknown:
                raise BadRequest(f"call= gave {', '.join(map(repr, unknown))}, and the model takes {self.takes}.")
            return by_name(given, self.takes, self.note), n
        items = given if isinstance(given, tuple) else (given,)
        if len(items) > len(self.takes.positional) and not self.takes.rest:
            raise BadRequest(
                f"call= gave {len(items)} arguments, and the model takes {self.takes}. Return a tuple of positional "
                "arguments, a dict of keyword arguments, or one of these with the number of samples: (arguments, n)."
            )
        return by_position(items, self.takes, self.note, all_of_them=True), n

    def _require_known(self, tensors: Mapping[str, Tensor]) -> None:
        if not isinstance(self.samples, Mapping):
            return
        known = {*self.takes.names, *tensors, *(name.split(".")[0] for name in tensors)}
        unknown = [name for name in self.samples if name not in known]
        if unknown:
            raise BadRequest(
                f"samples names {', '.join(map(repr, unknown))}, and the model's arguments are "
                f"{', '.join(map(repr, tensors))}."
            )


def _columns(batch: Any, required: list[str]) -> Mapping[Any, Any] | None:
    """Return the named parts of a batch, where it has such."""
    if isinstance(batch, Mapping):
        return batch
    fields = getattr(batch, "_fields", ()) if isinstance(batch, tuple) else ()
    # A named tuple is one of its names where these are the model's, and of its places otherwise.
    named = bool(required) and bool(fields) and all(name in fields for name in required)
    return dict(zip(fields, batch, strict=True)) if named else None


def _is_tuple(value: Any) -> bool:
    return isinstance(value, tuple | list) and not holds_numbers(value) and not isinstance(value, PackedSequence)


def _require_known_kind(value: Any) -> None:
    if isinstance(value, str) or (is_plain(value) and not isinstance(value, int | float | None)):
        raise BadRequest(
            f"the data hold {kind(value)} where tensors of numbers are needed. Turn it into numbers first, such as "
            "token ids, or give a function from a batch to the model's arguments: call=lambda batch: {...}."
        )
    if not is_plain(value) and not isinstance(value, Tensor | tuple | list | Mapping):
        name = type(value).__name__
        raise BadRequest(
            f"a batch is a {name}, which only you know how to give to the model. Say it with a function from a batch "
            "to the arguments and the number of samples, such as call=lambda batch: ((batch.x, batch.edge_index), n)."
        )


def _converted(found: Matched, *, sparse: bool) -> Matched:
    args = tuple(
        as_tensors(each, name, sparse=sparse) for each, name in zip_longest(found.args, found.names, fillvalue="")
    )
    kwargs = {name: as_tensors(each, name, sparse=sparse) for name, each in found.kwargs.items()}
    return Matched(args, kwargs, found.names)


def _apart(found: Matched) -> bool:
    """Tell whether samples can be taken apart: all parts are tensors or plain, and there is no list of texts."""
    values = (*found.args, *found.kwargs.values())
    if any(isinstance(each, tuple | list) and any(isinstance(part, str) for part in each) for each in values):
        return False
    leaves = (each for _, each in leaves_of(found.args, found.kwargs))
    return all(is_plain(each) or (isinstance(each, Tensor) and each.layout == torch.strided) for each in leaves)


def _precision(model: nn.Module) -> torch.dtype | None:
    kinds = {each.dtype for each in model.parameters() if each.is_floating_point()}
    return next(iter(kinds)) if len(kinds) == 1 else None


def _kinds(found: Matched) -> str:
    values = (*found.args, *found.kwargs.values())
    return ", ".join(type(each).__name__ for each in values) or "nothing"
