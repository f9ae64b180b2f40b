"""What holds numbers is a tensor, and what cannot be one is named with what to do."""

import numpy as np
import pytest
import torch
from torch.nn.utils.rnn import pack_sequence

from compgraph.errors import BadRequest
from compgraph.observe.data.as_tensors import as_tensors

ROWS = np.arange(12.0).reshape(4, 3)


class Frame:
    """As much of a data frame as is asked for."""

    def __init__(self, **columns: np.ndarray) -> None:
        self.columns = columns

    @property
    def dtypes(self) -> dict[str, np.dtype]:
        return {name: each.dtype for name, each in self.columns.items()}

    @property
    def shape(self) -> tuple[int, int]:
        return len(next(iter(self.columns.values()))), len(self.columns)

    def to_numpy(self, dtype: str | None = None) -> np.ndarray:
        kinds = {each.dtype.kind for each in self.columns.values()}
        plain = dtype or (object if len(kinds - set("iuf")) and len(kinds) > 1 else None)
        return np.stack([each.astype(plain or each.dtype) for each in self.columns.values()], axis=1)


@pytest.mark.parametrize(
    "array",
    [
        ROWS,
        ROWS.astype(np.float32),
        ROWS.astype(np.int64),
        ROWS.astype(np.uint8),
        ROWS.astype(">f8"),
        ROWS.astype(">i4"),
        ROWS.astype(np.longdouble),
        ROWS > 3,
        ROWS[::-1],
        ROWS[:, ::2],
        ROWS + 1j,
    ],
    ids=["f8", "f4", "i8", "u1", ">f8", ">i4", "long", "bool", "reversed", "strided", "complex"],
)
def test_arrays_keep_their_numbers(array):
    found = as_tensors(array)
    assert isinstance(found, torch.Tensor)
    np.testing.assert_array_equal(found.numpy(), array)


def test_arrays_that_cannot_be_written_to_are_not_copied(tmp_path):
    np.save(tmp_path / "x.npy", ROWS)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert as_tensors(mapped).data_ptr() == mapped.ctypes.data


def test_frames_are_their_numbers():
    found = as_tensors(Frame(a=ROWS[:, 0], b=ROWS[:, 1]))
    np.testing.assert_array_equal(found.numpy(), ROWS[:, :2])
    found = as_tensors(Frame(a=ROWS[:, 0], b=ROWS[:, 1] > 4))
    np.testing.assert_array_equal(found.numpy(), np.stack([ROWS[:, 0], ROWS[:, 1] > 4], axis=1))


def test_frames_name_the_columns_that_hold_no_numbers():
    frame = Frame(a=ROWS[:, 0], town=np.array(list("abcd"), dtype=object))
    with pytest.raises(BadRequest, match=r"a Frame with entries in the columns 'town' that are no numbers.*drop or"):
        as_tensors(frame)


def test_lists_of_numbers_and_what_is_in_containers():
    assert torch.equal(as_tensors([[1, 2], [3, 4]]), torch.tensor([[1, 2], [3, 4]]))
    found = as_tensors({"a": (ROWS, "text")})
    assert torch.equal(found["a"][0], torch.from_numpy(ROWS))
    assert found["a"][1] == "text"


def image():
    picture = pytest.importorskip("PIL.Image")
    return picture.new("RGB", (4, 4))


def nested():
    return torch.nested.nested_tensor([torch.ones(2), torch.ones(3)], layout=torch.jagged)


@pytest.mark.parametrize(
    ("make", "came", "remedy"),
    [
        (lambda: pack_sequence([torch.ones(3, 2), torch.ones(2, 2)]), "a PackedSequence", "pad to one length"),
        (image, "a PIL image", r"ToTensor\(\)"),
        (nested, "a nested tensor", "pad to one length"),
        (lambda: torch.eye(3).to_sparse(), "a sparse tensor", r"to_dense\(\)"),
        (lambda: torch.eye(3).to_sparse_csr(), "a sparse tensor", r"to_dense\(\)"),
        (lambda: torch.ones(3, device="meta"), "'meta'", "load the data"),
        (lambda: np.array(["a", "b"]), "an array of texts", "token ids"),
        (lambda: np.array([None, 1]), "of the type object", "astype"),
        (lambda: np.array(["2020-01-01"], dtype="datetime64[D]"), "of the type datetime64", "astype"),
        (lambda: np.ma.array([1.0, 2.0], mask=[True, False]), "entries are masked", r"array\.filled\(0\)"),
        (lambda: [[1.0, 2.0], [3.0]], "lists of numbers of different lengths", "pad to one length"),
    ],
    ids=["packed", "pil", "nested", "coo", "csr", "meta", "texts", "objects", "dates", "masked", "ragged"],
)
@pytest.mark.filterwarnings("ignore:Sparse CSR:UserWarning")
def test_what_cannot_be_a_tensor_is_named_with_what_to_do(make, came, remedy):
    with pytest.raises(BadRequest, match=f"{came}.*needed are dense.*{remedy}"):
        as_tensors(make())


@pytest.mark.filterwarnings("ignore:torch.quantize:UserWarning")
def test_quantised_tensors_are_to_be_dequantised():
    given = torch._empty_affine_quantized((3,), scale=0.1, zero_point=0, dtype=torch.quint8)
    with pytest.raises(BadRequest, match=r"a quantised tensor.*dequantize\(\)"):
        as_tensors(given)
    assert as_tensors(given.dequantize()).dtype == torch.float32


def test_sparse_tensors_pass_where_somebody_knows_what_they_are():
    given = torch.eye(3).to_sparse()
    assert as_tensors(given, sparse=True) is given
