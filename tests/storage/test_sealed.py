"""What is sealed comes back exactly, or not at all."""

import hashlib
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.testing import assert_array_equal
from safetensors.numpy import load, save

from compgraph.errors import FileFormatError
from compgraph.storage import seal, unseal

KIND = "demo/1"
FACTS = {"name": "é </script>", "n": 3, "nested": [{"x": 1.5}, None]}
ARRAYS = {"a": np.arange(12.0).reshape(3, 4), "b": np.array([7], dtype=np.int64), "none": np.empty((0, 2))}


def same(found: tuple[dict, dict]) -> bool:
    facts, held = found
    return (
        facts == FACTS
        and held.keys() == ARRAYS.keys()
        and all(
            each.dtype == ARRAYS[name].dtype and each.shape == ARRAYS[name].shape and np.array_equal(each, ARRAYS[name])
            for name, each in held.items()
        )
    )


@settings(deadline=None, max_examples=50)
@given(
    st.dictionaries(
        st.text(max_size=5).filter(lambda name: name.isprintable() and name != "__metadata__"),
        arrays.arrays(st.sampled_from([np.float64, np.float32, np.int64, np.uint8]), arrays.array_shapes(min_dims=0)),
        max_size=4,
    )
)
def test_what_is_sealed_comes_back(held: dict[str, np.ndarray]) -> None:
    facts, found = unseal(seal(KIND, FACTS, held), KIND)
    assert facts == FACTS
    assert found.keys() == held.keys()
    for name, each in held.items():
        assert found[name].dtype == each.dtype
        assert_array_equal(found[name], each)


def test_the_same_content_gives_the_same_bytes() -> None:
    assert seal(KIND, FACTS, ARRAYS) == seal(KIND, dict(FACTS), dict(reversed(ARRAYS.items())))
    assert seal(KIND, {}, {"x": np.eye(3).T[:, ::-1]}) == seal(KIND, {}, {"x": np.eye(3).T[:, ::-1].copy()})


def test_the_order_of_facts_is_kept() -> None:
    facts, _ = unseal(seal(KIND, {"b": {"z": 1, "a": 2}, "a": 0}, {}), KIND)
    assert (list(facts), list(facts["b"])) == (["b", "a"], ["z", "a"])


def outcomes(damaged: list[bytes]) -> tuple[int, int, int]:
    """Count what was refused, what came back as it was, and what came back as something else."""
    refused = unchanged = 0
    for data in damaged:
        try:
            unchanged += same(unseal(data, KIND))
        except FileFormatError:
            refused += 1
    return refused, unchanged, len(damaged) - refused - unchanged


def flipped(data: bytes, n: int, seed: int) -> list[bytes]:
    found = []
    for bit in np.random.default_rng(seed).choice(8 * len(data), size=n, replace=False).tolist():
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        found.append(bytes(damaged))
    return found


def test_no_flipped_bit_passes() -> None:
    refused, unchanged, wrong = outcomes(flipped(seal(KIND, FACTS, ARRAYS), 1000, seed=0))
    assert (wrong, refused + unchanged) == (0, 1000)
    assert refused > 950, "few bits mean nothing"


def test_no_truncated_or_longer_piece_passes() -> None:
    data = seal(KIND, FACTS, ARRAYS)
    cut = [data[:n] for n in range(len(data))] + [data + b"\0", data[1:], data * 2]
    assert outcomes(cut) == (len(cut), 0, 0)


def test_a_reader_without_a_checksum_lets_flipped_bits_pass() -> None:
    content = seal(KIND, FACTS, ARRAYS)
    last = [content[:-1] + bytes([content[-1] ^ 1 << bit]) for bit in range(8)]
    assert outcomes(last) == (8, 0, 0)
    for data in last:
        assert any(load(data)[name].tobytes() != each.tobytes() for name, each in ARRAYS.items())


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "damaged, or was not written by compgraph"),
        (b"not a tensor in it", "damaged, or was not written by compgraph"),
        (save({"x": np.eye(2)}), "no '__metadata__' in it"),
        (save({"x": np.eye(2)}, {"compgraph": "[" * 10**5}), "damaged, or was not written by compgraph"),
        (save({"x": np.eye(2)}, {"compgraph": "[1, 2]"}), "the checksum does not fit"),
        (save({"x": np.eye(2)}, {"compgraph": "7"}), "damaged, or was not written by compgraph"),
        (seal("other/7", {}, {}), "it holds 'other/7'; 'demo/1' is needed"),
        (b"\xff" * 7 + b"\x7f" + b"{}", "damaged"),
    ],
)
def test_other_files_are_named(data: bytes, message: str) -> None:
    with pytest.raises(FileFormatError, match=message):
        unseal(data, KIND)


def test_nan_is_no_fact() -> None:
    with pytest.raises(ValueError, match="JSON"):
        seal(KIND, {"x": float("nan")}, {})
    assert json.dumps(FACTS)


@pytest.mark.parametrize("text", ["[]", "3", "no JSON", "[" * 10**5, '{"n": 1}', 7, None])
def test_facts_that_are_none_are_refused_though_the_checksum_fits(text: object) -> None:
    checksum = hashlib.sha256(text.encode()).hexdigest() if isinstance(text, str) else ""
    with pytest.raises(FileFormatError):
        unseal(save({}, {"compgraph": json.dumps([text, checksum])}), KIND)
