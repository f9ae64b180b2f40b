"""Images: graphviz when it is there and well, a clear message when it is ill, matplotlib when it is absent."""

import shutil
import sys
from xml.etree import ElementTree as ET

import pytest

from compgraph.errors import MissingTool
from compgraph.show.graph import render as module
from compgraph.show.graph.render import render

SIGNATURE = {".png": b"\x89PNG\r\n", ".pdf": b"%PDF-", ".svg": b"<?xml"}


@pytest.fixture
def nothing_installed(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _: None)


@pytest.fixture
def install(monkeypatch, tmp_path):
    """Install a program of three lines under the names of the graphviz programs."""

    def write(body: str) -> None:
        for name in ("dot", "neato"):
            program = tmp_path / name
            program.write_text(f"#!{sys.executable}\nimport sys, time\n{body}\n")
            program.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))

    return write


@pytest.mark.usefixtures("nothing_installed")
@pytest.mark.parametrize("suffix", sorted(SIGNATURE))
def test_without_graphviz_matplotlib_draws(graph, groups, suffix):
    image = render(graph, groups, suffix=suffix)
    assert image.startswith(SIGNATURE[suffix])
    assert image == render(graph, groups, suffix=suffix)


@pytest.mark.usefixtures("nothing_installed")
def test_hostile_names_leave_the_svg_well_formed(hostile, groups_for):
    root = ET.fromstring(render(hostile, groups_for(hostile), suffix=".svg"))  # noqa: S314
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert "script" not in tags
    assert "".join(root.itertext()).count("writes") == 11


@pytest.mark.usefixtures("nothing_installed")
@pytest.mark.parametrize("suffix", sorted(SIGNATURE))
def test_one_node(single, suffix):
    assert render(single, suffix=suffix).startswith(SIGNATURE[suffix])


def test_dot_gets_the_text_and_the_format(graph, install):
    install(
        "text = sys.stdin.read(); print('<svg>', sys.argv[0].rpartition('/')[2], sys.argv[1:], text[:18], '</svg>')"
    )
    assert render(graph, suffix=".svg") == b"<svg> dot ['-Tsvg'] digraph compgraph  </svg>\n"


def test_a_big_graph_keeps_its_positions(graph_of, install):
    install("sys.stdin.read(); print('%PDF-', sys.argv[0].rpartition('/')[2], sys.argv[1:], '%%EOF')")
    assert render(graph_of(width=11), suffix=".pdf") == b"%PDF- neato ['-n2', '-Tpdf'] %%EOF\n"


JUNK = {"svg": ["junk", "<svg>", "<html></html>"], "png": ["\\x89PNG", "<svg></svg>"], "pdf": ["%PDF-1.4", "%%EOF"]}


@pytest.mark.parametrize(("kind", "junk"), [(kind, junk) for kind, each in JUNK.items() for junk in each])
def test_junk_that_ends_well_is_no_image(graph, install, kind, junk):
    install(f"sys.stdin.read(); print({junk!r})")
    with pytest.raises(MissingTool, match=rf"dot ended well, but what it gave is no {kind} .*Save as \.html"):
        render(graph, suffix=f".{kind}")


@pytest.mark.skipif(shutil.which("dot") is None, reason="no graphviz is installed")
@pytest.mark.parametrize("suffix", sorted(SIGNATURE))
def test_what_graphviz_draws_is_taken_for_an_image(graph, groups, suffix):
    assert render(graph, groups, suffix=suffix).startswith(SIGNATURE[suffix])


def test_a_failing_program_is_quoted(graph, install):
    install("sys.stdin.read(); sys.exit('syntax error in line 7')")
    with pytest.raises(MissingTool, match=r"dot failed on 27 edges: syntax error in line 7\. Save as \.html"):
        render(graph, suffix=".svg")


def test_a_program_that_says_nothing_is_named(graph, install):
    install("sys.stdin.read(); sys.exit(3)")
    with pytest.raises(MissingTool, match="exit status 3"):
        render(graph, suffix=".svg")


def test_a_program_that_hangs_is_killed(graph, install, monkeypatch):
    monkeypatch.setattr(module, "SECONDS", 0.2)
    install("time.sleep(600)")
    with pytest.raises(MissingTool, match=r"did not draw 27 edges in 0\.2 s"):
        render(graph, suffix=".svg")


def test_a_program_that_cannot_start_is_named(graph, monkeypatch, tmp_path):
    monkeypatch.setattr(shutil, "which", lambda _: str(tmp_path / "gone"))
    with pytest.raises(MissingTool, match="cannot be run: No such file"):
        render(graph, suffix=".svg")
