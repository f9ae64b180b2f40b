import networkx as nx
import pytest
from matplotlib.colors import to_hex

from compgraph.check import TaskProfile
from compgraph.errors import BadRequest, EmptyData
from compgraph.group import Partition
from compgraph.show import INK, N_COLOURS, colour
from fixtures.graphs import make_graph
from note.pictures import graphs_by_task as groups_and_tasks
from note.pictures.graphs_by_task import groups_and_tasks_figure

GRAPH = make_graph(("input", "head"), width=2)
NODES = list(GRAPH)


def partition(groups: tuple[int, ...], *, p_value: float = 0.01) -> Partition:
    return Partition(dict(zip(NODES, groups, strict=True)), 0.3, p_value, 1.0, "louvain", {}, 0)


def profile(served: str, *, tasks: str = "AB") -> TaskProfile:
    """Return the tasks of the nodes, and of one that is in no graph."""
    shares = {
        node: {task: float(task == own) for task in tasks}
        for node, own in zip([*NODES, "x"], served + "A", strict=True)
    }
    return TaskProfile(shares, shares, {node: max(each, key=each.get) for node, each in shares.items()})


def shades(axes) -> list[str]:
    return [to_hex(each.get_facecolor()[0]).upper() for each in axes.collections[1:]]


def keeps_sides_apart(draw) -> None:
    """Groups are on the left and tasks on the right, in colours that are not those of the groups."""
    figure = draw({"here": (GRAPH, partition((0, 1, 0, 1)), profile("AABB"))}, title="all")
    left, right = figure.axes
    assert shades(left) == [colour(0), colour(1), colour(0), colour(1)]
    assert shades(right) == [INK.upper(), INK.upper(), colour(2), colour(2)]
    assert left.get_title() == "here\n2 groups found (p = 0.01), 2 reported"
    assert right.get_title().endswith("agreement (ARI) -0.50")  # half of each group is of another task


def test_groups_stand_beside_tasks() -> None:
    keeps_sides_apart(groups_and_tasks_figure)

    def groups_twice(found, *, title):
        served = {heading: (graph, groups, profile("ABAB")) for heading, (graph, groups, _) in found.items()}
        return groups_and_tasks_figure(served, title=title)

    with pytest.raises(AssertionError):
        keeps_sides_apart(groups_twice)


def gives_no_task_the_colour_of_a_group(draw) -> None:
    """The most groups are in the second graph, and three tasks in both."""
    served = profile("ABCA", tasks="ABC")
    found = {"two": (GRAPH, partition((0, 1, 0, 1)), served), "four": (GRAPH, partition((0, 1, 2, 3)), served)}
    panels = draw(found, title="all").axes
    of_groups, of_tasks = ({shade for axes in panels[side::2] for shade in shades(axes)} for side in (0, 1))
    assert (len(of_groups), len(of_tasks)) == (4, 3)
    assert of_groups.isdisjoint(of_tasks)


def test_no_task_has_the_colour_of_a_group_of_any_graph(monkeypatch) -> None:
    gives_no_task_the_colour_of_a_group(groups_and_tasks_figure)
    for fixed in ((INK, colour(3), colour(4)), (INK, colour(2), colour(3))):  # once for all, and by the first graph
        monkeypatch.setattr(
            groups_and_tasks, "_shades", lambda _, __, fixed=fixed: dict(zip("ABC", fixed, strict=True))
        )
        with pytest.raises(AssertionError):
            gives_no_task_the_colour_of_a_group(groups_and_tasks_figure)


def test_groups_that_are_not_reliable_are_drawn_and_said_not_to_be_reported() -> None:
    found = {"weak": (GRAPH, partition((0, 1, 0, 1), p_value=0.5), profile("ABAB"))}
    left, right = groups_and_tasks_figure(found, title="all").axes
    assert left.get_title() == "weak\n2 groups found (p = 0.50), 1 reported"
    assert right.get_title().endswith("agreement (ARI) 1.00")
    assert len(set(shades(left))) == 2


def test_graphs_stand_below_each_other_with_one_legend() -> None:
    each = GRAPH, partition((0, 1, 0, 1)), profile("ABAB")
    figure = groups_and_tasks_figure({"one": each, "two": each}, title="all")
    assert len(figure.axes) == 4
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["task A", "task B"]


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(BadRequest, match="no graphs came"):
        groups_and_tasks_figure({}, title="all")
    many = partition((0, 1, 0, N_COLOURS - 2))
    groups_and_tasks_figure({"one": (GRAPH, many, profile("ABAB"))}, title="all")
    with pytest.raises(BadRequest, match="17 groups and 3 tasks came, and there are 19 colours that differ"):
        groups_and_tasks_figure({"one": (GRAPH, many, profile("ABCA", tasks="ABC"))}, title="all")
    with pytest.raises(EmptyData, match="none of the 4 nodes has a label"):
        groups_and_tasks_figure({"one": (GRAPH, partition((0, 1, 0, 1)), TaskProfile({}, {}, {}))}, title="all")
    other = nx.relabel_nodes(GRAPH, {NODES[0]: "other"})
    with pytest.raises(BadRequest, match="1 of 4 nodes have no pie, the first is 'other'"):
        groups_and_tasks_figure({"one": (other, partition((0, 1, 0, 1)), profile("ABAB"))}, title="all")


def test_a_space_with_many_components_gets_the_height_they_need() -> None:
    def height(width: int) -> float:
        graph = make_graph(("input", "head"), width=width)
        shares = {node: {"A": 0.9, "B": 0.1} for node in graph}
        groups = Partition(dict.fromkeys(graph, 0), 0.3, 0.01, 1.0, "louvain", {}, 0)
        served = TaskProfile(shares, shares, dict.fromkeys(graph, "A"))
        return float(groups_and_tasks_figure({"one": (graph, groups, served)}, title="t").get_figheight())

    assert height(3) == height(4)
    assert height(30) > 30 * 0.2
