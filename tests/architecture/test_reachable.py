"""Nothing in the package is there for its examples, tests or benchmarks alone: every public name has a user.

A user is another place in the package, or a person: who finds it at the top level, in a page of the documentation, or
among the toys.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import compgraph as cg
import compgraph.toys

ROOT = Path(__file__).parents[2]
# Kept for work that is planned.
KEPT = {
    *("compgraph.check.distinct", "compgraph.check.single_linkage", "compgraph.check.independent_directions"),
    "compgraph.check.effective_rank",
    "compgraph.observe.gradients.waking",  # which statistics call by name
}
Name = tuple[str, str]  # module, and what is defined in it


def module_of(path: Path, root: Path) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def definitions(tree: ast.Module) -> Iterator[tuple[str, ast.stmt]]:
    """Yield the public names that a module defines, and where."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names = [node.name]
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [each.id for target in targets for each in ast.walk(target) if isinstance(each, ast.Name)]
        else:
            names = []
        yield from ((name, node) for name in names if not name.startswith("_"))


def imports(tree: ast.Module) -> dict[str, Name]:
    """Return what each name stands for that a module imports by ``from``, inside functions too."""
    found = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module]
    return {alias.asname or alias.name: (node.module, alias.name) for node in found for alias in node.names}


def reads(node: ast.AST) -> Iterator[str]:
    """Yield the names that are read somewhere, annotations in quotes included."""
    for each in ast.walk(node):
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load):
            yield each.id
        quoted = [getattr(each, "annotation", None), getattr(each, "returns", None)]
        for part in (part for root in quoted if root is not None for part in ast.walk(root)):
            if isinstance(part, ast.Constant) and isinstance(part.value, str) and part.value.isidentifier():
                yield part.value


def unused(root: Path) -> set[Name]:
    """Return the public names of a source tree that nothing in it reads, re-exports and their own bodies left out."""
    trees = {module_of(path, root): ast.parse(path.read_text()) for path in root.rglob("*.py")}
    defined = {(module, name): node for module, tree in trees.items() for name, node in definitions(tree)}
    imported = {module: imports(tree) for module, tree in trees.items()}

    def home(name: Name) -> Name:
        return name if name in defined or name[1] not in imported.get(name[0], {}) else home(imported[name[0]][name[1]])

    used = set()
    for module, tree in trees.items():
        for statement in tree.body:
            own = {name for name, node in definitions(tree) if node is statement}
            used |= {home((module, name)) for name in reads(statement) if name not in own}
        for node in (node for node in ast.walk(tree) if isinstance(node, ast.Attribute)):
            place = imported[module].get(node.value.id) if isinstance(node.value, ast.Name) else None
            used |= {home((".".join(place), node.attr))} if place else set()
    return {(module, name) for module, name in set(defined) - used if name != "main" or "cli" not in module}


def shown(pages: Iterable[Path]) -> set[str]:
    """Return the words that pages write as code: outside of it `cover` and `plain` are English."""
    code = [part for page in pages for part in re.findall(r"```.*?```|`[^`]+`", page.read_text(), flags=re.DOTALL)]
    return {word for part in code for word in re.findall(r"\w+", part)}


def test_every_public_name_has_a_user() -> None:
    pages = [
        page for page in (ROOT / "docs").rglob("*.md") if "reference" not in page.parts
    ]  # which lists all there is
    reachable = {*cg.__all__, *compgraph.toys.__all__, *shown(pages)}
    found = {(module, name) for module, name in unused(ROOT / "src") if name not in reachable and module not in KEPT}
    assert not {f"{module}.{name}" for module, name in found}


def test_names_without_a_user_are_seen(tmp_path) -> None:
    files = {
        "p/__init__.py": 'from p.a import alone, used\n\n__all__ = ["alone", "used"]\n',
        "p/a.py": "LIMIT, _OWN = 3, 4\n\n\ndef used(): ...\n\n\ndef alone():\n    return alone() + LIMIT\n",
        "p/b.py": 'from p import a, used\n\n\nclass Reader:\n    x: "Kind" = used()\n\n\nclass Kind: ...\n\na.LIMIT\n',
        "p/c.py": "def used(): ...\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert unused(tmp_path) == {("p.a", "alone"), ("p.b", "Reader"), ("p.c", "used")}
    (tmp_path / "guide.md").write_text("Call `alone()`.\n```python\nplain()\n```\n")
    assert shown([tmp_path / "guide.md"]) == {"alone", "python", "plain"}
