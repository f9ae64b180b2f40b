"""Every page's snippets run one after another and print what the page says they print; links lead somewhere."""

import doctest
import re
from pathlib import Path

import matplotlib as mpl
import pytest
import torch

import compgraph as cg
from compgraph import toys
from fixtures.snippets import run_snippet

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
PAGES = [page for page in PAGES if not {"_build", "gallery"} & set(page.parts)]
FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(([^()\s]+)\)")
CHECKER, LENIENT = doctest.OutputChecker(), doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE

# Whose snippets test_method_page.py runs, and tests/observe/ranks/test_distributed_page.py.
OWN_TEST = {"method.md", "distributed.md"}

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def made_up() -> dict[str, object]:
    """Return what the README takes for granted."""
    toy = toys.multiplication(seed=0)
    return {
        "model": toy.model,
        "data": toy.data,
        "left_inputs": toy.tasks["A"],
        "right_inputs": toy.tasks["B"],
    }


def blocks(page: Path) -> list[tuple[str, str]]:
    return FENCE.findall(page.read_text())


def snippets(page: Path) -> list[tuple[str, str | None]]:
    """Return the python of a page, each with the text that follows it as its output."""
    found = blocks(page)
    after = [*found[1:], ("", "")][: len(found)]
    return [
        (code, text if kind == "text" else None)
        for (language, code), (kind, text) in zip(found, after, strict=True)
        if language == "python"
    ]


@pytest.mark.parametrize("page", [each for each in PAGES if each.name not in OWN_TEST], ids=lambda page: page.stem)
def test_snippets_run_and_print_what_the_page_says(page, monkeypatch, tmp_path) -> None:
    monkeypatch.chdir(tmp_path)
    names = made_up() if page.name == "README.md" else {}
    torch.manual_seed(0)
    with mpl.rc_context():
        for code, expected in snippets(page):
            said = run_snippet(code, names, tmp_path)
            if expected is not None:
                assert CHECKER.check_output(expected, said, LENIENT), f"{code}\nprinted\n{said}\nnot\n{expected}"


@every_page
def test_links_and_pictures_lead_somewhere(page) -> None:
    prose = FENCE.sub("", page.read_text())
    broken = []
    for target in LINK.findall(prose):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        there = page if not path else (page.parent / path).resolve()
        if not there.exists() or (anchor and anchor not in anchors(there)):
            broken.append(target)
    assert not broken


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", FENCE.sub("", page.read_text()), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text()) <= 6000


def test_pages_name_nothing_that_has_moved() -> None:
    moved = {f"cg.{name}" for name in cg._MOVED}
    used = {page.name: moved & set(re.findall(r"cg\.\w+", page.read_text())) for page in PAGES}
    assert not {page: names for page, names in used.items() if names}


def test_every_page_is_in_the_contents() -> None:
    docs = ROOT / "docs"
    listed = set()
    for page in PAGES:
        if docs in page.parents:
            for language, text in blocks(page):
                if not language:
                    listed |= {(page.parent / line).resolve() for line in text.split() if not line.startswith(":")}
    assert {page.with_suffix("") for page in PAGES if docs in page.parents} - listed == {docs / "index"}
