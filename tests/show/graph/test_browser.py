"""The page in a real browser: what it says, finds, keeps and takes back."""

from typing import Any

import pytest

from compgraph.show.graph.html import html_page

pytestmark = pytest.mark.browser

ACTIONS = """
seen.header = ["title", "summary", "contents"].map(text);
seen.untouched = text("details");
set("search", "writes fc1 1");
seen.results = [...find("results").children].map((each) => each.textContent.trim());
find("results").querySelector("button").click();
seen.selected = text("details");
set("threshold", "0.9");
seen.afterSlider = text("details");
seen.shown = text("shown");
key("Escape");
seen.afterFirstEscape = [find("search").value, text("details") === seen.selected];
key("Escape");
seen.afterSecondEscape = text("details");
find("legend").querySelector("button").click();
seen.pressed = find("legend").querySelector("button").getAttribute("aria-pressed");
key("Escape");
seen.released = find("legend").querySelector("button").getAttribute("aria-pressed");
set("search", "no such node");
seen.nothing = text("results");
"""


@pytest.fixture(scope="module")
def seen(opened) -> dict[str, Any]:
    from fixtures.graphs import make_graph, make_groups

    graph = make_graph()
    return opened(html_page(graph, make_groups(graph).named({0: "left", 1: "right"})), ACTIONS)


def test_the_page_says_the_finding_first(seen) -> None:
    title, summary, contents = seen["header"]
    assert title == "2 groups: left, right"
    assert summary.startswith("Reliable: p = 0.01, stability 0.97.")
    assert contents.startswith("12 nodes, 27 edges")


def test_every_word_of_a_search_is_in_the_name_of_what_it_finds(seen) -> None:
    assert seen["results"] == ["fc1 out 1"]
    assert seen["nothing"] == "No node has all these words in its name."


def test_a_selection_outlives_the_slider_and_escape_takes_it_back(seen) -> None:
    assert "component 1 of what fc1 writes" in seen["selected"]
    assert seen["afterSlider"] == seen["selected"] != seen["untouched"]
    assert "At least 81 %" in seen["shown"]
    assert seen["afterFirstEscape"] == ["", True]  # the search goes first
    assert seen["afterSecondEscape"] == seen["untouched"]
    assert (seen["pressed"], seen["released"]) == ("true", "false")


def test_nothing_failed_and_nothing_was_asked_for(seen) -> None:
    assert (seen["faults"], seen["requests"]) == ([], [])


def test_a_fault_of_a_page_is_seen(opened, graph) -> None:
    found = opened(html_page(graph), 'new Image().src = "https://example.org/x.png"; find("nowhere").click();')
    assert any("null" in fault for fault in found["faults"])
    found = opened(html_page(graph).replace("</main>", '</main><img src="https://example.org/x.png">'), "")
    assert found["faults"] or found["requests"]


def test_hostile_names_run_nothing(opened, hostile, groups_for) -> None:
    found = opened(html_page(hostile, groups_for(hostile)), 'seen.title = text("title");')
    assert (found["title"], found["faults"], found["requests"]) == ("2 groups", [], [])
