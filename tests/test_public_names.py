"""What examples, benchmarks, the note and the docs import of compgraph is public: on the face of a package."""

import ast
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).parents[1]
OPEN_MODULES = {"compgraph.errors", "compgraph.arrays", "compgraph.records", "compgraph.arguments"}


def code() -> Iterator[tuple[str, str]]:
    """Yield what a file is called, and the Python code in it."""
    for folder in ("examples", "benchmarks", "tests/note"):
        for path in sorted(ROOT.glob(f"{folder}/**/*.py")):
            yield str(path.relative_to(ROOT)), path.read_text()
    for path in (ROOT / "README.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")):
        blocks = re.findall(r"^```python\n(.*?)^```$", path.read_text(), flags=re.MULTILINE | re.DOTALL)
        for number, block in enumerate(blocks, start=1):
            yield f"{path.relative_to(ROOT)}, block {number}", block


def faces(module: str) -> set[str] | None:
    """Return the public names of a package or an open module; None for a module that is neither."""
    found = import_module(module)
    if module in OPEN_MODULES:
        return {name for name in vars(found) if not name.startswith("_")}
    return set(found.__all__) if hasattr(found, "__path__") else None


def imported(text: str) -> Iterator[tuple[str, str]]:
    """Yield the module and the name of every import of compgraph; the name is empty where a module is imported."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "compgraph":
            yield from ((str(node.module), each.name) for each in node.names)
        elif isinstance(node, ast.Import):
            yield from ((each.name, "") for each in node.names if each.name.split(".")[0] == "compgraph")


def deep(text: str) -> list[str]:
    """List the imports of what is not public."""
    found = []
    try:
        names = list(imported(text))
    except SyntaxError as error:
        return [f"this is no Python: {error}"]
    for module, name in names:
        public = faces(module)
        if public is None or (name and name not in public):
            found.append(f"{module}.{name}".rstrip("."))
    return found


def test_nothing_deeper_than_the_face_of_a_package_is_imported() -> None:
    assert {name: found for name, text in code() if (found := deep(text))} == {}


PUBLIC = """
import compgraph as cg
from compgraph import collect
from compgraph.check import agreement
from compgraph.decompose.interaction import couplings_of
from compgraph.errors import BadRequest
"""


def test_a_deep_import_is_reported() -> None:
    assert deep(PUBLIC) == []
    assert deep("import compgraph.pipeline") == ["compgraph.pipeline"]
    assert deep(f"{PUBLIC}\nfrom compgraph.check import cover, _moved") == ["compgraph.check._moved"]
    found = deep("def f():\n    from compgraph.observe.run.trace import hooked")
    assert found == ["compgraph.observe.run.trace.hooked"]
    assert "no Python" in deep("from compgraph import")[0]


def test_code_of_every_kind_is_read() -> None:
    read = [name for name, _ in code()]
    for start in ("examples/find_tasks.py", "examples/note/experiments/", "benchmarks/", "README.md", "docs/"):
        assert any(name.startswith(start) for name in read), start
