"""The demonstration on the multiplication network: true rows, honest verdicts, whole files."""

import json
import re
from functools import partial

import pytest

from compgraph.cli import demo
from compgraph.cli.demo import RECIPES, Row, _verdict, run_demo, table
from compgraph.errors import UnknownName
from compgraph.pipeline import ALGORITHM, METHOD, RULE

pytestmark = pytest.mark.slow
FILES = {"tasks.html", "tasks.dot", "tasks.svg", "graph.json", "graph.graphml", "summary.json", "figures"}


@pytest.fixture(scope="module")
def made(tmp_path_factory, trained_multiplication):
    folder = tmp_path_factory.mktemp("demo")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo, "TOYS", {"multiplication": lambda **_: trained_multiplication})
        patch.setattr(demo, "analyze", partial(demo.analyze, n_null=19))  # the fewest that can reach p = 0.05
        return folder, list(run_demo(folder, networks=["multiplication"]))


def test_a_row_for_each_recipe(made) -> None:
    _, rows = made
    assert [(row.method, row.rule, row.algorithm) for row in rows] == list(RECIPES)
    assert {row.network for row in rows} == {"multiplication"}


def test_numbers_are_possible(made) -> None:
    for row in made[1]:
        assert 0 < row.p_value <= 1
        assert row.stability <= 1
        assert 0 < row.purity <= 1
        assert 0 <= row.interference <= 0.5
        assert abs(row.chance_mean) < 0.05
        assert row.components > row.groups >= 1
        assert max(row.ari, row.ami, row.weighted_ari) <= 1 + 1e-12
        assert row.seconds > 0


def test_default_finds_the_two_tasks_and_pca_does_not(made) -> None:
    by_recipe = {(row.method, row.rule, row.algorithm): row for row in made[1]}
    best = by_recipe[METHOD, RULE, ALGORITHM]
    assert (best.groups, best.verdict) == (2, "finds the tasks")
    assert best.p_value <= 0.05
    assert best.weighted_ari >= 0.9
    assert best.ari == pytest.approx(1)  # of so few components that its chance level varies by more than 0.1
    assert best.ari > best.chance_mean + 5 * best.chance_sd
    assert by_recipe["pca", "correlation", "louvain"].verdict != "finds the tasks"


def test_verdicts_follow_from_the_numbers(made) -> None:
    for row in made[1]:
        if row.verdict == "finds the tasks":
            assert (row.groups, row.weighted_ari >= 0.9, row.p_value <= 0.05) == (2, True, True)
        if row.verdict == "no reliable groups":
            assert row.groups == 1 or row.p_value > 0.05 or row.stability < 0.6


class Fake:
    def __init__(self, **values) -> None:
        self.__dict__.update(values)


@pytest.mark.parametrize(
    ("reliable", "n_groups", "weighted", "homogeneity", "verdict"),
    [
        (False, 2, 1.0, 1.0, "no reliable groups"),
        (True, 2, 0.9, 0.5, "finds the tasks"),
        (True, 3, 0.95, 0.95, "splits the tasks"),
        (True, 2, 0.89, 0.5, "mixes the tasks"),
        (True, 4, 0.2, 0.3, "mixes the tasks"),
    ],
)
def test_verdict(reliable, n_groups, weighted, homogeneity, verdict) -> None:
    found = Fake(found=Fake(reliable=reliable, n_groups=n_groups))
    verdict_of = getattr(_verdict, "__wrapped__", _verdict)
    assert verdict_of(found, Fake(weighted_ari=weighted, homogeneity=homogeneity), 2) == verdict


def test_files_exist_and_agree_with_the_rows(made) -> None:
    folder, rows = made
    for row in rows:
        default = (row.method, row.rule, row.algorithm) == (METHOD, RULE, ALGORITHM)
        place = folder / "multiplication" / ("" if default else f"{row.method}-{row.algorithm}")
        assert {path.name for path in place.iterdir()} >= FILES
        assert (place / "figures" / "tasks.png").exists()
        summary = json.loads((place / "summary.json").read_bytes())
        assert (summary["nodes"], summary["groups_found"]) == (row.components, row.groups)
    stored = json.loads((folder / "summary.json").read_bytes())
    assert stored["seed"] == 0
    assert [Row(**each) for each in stored["rows"]] == rows


def test_table_is_aligned(made) -> None:
    _, rows = made
    heading, *lines = table(rows).splitlines()
    starts = [match.start() for match in re.finditer(r"(?<=  )\S", heading)]
    assert len(lines) == len(rows)
    assert len(starts) == 14
    for line, row in zip(lines, rows, strict=True):
        cells = [line[a:b].strip() for a, b in zip([0, *starts], [*starts, None], strict=True)]
        assert cells[:6] == [row.network, row.method, row.rule, row.algorithm, str(row.components), str(row.groups)]
        assert float(cells[7]) == pytest.approx(row.ari, abs=0.005)
        assert cells[-1] == row.verdict
        assert line == line.rstrip()


def test_table_of_nothing_is_a_heading() -> None:
    assert table([]).startswith("network  method")


def test_unknown_network_is_refused_before_anything_is_written(tmp_path) -> None:
    with pytest.raises(UnknownName, match=r"no demonstration network 'multiplicaton'.*Did you mean 'multiplication'"):
        list(run_demo(tmp_path, networks=["multiplication", "multiplicaton"]))
    assert not list(tmp_path.iterdir())
