"""One scene for all renderers: places, colours, names."""

import re

import pytest

from compgraph.group import Partition
from compgraph.show import dot_text, graph_figure, html_page, save, with_groups
from compgraph.show.graph import groups_of
from compgraph.show.graph.layout import layered_positions
from compgraph.show.graph.palette import FAINT, NEUTRAL, colour, task_colours
from compgraph.show.graph.scene import scene


def test_marks_are_the_nodes_and_lines_the_edges(graph, groups, shuffled) -> None:
    shown = scene(graph, groups)
    assert [mark.place for mark in shown.marks] == [layered_positions(graph, groups)[mark.node] for mark in shown.marks]
    ends = {(shown.marks[line.source].node, shown.marks[line.target].node): line for line in shown.lines}
    assert set(ends) == set(graph.edges)
    assert all(line.data == graph.edges[edge] for edge, line in ends.items())
    other = scene(shuffled(graph), groups)
    assert (other.marks, other.lines, other.columns, other.legend) == (
        shown.marks,
        shown.lines,
        shown.columns,
        shown.legend,
    )


def test_colours_are_those_of_the_groups(graph, groups) -> None:
    shown = scene(graph, groups)
    assert [(entry.name, entry.shade) for entry in shown.legend] == [("group 0", colour(0)), ("group 1", colour(1))]
    for mark in shown.marks:
        assert (mark.group, mark.shade) == (groups.assignment[mark.node], colour(groups.assignment[mark.node]))
        assert mark.words.endswith(f", group {mark.group}")
    for line in shown.lines:
        inside = shown.marks[line.source].group == shown.marks[line.target].group
        assert line.shade == (shown.marks[line.source].shade if inside else FAINT)


def test_doubtful_groups_are_not_shown(graph, doubtful) -> None:
    shown = scene(graph, doubtful.named({0: "left"}))
    assert shown.legend == ()
    assert {(mark.group, mark.shade) for mark in shown.marks} == {(None, NEUTRAL)}
    assert not any("left" in mark.words or "group" in mark.words for mark in shown.marks)


def test_named_groups_go_by_their_names_everywhere(graph, groups: Partition, tmp_path) -> None:
    named = groups.named({1: "left"})
    assert [entry.name for entry in scene(graph, named).legend] == ["group 0", "left"]
    assert re.search(r'"name": ?"left"', html_page(graph, named))
    assert ', left"' in dot_text(graph, named)
    assert [text.get_text() for text in graph_figure(graph, named).legends[0].get_texts()] == ["group 0", "left"]
    again = groups_of(with_groups(graph, named))
    assert again is not None
    assert again.names == {1: "left"}
    assert groups_of(with_groups(with_groups(graph, named), groups)).names == {}
    save(with_groups(graph, named), tmp_path / "again.dot")
    assert (tmp_path / "again.dot").read_text() == dot_text(graph, again)


def test_tasks_take_the_colours_of_their_groups_and_others_what_is_left(groups) -> None:
    named = groups.named({1: "left"})
    assert task_colours(["right", "left", "third"], named) == {
        "right": colour(2),
        "left": colour(1),
        "third": colour(3),
    }
    assert list(task_colours(["right", "left"], named)) == ["right", "left"]
    assert task_colours(["a", "b"]) == {"a": colour(0), "b": colour(1)}


def test_doubtful_groups_give_tasks_no_colours(doubtful) -> None:
    assert task_colours(["a", "b"], doubtful.named({1: "a"})) == {"a": colour(0), "b": colour(1)}


@pytest.mark.parametrize("name", ["</script>", 'a"b\\', "two\nlines", "$\\frac{1}{"])
def test_a_hostile_name_of_a_task_stays_data(name, graph, groups) -> None:
    named = groups.named({0: name})
    assert html_page(graph, named).count("</script>") == html_page(graph, groups).count("</script>")
    assert "\n" not in re.findall(r'tooltip="([^"]*)"', dot_text(graph, named))[0]
    graph_figure(graph, named).canvas.draw()
