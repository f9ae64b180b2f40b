"""Changes to the bytes of a file, and to what it says with a checksum that fits again."""

import copy
import json
import random
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import numpy as np

from compgraph.connect import checksum, from_json
from compgraph.errors import CompgraphError
from compgraph.storage import seal, unseal

Mutation = Callable[[bytes, random.Random], bytes]
NASTY = (
    *(None, True, "", "NaN", "1e999", "\ud83d", "\0", "compgraph/1", "compgraph/3", "x" * 70_000),
    *(0, -1, 2**63, 10**400, -0.0, 1e308, 5e-324, [], {}, [[]], {"id": "a"}, [None, {"a": [1]}]),
)
NASTY_TEXT = ("", "NaN", "-inf", "1e999", "9" * 5000, "true", "&amp;", "\u202e", "double", "yes", "compgraph/3")


def flip_bits(data: bytes, rng: random.Random) -> bytes:
    """Turn over a few bits."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8, 64))):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def splice(data: bytes, rng: random.Random) -> bytes:
    """Put a piece of the file somewhere else, in place of what is there or between it."""
    start, length, at = rng.randrange(len(data)), rng.choice((1, 8, 100, len(data))), rng.randrange(len(data) + 1)
    piece = data[start : start + length]
    return data[:at] + piece + data[at + rng.choice((0, len(piece))) :]


def truncate(data: bytes, rng: random.Random) -> bytes:
    """Cut the file off, at its end or its beginning."""
    at = rng.randrange(len(data))
    return rng.choice((data[:at], data[at:]))


def insert(data: bytes, rng: random.Random) -> bytes:
    """Put in bytes that mean something to parsers."""
    tokens = (
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        b"\0",
        b"NaN",
        b"Infinity",
        b"<!DOCTYPE x [<!ENTITY a 'b'>]>",
        b"&a;",
        b"[" * 9999,
    )
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.choice(tokens) + data[at:]


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every container of a document with every key it has."""
    keys = list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []
    for key in keys:
        yield value, key
        yield from _places(value[key])


def swap_in_json(data: bytes, rng: random.Random) -> bytes:
    """Change, remove, exchange or repeat values of a JSON document, which stays one."""
    document = json.loads(data)
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        places = list(_places(document))
        if not places:
            break
        (home, key), (other, other_key) = rng.choice(places), rng.choice(places)
        action = rng.randrange(5)
        if action == 0:
            home[key] = copy.deepcopy(rng.choice(NASTY))
        elif action == 1:
            del home[key]
        elif action == 2:
            home[key] = json.loads(json.dumps(other[other_key]))
        elif action == 3 and isinstance(home, list):
            home.append(home[key])
        elif isinstance(home, dict):
            home[rng.choice(("extra", "", "id", "source", "group", "output", "\ud83d"))] = copy.deepcopy(
                rng.choice(NASTY)
            )
    return json.dumps(document).encode()


def _tree(data: bytes) -> ET.Element:
    return ET.fromstring(data)  # noqa: S314  the package wrote it a moment ago


def swap_in_xml(data: bytes, rng: random.Random) -> bytes:
    """Change, remove, exchange or repeat elements, attributes and text of an XML document, which stays one."""
    root = _tree(data)
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        parents = [each for each in root.iter() if len(each)]
        if not parents:
            break
        parent = rng.choice(parents)
        child, other = rng.choice(list(parent)), rng.choice(list(root.iter()))
        action = rng.randrange(5)
        if action == 0:
            child.text = rng.choice(NASTY_TEXT)
        elif action == 1:
            parent.remove(child)
        elif action == 2:
            parent.append(child)
        elif action == 3 and child.attrib:
            child.set(rng.choice(list(child.attrib)), rng.choice((*NASTY_TEXT, *other.attrib.values())))
        else:
            child.text, other.text = other.text, child.text
    return ET.tostring(root)


def reseal_json(data: bytes, rng: random.Random) -> bytes:
    """Change what the JSON of a graph says, with the checksum of that; with none where there cannot be one."""
    document = json.loads(data)
    document.pop("checksum")
    document = json.loads(swap_in_json(json.dumps(document).encode(), rng))
    with suppress(CompgraphError):  # what is no graph has no checksum, and is tried without
        document["checksum"] = checksum(from_json(json.dumps(document).encode()))
    return json.dumps(document).encode()


def unseal_xml(data: bytes, rng: random.Random) -> bytes:
    """Change what the GraphML of a graph says, without its checksum, so that all behind that is tried."""
    root = _tree(data)
    for parent in root.iter():
        for child in [each for each in parent if (each.text or "").startswith("compgraph-sha256:")]:
            parent.remove(child)
    return swap_in_xml(ET.tostring(root), rng)


def nasty_array(array: np.ndarray, rng: random.Random) -> np.ndarray:
    """Return another array: of other numbers, another type or another shape."""
    flat = np.array(array).reshape(-1)
    with np.errstate(all="ignore"):
        if len(flat) and rng.random() < 0.4:
            odd = (np.nan, np.inf, -1, 0, 1e300, -(2**62))
            values = {"f": odd, "i": (-1, 0, 127), "u": (0, 127), "b": (False, True)}[flat.dtype.kind]
            flat[rng.randrange(len(flat))] = rng.choice(values)
            return flat.reshape(array.shape)
        kinds = ("f4", "f8", "i8", "u1", "?", "f2")
        shapes = [flat, flat[:0], flat[:1], array]
        if array.ndim:
            shapes += [array.T, array[..., None], array[:0], array[:1], np.repeat(array, 2, axis=0)]
        shape = rng.choice(shapes)
        return np.array(shape).astype(rng.choice((array.dtype.str, *kinds)))


def reseal(kind: str) -> Mutation:
    """Return a mutation of a sealed file that changes its facts or arrays and seals them again."""

    def resealed(data: bytes, rng: random.Random) -> bytes:
        facts, arrays = unseal(data, kind)
        if arrays and rng.random() < 0.4:
            name = rng.choice(sorted(arrays))
            arrays[name] = nasty_array(arrays[name], rng)
        elif arrays and rng.random() < 0.1:
            del arrays[rng.choice(sorted(arrays))]
        else:
            facts = json.loads(swap_in_json(json.dumps(facts).encode(), rng))
        return seal(kind, facts, arrays)

    return resealed


ANY: tuple[Mutation, ...] = (flip_bits, splice, truncate, insert)


def mutate(data: bytes, own: tuple[Mutation, ...], rng: random.Random) -> tuple[str, bytes]:
    """Return the name of a mutation, and the file after it."""
    chosen = rng.choice((*ANY, *own * len(ANY)))
    return chosen.__name__, chosen(data, rng)


def resealed_only(data: bytes, own: tuple[Mutation, ...], rng: random.Random) -> tuple[str, bytes]:
    """Return the same of what keeps the checksum right."""
    chosen = rng.choice(own)
    return chosen.__name__, chosen(data, rng)
