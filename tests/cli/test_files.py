"""Models, weights and data by name: what is read is never executed."""

import io
import pickle
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from safetensors.torch import load_file, save_file, save_model
from safetensors.torch import load_model as peer_load
from torch import nn

from compgraph.cli.files import fit_dtype, load_data, load_model
from compgraph.errors import BadRequest, FileFormatError, UnknownName

CODE = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(3, 2)
    def forward(self, x):
        return self.fc(x)

def make():
    return Net()

instance = Net()
number = 3
def make_number():
    return 3
def needs_width(width):
    return nn.Linear(width, 1)
"""


@pytest.fixture
def nets(tmp_path, monkeypatch) -> str:
    """A module of models in the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    name = f"nets_{tmp_path.name}".replace("-", "_")
    (tmp_path / f"{name}.py").write_text(CODE)
    yield name
    sys.modules.pop(name, None)


@pytest.fixture
def state() -> dict[str, torch.Tensor]:
    return {"fc.weight": torch.arange(6.0).reshape(2, 3), "fc.bias": torch.tensor([7.0, 8.0])}


class Tied(nn.Module):
    """Decoder and encoder share their weight, and a part of the bias is a buffer."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.enc, self.dec = nn.Linear(3, 3), nn.Linear(3, 3)
        self.dec.weight = self.enc.weight
        self.register_buffer("first", self.enc.bias.detach()[:2])

    def forward(self, x):
        return self.dec(self.enc(x))


class Creates:
    """A pickle of this makes a file when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def malicious(path: Path, target: Path, form: str) -> Path:
    payload = {"fc.weight": Creates(target)}
    if form == "torch":
        torch.save(payload, path)
    else:
        path.write_bytes(pickle.dumps(payload))
    return path


@pytest.mark.parametrize("name", ["Net", "make", "instance"])
def test_classes_functions_and_modules(nets, name) -> None:
    model = load_model(f"{nets}:{name}")
    assert isinstance(model, nn.Module)
    assert tuple(model(torch.zeros(4, 3)).shape) == (4, 2)


def test_instance_is_taken_as_it_is(nets) -> None:
    assert load_model(f"{nets}:instance") is load_model(f"{nets}:instance")
    assert load_model(f"{nets}:Net") is not load_model(f"{nets}:Net")


@pytest.mark.parametrize("target", ["nets", "nets:", ":make", "", ".nets:make"])
def test_name_of_another_form(target) -> None:
    with pytest.raises(BadRequest, match=r"names no factory; write package\.module:name"):
        load_model(target)


def test_missing_module_and_attribute(nets) -> None:
    with pytest.raises(BadRequest, match=r"cannot import 'nowhere_at_all:make'.*No module named.*folder that holds"):
        load_model("nowhere_at_all:make")
    with pytest.raises(BadRequest, match=r"has no attribute 'mke'"):
        load_model(f"{nets}:mke")


@pytest.mark.parametrize("name", ["number", "make_number"])
def test_what_is_no_model(nets, name) -> None:
    with pytest.raises(BadRequest, match=r"gave a int; a torch\.nn\.Module"):
        load_model(f"{nets}:{name}")


def write_weights(path: Path, state: dict) -> Path:
    if path.suffix == ".safetensors":
        save_file(state, path)
    else:
        torch.save(state, path)
    return path


@pytest.mark.parametrize("suffix", [".safetensors", ".pt", ".pth", ".PT"])
def test_weights_of_every_format(nets, state, suffix, tmp_path) -> None:
    model = load_model(f"{nets}:Net", str(write_weights(tmp_path / f"w{suffix}", state)))
    assert_array_equal(model.fc.weight.detach(), state["fc.weight"])
    assert_array_equal(model.fc.bias.detach(), state["fc.bias"])


def test_weights_inside_a_checkpoint(nets, state, tmp_path) -> None:
    path = write_weights(tmp_path / "c.pt", {"epoch": 3, "state_dict": state})
    assert_array_equal(load_model(f"{nets}:Net", str(path)).fc.bias.detach(), state["fc.bias"])


@pytest.mark.parametrize("form", ["torch", "plain"])
@pytest.mark.parametrize("reads", ["weights", "data"])
def test_malicious_pickle_is_not_executed(nets, form, reads, tmp_path) -> None:
    target = tmp_path / "owned"
    path = malicious(tmp_path / "evil.pt", target, form)
    with pytest.raises(FileFormatError, match=r"evil\.pt"):
        load_model(f"{nets}:Net", str(path)) if reads == "weights" else load_data(str(path))
    assert not target.exists()


def test_the_malicious_pickle_is_one(tmp_path) -> None:
    target = tmp_path / "owned"
    torch.load(malicious(tmp_path / "evil.pt", target, "torch"), weights_only=False)
    assert target.exists()


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_object_arrays_are_refused_unexecuted(suffix, tmp_path) -> None:
    target, path = tmp_path / "owned", tmp_path / f"evil{suffix}"
    array = np.array([Creates(target)], dtype=object)
    np.save(path, array) if suffix == ".npy" else np.savez(path, x=array)
    with pytest.raises(FileFormatError, match=r"cannot read .*evil.*[Oo]bject arrays"):
        load_data(str(path))
    assert not target.exists()


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
@pytest.mark.parametrize("keep", [0, 5, 100])
def test_truncated_weights(nets, state, suffix, keep, tmp_path) -> None:
    path = write_weights(tmp_path / f"w{suffix}", state)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(FileFormatError, match=rf"w\{suffix}"):
        load_model(f"{nets}:Net", str(path))


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".pt"])
@pytest.mark.parametrize("keep", [0, 5, 100])
def test_truncated_data(suffix, keep, tmp_path) -> None:
    path = tmp_path / f"x{suffix}"
    write_data(path, np.arange(60.0).reshape(20, 3))
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(FileFormatError, match=rf"x\{suffix}"):
        load_data(str(path))


def test_damage_inside_an_archive(tmp_path) -> None:
    path = tmp_path / "x.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", b"not an array")
    with pytest.raises((FileFormatError, BadRequest), match=r"x\.npz"):
        load_data(str(path))


@pytest.mark.parametrize("read", [load_data, lambda p: load_model("torch.nn:Identity", p)])
def test_missing_file_and_folder(read, tmp_path) -> None:
    with pytest.raises(FileFormatError, match=r"cannot read .*gone\.pt.*No such file"):
        read(str(tmp_path / "gone.pt"))
    (tmp_path / "folder.pt").mkdir()
    with pytest.raises(FileFormatError, match=r"cannot read .*folder\.pt"):
        read(str(tmp_path / "folder.pt"))


def test_unknown_formats(tmp_path) -> None:
    with pytest.raises(UnknownName, match=r"no data format '\.csv'.*'\.npy'"):
        load_data("inputs.csv")
    with pytest.raises(UnknownName, match=r"no weights format '\.ckpt'.*'\.safetensors'"):
        load_model("torch.nn:Identity", "w.ckpt")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s | {"fc.weight": torch.zeros(5, 3)}, r"fc\.weight.*\[5, 3\].*\[2, 3\]"),
        (lambda s: {"fc.weight": s["fc.weight"]}, r"[Mm]issing.*fc\.bias"),
        (lambda s: s | {"other": torch.zeros(1)}, r"[Uu]nexpected.*other"),
    ],
)
def test_weights_that_do_not_fit(nets, state, change, message, tmp_path) -> None:
    path = write_weights(tmp_path / "w.pt", change(state))
    with pytest.raises(BadRequest, match=f"do not fit Net: .*{message}") as caught:
        load_model(f"{nets}:Net", str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
@pytest.mark.parametrize("kept", ["enc.weight", "dec.weight"])
def test_tied_weights_under_one_of_their_names(kept, suffix, tmp_path, monkeypatch) -> None:
    trained = Tied(seed=1)
    save_model(trained, tmp_path / "saved.safetensors")
    state = load_file(tmp_path / "saved.safetensors")
    assert len(state) == 3  # of five names
    state = {kept if "weight" in name else name: each for name, each in state.items()}
    path = write_weights(tmp_path / f"w{suffix}", state)
    monkeypatch.setattr(nn, "Tied", Tied, raising=False)
    found, peer = load_model("torch.nn:Tied", str(path)), Tied()
    if suffix == ".safetensors":
        peer_load(peer, path)
        assert all(torch.equal(each, found.state_dict()[name]) for name, each in peer.state_dict().items())
    assert all(torch.equal(each, found.state_dict()[name]) for name, each in trained.state_dict().items())
    assert found.dec.weight is found.enc.weight


def test_tied_weights_under_all_their_names(tmp_path, monkeypatch) -> None:
    trained = Tied(seed=1)
    path = write_weights(tmp_path / "w.safetensors", {k: v.clone() for k, v in trained.state_dict().items()})
    monkeypatch.setattr(nn, "Tied", Tied, raising=False)
    assert torch.equal(load_model("torch.nn:Tied", str(path)).dec.weight, trained.dec.weight)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: {k: v for k, v in s.items() if k != "enc.bias"}, r"Missing.*\"enc\.bias\""),
        (lambda s: {k: v for k, v in s.items() if "weight" not in k}, r"Missing.*\"enc\.weight\", \"dec\.weight\""),
        (lambda s: s | {"dec.wait": torch.zeros(3, 3)}, r"Unexpected.*\"dec\.wait\""),
        (lambda s: s | {"first": torch.zeros(5)}, r"first.*\[5\].*\[2\]"),
    ],
)
def test_other_keys_of_tied_weights_are_refused_by_name(change, message, tmp_path, monkeypatch) -> None:
    save_model(Tied(), tmp_path / "saved.safetensors")
    path = write_weights(tmp_path / "w.safetensors", change(load_file(tmp_path / "saved.safetensors")))
    monkeypatch.setattr(nn, "Tied", Tied, raising=False)
    with pytest.raises(BadRequest, match=f"do not fit Tied: .*{message}"):
        load_model("torch.nn:Tied", str(path))


def test_weights_that_are_alike_are_not_tied(tmp_path, monkeypatch) -> None:
    class Alike(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(3, 3), nn.Linear(3, 3)
            self.b.weight.data.copy_(self.a.weight.data)

    monkeypatch.setattr(nn, "Alike", Alike, raising=False)
    state = {k: v for k, v in Alike().state_dict().items() if k != "b.weight"}
    with pytest.raises(BadRequest, match=r"Missing.*b\.weight"):
        load_model("torch.nn:Alike", str(write_weights(tmp_path / "w.safetensors", state)))


def test_weights_that_are_no_state_dict(nets, tmp_path) -> None:
    torch.save(torch.zeros(3), tmp_path / "w.pt")
    with pytest.raises(BadRequest, match="holds a Tensor; a state dict"):
        load_model(f"{nets}:Net", str(tmp_path / "w.pt"))


def write_data(path: Path, array: np.ndarray) -> None:
    if path.suffix == ".npy":
        np.save(path, array)
    elif path.suffix == ".npz":
        np.savez(path, array)
    else:
        torch.save(torch.from_numpy(array), path)


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".pt"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "uint8", "bool"])
def test_data_of_every_format(suffix, dtype, tmp_path) -> None:
    array = (np.arange(12).reshape(4, 3) % 5).astype(dtype)
    write_data(tmp_path / f"x{suffix}", array)
    found = load_data(str(tmp_path / f"x{suffix}"))
    assert str(found.dtype) == f"torch.{dtype}"
    assert_array_equal(found.numpy(), array)


@pytest.mark.parametrize("dtype", [">f4", ">f8", ">i2"])
def test_other_byte_order(dtype, tmp_path) -> None:
    array = np.arange(6).reshape(2, 3).astype(dtype)
    np.save(tmp_path / "x.npy", array)
    assert_array_equal(load_data(str(tmp_path / "x.npy")).numpy(), array.astype(float))


@pytest.mark.parametrize("key", ["x", "inputs", "data"])
def test_array_among_others_by_name(key, tmp_path) -> None:
    arrays = {key: np.ones((2, 2)), "labels": np.zeros(2)}
    np.savez(tmp_path / "d.npz", **arrays)
    torch.save({name: torch.from_numpy(array) for name, array in arrays.items()}, tmp_path / "d.pt")
    for suffix in (".npz", ".pt"):
        assert load_data(str(tmp_path / f"d{suffix}")).tolist() == [[1, 1], [1, 1]]


def test_several_arrays_without_such_a_name(tmp_path) -> None:
    np.savez(tmp_path / "d.npz", a=np.ones(2), b=np.ones(2))
    with pytest.raises(BadRequest, match="holds the arrays 'a', 'b'; one is needed, or one called 'x'"):
        load_data(str(tmp_path / "d.npz"))
    np.savez(tmp_path / "e.npz")
    with pytest.raises(BadRequest, match="holds the arrays none"):
        load_data(str(tmp_path / "e.npz"))


@pytest.mark.parametrize(
    ("value", "what"),
    [
        (np.array(3.0), "float64"),
        (np.ones(3, dtype=complex), "complex128"),
        (np.array(["a"]), "<U1"),
        (np.ones(3, dtype=np.longdouble), "float128"),
        (np.array(["2020-01-01"], dtype="datetime64[D]"), "datetime64"),
    ],
)
def test_arrays_that_are_no_rows_of_numbers(value, what, tmp_path) -> None:
    np.save(tmp_path / "x.npy", value)
    with pytest.raises(BadRequest, match=f"holds .*{what}.*; an array of numbers with one row per sample"):
        load_data(str(tmp_path / "x.npy"))


def test_text_in_a_tensor_file(tmp_path) -> None:
    torch.save(["a", "b"], tmp_path / "x.pt")
    with pytest.raises(BadRequest, match="holds list; an array of numbers"):
        load_data(str(tmp_path / "x.pt"))


def test_archive_under_the_name_of_an_array(tmp_path) -> None:
    stream = io.BytesIO()
    np.savez(stream, x=np.ones(2))
    (tmp_path / "x.npy").write_bytes(stream.getvalue())
    with pytest.raises((BadRequest, FileFormatError), match=r"x\.npy"):
        load_data(str(tmp_path / "x.npy"))


def test_floats_take_the_type_of_the_weights() -> None:
    rows = torch.ones(2, 3, dtype=torch.float64)
    assert fit_dtype(rows, nn.Linear(3, 1)).dtype == torch.float32
    assert fit_dtype(rows.float(), nn.Linear(3, 1).double()).dtype == torch.float64
    assert fit_dtype(rows, nn.Linear(3, 1).bfloat16()).dtype == torch.bfloat16
    assert fit_dtype(rows.long(), nn.Embedding(3, 1)).dtype == torch.int64
    assert fit_dtype(rows, nn.ReLU()) is rows
