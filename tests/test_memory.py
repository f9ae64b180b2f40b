"""What is left in memory of what nobody holds any more, before Python has looked for garbage."""

import gc
from collections import Counter
from collections.abc import Iterator

import pytest
import torch
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from torch import nn

import compgraph as cg
from compgraph.show import figure_bytes
from compgraph.show.graph.drawing import take_apart

ROWS = torch.randn(60, 4, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def no_collection() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def alive() -> Counter[str]:
    """Count the objects of compgraph, and the parts of figures."""
    kinds = [type(each) for each in gc.get_objects()]
    names = [f"{kind.__module__}.{kind.__qualname__}" for kind in kinds]
    return Counter(
        name
        for kind, name in zip(kinds, names, strict=True)
        if name.startswith("compgraph") or issubclass(kind, Artist)
    )


def use(model: nn.Module, folder) -> None:
    """Analyse, profile, save and load, and let go of it all."""
    analysis = cg.analyze(model, ROWS, n_null=3, n_twins=1, progress=False)
    kept = [torch.where(torch.arange(4) < 2, ROWS, 0), torch.where(torch.arange(4) < 2, 0, ROWS)]
    profile = cg.task_profile(analysis, model, dict(zip("ab", kept, strict=True)))
    analysis.save(folder, profile=profile)
    cg.load(folder / "graph.json")
    cg.load(folder / "graph.graphml")
    cg.save(analysis.graph, folder / "graph.png", groups=analysis.found)


@pytest.mark.slow
@pytest.mark.usefixtures("no_collection")
def test_use_leaves_nothing_for_the_garbage_collector(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("PATH", "")  # without graphviz pictures are drawn here
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3))
    use(model, tmp_path)
    gc.collect()
    before = alive()
    use(model, tmp_path)
    assert alive() - before == Counter()


@pytest.mark.usefixtures("no_collection")
def test_a_figure_that_was_taken_apart_is_gone() -> None:
    before = alive()
    for _ in range(2):
        figure = Figure(layout="constrained")
        axes = figure.add_subplot()
        figure.colorbar(axes.imshow([[0, 1]]), ax=axes).set_label("unit")
        axes.bar([0], [1])
        figure.legend(handles=axes.plot([0, 1], label="line"), loc="outside lower center")
        figure_bytes(figure, ".png")
        take_apart(figure)
        del figure, axes
    assert alive() - before == Counter()


def test_a_figure_that_was_only_drawn_can_be_drawn_again() -> None:
    figure = Figure()
    figure.suptitle("title")
    assert figure_bytes(figure, ".png") == figure_bytes(figure, ".png")
