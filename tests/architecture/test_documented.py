"""Everything a face exports has a whole numpydoc docstring, and every function an example."""

import ast
import dataclasses
import inspect
import re
import textwrap
from typing import Any


def sections(text: str) -> dict[str, str]:
    """Return the numpydoc sections of a docstring: heading to content."""
    parts = re.split(r"^(\w[\w ]*)\n-{3,}$", inspect.cleandoc(text), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def entries(section: str) -> set[str]:
    names = [line for line in section.splitlines() if line and not line.startswith(" ")]
    return {name.strip().lstrip("*") for line in names for name in line.split(" : ")[0].split(",")}


def lacking_in_function(function: Any) -> list[str]:
    text = inspect.getdoc(function) or ""
    found, signature = sections(text), inspect.signature(function)
    parameters = {name for name in signature.parameters if name not in ("self", "cls")}
    lacking = sorted(parameters - entries(found.get("Parameters", "")))
    if signature.return_annotation not in (None, inspect.Signature.empty) and not {"Returns", "Yields"} & set(found):
        lacking.append("Returns")
    code = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(function))))
    if any(isinstance(node, ast.Raise) for node in ast.walk(code)) and "Raises" not in found:
        lacking.append("Raises")
    return lacking if text else ["docstring"]


def lacking_in_class(kind: type) -> list[str]:
    text = kind.__doc__ or ""
    if not text or text.startswith(f"{kind.__name__}("):  # what dataclasses write themselves
        return ["docstring"]
    fields = {field.name for field in dataclasses.fields(kind)} if dataclasses.is_dataclass(kind) else set()
    found = sections(text)
    lacking = sorted(fields - entries(found.get("Attributes", "")) - entries(found.get("Parameters", "")))
    for name, value in vars(kind).items():
        method = getattr(value, "__func__", value)
        if not name.startswith("_") and inspect.isfunction(method):
            lacking += [f"{name}: {each}" for each in lacking_in_function(method)]
        if not name.startswith("_") and isinstance(value, property) and not value.__doc__:
            lacking.append(f"{name}: docstring")
    return lacking


def has_an_example(function: Any) -> bool:
    return ">>> " in sections(inspect.getdoc(function) or "").get("Examples", "")


def test_functions_are_documented(functions) -> None:
    assert not {name: lacking for name, value in functions.items() if (lacking := lacking_in_function(value))}


def test_classes_are_documented(classes) -> None:
    assert not {name: lacking for name, value in classes.items() if (lacking := lacking_in_class(value))}


def test_functions_have_an_example(functions) -> None:
    assert not {name for name, value in functions.items() if not has_an_example(value)}


def lacks(rows, *, limit: int) -> int:
    """Return something.

    Examples
    --------
    None to be seen.
    """
    if limit:
        raise ValueError(rows)
    return limit


@dataclasses.dataclass
class Lacks:
    """Hold something.

    Attributes
    ----------
    first
        The one that is said.
    """

    first: int
    second: int

    @property
    def silent(self) -> int:
        return self.first

    def called(self, limit: int) -> None:
        """Do nothing."""


@dataclasses.dataclass
class Bare:
    first: int


def test_missing_sections_are_seen() -> None:
    assert lacking_in_function(lacks) == ["limit", "rows", "Returns", "Raises"]
    assert lacking_in_class(Lacks) == ["second", "silent: docstring", "called: limit"]
    assert lacking_in_class(Bare) == ["docstring"]


def test_missing_examples_are_seen() -> None:
    assert not has_an_example(lacks)
