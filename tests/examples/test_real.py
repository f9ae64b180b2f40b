"""Real networks: those that need no download run, the others say what to install; the runner's words are read back."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from compgraph.errors import ShapeError
from real import NAMES, run, table
from real.case import Missing, auc, found, load
from real.crepe import tones
from real.gomoku import open_fours, planes, won
from real.measure import facts, run_phase
from real.resemblyzer import filters, mel_frames, voices

WITHOUT_DOWNLOADS = ("mnist_heads", "resnet18_shape", "gpt2_shape")
WITH_WEIGHTS = tuple(name for name in NAMES if name not in WITHOUT_DOWNLOADS)
README = Path(run.__file__).parent / "README.md"

RECORD: dict[str, Any] = {
    "name": "made_up",
    "facts": {"about": "a network that is none", "parameters": 12345, "inputs": 678},
    "forward": {"cpu": 0.5, "wall": 0.4, "peak": 7.0, "checks": {"AUC": 0.987}},
    "collect": {"cpu": 2.0, "wall": 1.9, "peak": 80.0, "sites": ["input", "a", "b"], "rows": 4321},
    "analyze": {
        "cpu": 10.0,
        "wall": 9.0,
        "peak": 900.0,
        "sites": ["input", "a", "b"],
        "rows": 4321,
        "nodes": 9,
        "outputs": ["left", "right"],
        "groups": 2,
        "trusted": 1,
        "p_value": 0.25,
        "stability": 0.5,
        "summary": ["one line", "another"],
    },
}
MISSING = {"name": "gomoku", "missing": "gomoku needs its weights."}
REFUSED = {**RECORD, "name": "onet", "analyze": {"refused": "SiteError: a | b"}}


@pytest.fixture(autouse=True)
def _nothing_here(monkeypatch) -> None:
    for name in (*NAMES, "faces"):
        monkeypatch.delenv(f"REAL_{name.upper()}", raising=False)


def leaves(output: Any) -> list[Tensor]:
    return list(output.values()) if isinstance(output, dict) else [output]


@pytest.mark.parametrize("name", WITHOUT_DOWNLOADS)
def test_a_network_that_needs_no_download_runs(name) -> None:
    case = load(name, small=True)
    state = torch.random.get_rng_state()
    with torch.no_grad():
        outputs = [leaves(case.run(batch)) for batch in case.batches()]
    assert sum(len(each[0]) for each in outputs) == case.n_inputs
    assert all(leaf.isfinite().all() for each in outputs for leaf in each)
    assert case.n_parameters > 1000
    assert case.check()
    assert torch.equal(state, torch.random.get_rng_state())


def test_networks_are_the_same_every_time() -> None:
    first, again = (load("gpt2_shape", small=True) for _ in range(2))
    assert all(map(torch.equal, first.model.parameters(), again.model.parameters()))
    assert all(map(torch.equal, first.data, again.data))


def test_shapes_are_those_of_the_papers() -> None:
    from real.gpt2_shape import GPT2
    from real.resnet18_shape import ResNet18

    with torch.device("meta"):
        assert sum(each.numel() for each in ResNet18().parameters()) == 11_689_512
        assert sum(each.numel() for each in GPT2().parameters()) == 124_439_808


def test_digits_are_learnt_and_their_origin_is_told() -> None:
    case = load("mnist_heads", small=True)
    assert "scikit-learn's digits" in case.about
    assert min(case.check().values()) > 0.8


def test_mnist_files_are_read(tmp_path, monkeypatch) -> None:
    from real.mnist_heads import images

    pixels, digits = bytes(range(8)), bytes([7, 3])
    for part in ("train", "t10k"):
        head = b"\0\0\x08\x03" + b"".join(n.to_bytes(4, "big") for n in (2, 2, 2))
        (tmp_path / f"{part}-images-idx3-ubyte").write_bytes(head + pixels)
        (tmp_path / f"{part}-labels-idx1-ubyte").write_bytes(b"\0\0\x08\x01" + (2).to_bytes(4, "big") + digits)
    monkeypatch.setenv("REAL_MNIST_HEADS", str(tmp_path))
    origin, (x, y, _, _) = images()
    assert origin == "MNIST"
    assert torch.equal(x * 255, torch.arange(8.0).view(2, 4))
    assert y.tolist() == [7, 3]
    (tmp_path / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(Missing, match="no t10k-labels-idx1-ubyte"):
        images()


@pytest.mark.parametrize("name", WITH_WEIGHTS)
def test_missing_weights_are_named_with_what_to_install(name, monkeypatch) -> None:
    def nothing(distribution: str) -> None:
        raise metadata.PackageNotFoundError(distribution)

    from real.case import metadata

    monkeypatch.setattr(metadata, "distribution", nothing)
    with pytest.raises(Missing, match=rf"{name} needs (?s:.*)(pip install|set REAL_)"):
        load(name)


def test_a_variable_that_leads_nowhere_is_named(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("REAL_GOMOKU", str(tmp_path / "none"))
    with pytest.raises(Missing, match=r"REAL_GOMOKU is '.*none', which does not exist"):
        load("gomoku")


def test_an_unknown_network_is_named() -> None:
    with pytest.raises(Missing, match="no network 'nothing'"):
        load("nothing")


def test_files_of_installed_packages_are_found() -> None:
    assert found("REAL_NOTHING", "install numpy", package="numpy", inside="numpy/__init__.py").name == "__init__.py"
    with pytest.raises(Missing, match="install more"):
        found("REAL_NOTHING", "install more", package="numpy", inside="numpy/none.pt")


def test_five_stones_in_a_row_win() -> None:
    board = torch.zeros(4, 8, 8)
    board[0, 2, 1:6] = board[1, 3:8, 7] = 1
    board[2, range(5), range(5)] = board[3, [0, 1, 2, 3, 5], 4] = 1
    assert won(board.flatten(1)).tolist() == [True, True, True, False]
    encoded = planes(board.flatten(1), board.flatten(1), board.flatten(1), True)
    assert torch.equal(encoded[0, 0].flip(0), board[0])
    assert encoded[:, 3].min() == 1


def test_open_fours_are_won_by_the_moves_that_are_told() -> None:
    boards, wins = open_fours()
    own = boards[:, 0].flip(1).flatten(1)
    assert not won(own).any()
    for end in (0, 1):
        moves = torch.tensor([sorted(each)[end] for each in wins])
        assert won(own.scatter(1, moves[:, None], 1.0)).all()
    assert boards[:, :2].sum(1).max() == 1


def test_tones_have_their_pitch() -> None:
    sound, cents = tones(20, glide=0)
    spectrum = torch.fft.rfft(sound * torch.hann_window(1024), 2**15).abs()
    bins = 10 * 2 ** (cents / 1200) / 16_000 * 2**15
    near = torch.stack([row[int(at) - 20 : int(at) + 22].amax() for row, at in zip(spectrum, bins, strict=True)])
    assert (near > 0.5 * spectrum.amax(1)).all()
    torch.testing.assert_close(sound.std(1), torch.ones(20))


def test_voices_become_mel_frames() -> None:
    sound, speaker = voices(2, 3)
    mels = mel_frames(sound)
    assert mels.shape == (6, 160, 40)
    assert speaker.tolist() == [0, 0, 0, 1, 1, 1]
    assert mels.min() >= 0
    assert mels.isfinite().all()
    tone = torch.sin(2 * torch.pi * 1000 * torch.arange(25_600) / 16_000)
    centre = filters() @ torch.linspace(0, 8000, 201) / filters().sum(1)
    assert abs(centre[mel_frames(tone[None])[0].mean(0).argmax()] - 1000) < 100


def test_auc_is_a_probability() -> None:
    assert auc([3, 4], [1, 2]) == 1
    assert auc([1.0], [1.0]) == 0.5
    assert auc([1, 3], [2]) == 0.5


def test_a_phase_is_measured() -> None:
    case = load("gpt2_shape", small=True)
    result = run_phase(case, "forward", None)
    assert result["cpu"] > 0
    assert result["peak"] >= 0
    assert result["checks"]["effect of later tokens"] < 1e-4
    assert facts(case)["inputs"] == 8


@pytest.mark.parametrize("error", [ShapeError("too much"), ValueError("a fault")])
def test_a_refusal_is_kept_and_a_fault_is_none(monkeypatch, error) -> None:
    from real import measure

    def refusing(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(measure, "collect", refusing)
    case = load("gpt2_shape", small=True)
    if isinstance(error, ShapeError):
        assert run_phase(case, "collect", None) == {"refused": "ShapeError: too much"}
        return
    with pytest.raises(ValueError, match="a fault"):
        run_phase(case, "collect", None)


@pytest.mark.slow
def test_a_fresh_process_says_what_is_missing(tmp_path) -> None:
    asked = run.request(["gomoku", "--out", str(tmp_path), "--small"])
    record = run.measured("gomoku", asked.phases, asked)
    assert "REAL_GOMOKU" in record["missing"]


def test_a_phase_that_takes_too_long_is_stopped(tmp_path) -> None:
    asked = run.request(["gpt2_shape", "--out", str(tmp_path), "--small", "--limit", "0.01", "--phases", "forward"])
    record = run.measured("gpt2_shape", asked.phases, asked)
    assert record["forward"] == {"stopped": "not done after 0.01 s."}
    assert "| stopped |" in table.table([record])
    assert "`forward` was stopped:" in table.details(record)


def test_rows_of_the_table_read_as_they_are_meant() -> None:
    rows = table.table([RECORD, MISSING, REFUSED]).splitlines()
    assert rows[2] == (
        "| made_up | 12,345 | 678 | 3 | left, right | 0.5 | 2 | 4.0 | 10 | 7 / 80 / 900 | 2, not reliable | 0.25 |"
    )
    assert rows[3].startswith("| gomoku | not here |")
    assert "| 7 / 80 / - |" in rows[4]
    assert len({row.count("|") for row in rows}) == 1
    twice = table.table([{**RECORD, "twins": {"p_value": 0.05}}]).splitlines()[2]
    assert twice.endswith("| 0.05 |")


def test_the_page_tells_checks_refusals_and_first_lines() -> None:
    text = table.page({"about": "Made up.", "networks": [RECORD, MISSING, REFUSED]})
    assert "Made up." in text
    assert "Checked: AUC 0.987." in text
    assert "gomoku needs its weights." in text
    assert "`analyze` was refused:\n\n```text\nSiteError: a | b\n```" in text
    assert "one line\nanother" in text


def test_runs_are_added_phase_by_phase() -> None:
    later = {"name": "onet", "facts": RECORD["facts"], "collect": {"cpu": 3.0}}
    onet, kept = run.merged([{**REFUSED}, {**RECORD, "name": "crepe"}], [later, {"name": "crepe", "missing": "gone"}])
    assert onet["forward"] == RECORD["forward"]
    assert onet["collect"] == {"cpu": 3.0}
    assert kept["collect"] == RECORD["collect"]
    assert run.merged([MISSING], [{**RECORD, "name": "gomoku"}])[0].get("missing") is None


def test_the_record_is_kept_and_goes_into_a_page(tmp_path) -> None:
    asked = run.request(["--out", str(tmp_path)])
    run.keep([{**RECORD, "name": "onet"}], asked)
    written = json.loads((tmp_path / "real.json").read_bytes())
    assert written["networks"][0]["analyze"]["p_value"] == 0.25
    assert "12,345" in (tmp_path / "real.md").read_text()
    text = table.in_page(f"above\n{table.BEGIN}\nold\n{table.END}\nbelow\n", written)
    assert text == table.in_page(text, written)
    assert "old" not in text
    assert text.startswith("above\n")
    assert text.endswith(f"{table.END}\nbelow\n")
    with pytest.raises(ValueError, match="the page lacks"):
        table.in_page("nothing", written)


def test_requests_that_cannot_be_met_are_named(capsys, tmp_path) -> None:
    with pytest.raises(SystemExit):
        run.request(["nothing"])
    assert "no network nothing" in capsys.readouterr().err
    with pytest.raises(SystemExit, match=r"no .*real\.json"):
        run.renew_readme(tmp_path)
    assert run.request(["--twins"]).phases == ["forward", "collect", "analyze", "twins"]


def test_the_readme_tells_of_every_network_and_has_room_for_the_table() -> None:
    page = README.read_text()
    assert table.in_page(page, {"about": "", "networks": []})
    assert [name for name in NAMES if f"`{name}`" not in page] == []
    links = re.findall(r"\]\(([^()\s#]+)\)", page)
    assert [link for link in links if "://" not in link and not (README.parent / link).exists()] == []
