"""The reference lists every name of every package face, once, and notebooks import nothing deeper."""

import re
from collections import Counter
from importlib import import_module
from pathlib import Path

import pytest

import compgraph as cg
from compgraph.testing import CONTRACTS

ROOT = Path(__file__).parents[2]
FACES = (
    "compgraph",
    *(f"compgraph.{path.parent.name}" for path in sorted((ROOT / "src/compgraph").glob("*/__init__.py"))),
)
INNER = ("compgraph.arguments", "compgraph.cli", "compgraph.storage")  # no names for users
PAGES = {face: ROOT / "docs" / "reference" / f"{face.rpartition('.')[2]}.md" for face in FACES if face not in INNER}


@pytest.mark.parametrize("face", PAGES)
def test_every_name_is_listed_once(face) -> None:
    text = PAGES[face].read_text()
    described, values = (re.findall(each, text, flags=re.MULTILINE) for each in (r"^   (\w+)$", r"^\| `(\w+)` \|"))
    elsewhere = re.search(r"\[described there\]\(compgraph\.md\): (.*)\.$", text, flags=re.MULTILINE)
    everyday = re.findall(r"`(\w+)`", elsewhere[1]) if elsewhere else []
    listed = Counter([*described, *values, *everyday])
    assert set(listed) == set(import_module(face).__all__)
    assert max(listed.values()) == 1
    if face != "compgraph":
        left_out = re.search(r"^   :exclude-members: (.*)$", text, flags=re.MULTILINE)
        assert set(everyday) == set(import_module(face).__all__) & set(cg.__all__)
        assert (set(left_out[1].split(", ")) if left_out else set()) == {*everyday, *values}


def test_notebooks_import_nothing_deeper() -> None:
    notebooks = "".join(path.read_text() for path in (ROOT / "docs" / "notebooks").glob("*.ipynb"))
    assert set(re.findall(r"from (compgraph(?:\.\w+)*) import", notebooks)) <= set(FACES)


def test_every_contract_is_listed_with_its_promise() -> None:
    text = PAGES["compgraph.testing"].read_text()
    listed = re.findall(r"^- \*\*(\w+)\*\*: (.*)\.$", text, flags=re.MULTILINE)
    assert listed == [promise for promises in CONTRACTS.values() for promise in promises.items()]
