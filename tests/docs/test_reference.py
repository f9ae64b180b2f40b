"""The reference lists every name of every package face, once, and pages import nothing deeper."""

import re
from collections import Counter
from importlib import import_module
from pathlib import Path

import pytest

import compgraph as cg

ROOT = Path(__file__).parents[2]
FACES = (
    "compgraph",
    *(f"compgraph.{path.parent.name}" for path in sorted((ROOT / "src/compgraph").glob("*/__init__.py"))),
)
PAGES = {
    face: ROOT / "docs" / "reference" / f"{face.rpartition('.')[2]}.md" for face in FACES if face != "compgraph.cli"
}
PUBLIC = {*FACES, "compgraph.errors", "compgraph.decompose.interaction"}


@pytest.mark.parametrize("face", PAGES)
def test_every_name_is_listed_once(face) -> None:
    listed = re.findall(r"^   (\w+)$", PAGES[face].read_text(), flags=re.MULTILINE)
    assert max(Counter(listed).values()) == 1
    assert set(listed) == set(import_module(face).__all__)


@pytest.mark.parametrize("face", [face for face in PAGES if face != "compgraph"])
def test_names_of_compgraph_itself_are_described_there_alone(face) -> None:
    left_out = re.search(r"^   :exclude-members: (.*)$", PAGES[face].read_text(), flags=re.MULTILINE)
    everyday = set(import_module(face).__all__) & set(cg.__all__)
    assert (set(left_out[1].split(", ")) if left_out else set()) == everyday


@pytest.mark.parametrize("folder", ["docs", "examples", "README.md"])
def test_nothing_imports_from_deeper_than_a_face(folder) -> None:
    start = ROOT / folder
    files = [start] if start.is_file() else [*start.glob("*.py"), *start.rglob("*.md"), *start.rglob("*.ipynb")]
    deeper = {
        path.name: set(re.findall(r"from (compgraph(?:\.\w+)*) import", path.read_text())) - PUBLIC
        for path in files
        if "_build" not in path.parts and "gallery" not in path.parts
    }
    assert not {name: modules for name, modules in deeper.items() if modules}
