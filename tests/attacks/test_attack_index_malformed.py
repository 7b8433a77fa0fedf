"""Metadata that is signed by the right keys and is nonsense, and bytes that are not metadata at all."""

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.formats import encode_canonical
from support.index_fixtures import Victim
from support.indexrepo import signer

from tarkpm.errors import IndexStale, IndexUntrusted, TarkError, Unreachable

ALLOWED = (IndexUntrusted, IndexStale, Unreachable)
STRANGE: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**53, 2**70, 1.5, 1e308),
    *("", "x", "\x00", "../..", "\ud800", "9999-99-99T99:99:99Z", "2099-01-01T00:00:00Z", "é" * 300),
    *([], {}, [[]], {"": None}, ["x"] * 5, {"a": {"b": {}}}, [None], {"keyids": []}),
)


def _paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    items: Any = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, item in items:
        yield from _paths(item, (*path, key))


def mutated(document: Any, chance: random.Random) -> Any:
    """A copy with one to three places replaced, removed, renamed or doubled."""
    result = copy.deepcopy(document)
    for _ in range(chance.randint(1, 3)):
        places = [path for path in _paths(result) if path]
        if not places:
            return result
        *above, last = chance.choice(places)
        holder = result
        for key in above:
            holder = holder[key]
        kind = chance.randrange(4)
        if kind == 0 or isinstance(holder, list):
            holder[last] = copy.deepcopy(chance.choice(STRANGE))
        elif kind == 1:
            del holder[last]
        elif kind == 2:
            holder[chance.choice(["x-new", "roles", "delegations", "targets", "_type"])] = holder.pop(last)
        else:
            other = chance.choice(list(holder))
            holder[last] = copy.deepcopy(holder[other])
    return result


def signed_again(signed: Any, keys: list[Ed25519PrivateKey]) -> bytes:
    """Metadata by the right keys; where it cannot be canonical, nobody's parser can agree on it either."""
    try:
        message = str(encode_canonical(signed)).encode()
    except Exception:  # noqa: BLE001  # floats, surrogates
        message = b"?"
    signatures = [{"keyid": signer(key).public_key.keyid, "sig": key.sign(message).hex()} for key in keys]
    return json.dumps({"signatures": signatures, "signed": signed}).encode("utf-8", "surrogatepass")


def _name(victim: Victim, role: str) -> str:
    index = victim.index
    name = index.bin(role) if "/" in role else role
    return "timestamp.json" if name == "timestamp" else f"{index.version(name)}.{name}.json"


ROLES = ["timestamp", "snapshot", "targets", "claims", "publishers/text-tools.json", "index/text-tools.json"]


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("role", [*ROLES, "next root"])
def test_signed_by_the_right_keys(victim: Victim, role: str, seed: int) -> None:
    """Whatever comes of it is one of our errors, or no harm; at once, and in words."""
    chance = random.Random(f"{role} {seed}")
    index = victim.index
    if role == "next root":
        document, keys, path = index.root(2).to_dict(), index.offline, "2.root.json"
    else:
        name = index.bin(role) if "/" in role else role
        document, keys, path = index.load(name).signed.to_dict(), index.keys(name), _name(victim, role)
    victim.server.instead(f"metadata/{path}", signed_again(mutated(document, chance), keys))
    try:
        victim.looks()
    except TarkError as problem:
        found = problem
    else:
        return  # a change that takes no harm: a field nobody reads, a date that is as good
    assert isinstance(found, ALLOWED), repr(found)
    assert found.message
    assert found.where


NOT_METADATA = {
    "half of a surrogate pair as a key": b'{"\\ud800":1}',
    "nothing": b"",
    "cut off": b'{"signed": {"_type": "timestamp"',
    "a list": b"[]",
    "a number": b"1",
    "null": b"null",
    "not text": b"\xff\xfe\x00",
    "a byte order mark": b"\xef\xbb\xbf{}",
    "deep": b"[" * 8000 + b"]" * 8000,
    "deeper": b'{"signed":' * 3000,
    "a huge number": b'{"signed": {"version": ' + b"9" * 10000 + b"}}",
    "not a number": b'{"signed": {"version": NaN}}',
    "a web page": b"<!doctype html><title>Welcome to this hotel</title>",
    "no signatures": b'{"signed": {"_type": "timestamp", "version": 1, "spec_version": "1.0.31", "expires": "2099-01-01T00:00:00Z"}}',
}


@pytest.mark.parametrize("what", NOT_METADATA)
@pytest.mark.parametrize("role", ["timestamp", "publishers/text-tools.json"])
def test_not_metadata(victim: Victim, what: str, role: str) -> None:
    victim.server.instead(f"metadata/{_name(victim, role)}", NOT_METADATA[what])
    problem = victim.meets(IndexUntrusted)
    assert problem.where.endswith(_name(victim, role)) or problem.where == victim.server.url, problem.where


@pytest.mark.parametrize("key", ["signed", "signatures"])
def test_a_key_twice(victim: Victim, key: str) -> None:
    """Parsers differ in which of two they take; here it is neither."""
    data = (victim.index.folder / "metadata" / "timestamp.json").read_text()
    victim.server.instead("metadata/timestamp.json", data.replace("{", f'{{"{key}":{{}},', 1).encode())
    victim.meets(IndexUntrusted, "not strict JSON: a key occurs twice")


@pytest.mark.parametrize(
    "data",
    [b"", b"{}", b"[]", b'{"version":3,"name":"text-tools"}', b"\xff", b"[" * 5000, b'{"\\ud800":1}'],
)
@pytest.mark.parametrize("path", ["publishers/text-tools.json", "index/text-tools.json"])
def test_documents(victim: Victim, path: str, data: bytes) -> None:
    """Signed by everyone who must, and not a claim, or rows."""
    victim.index.put(path, data)
    victim.index.publish()
    victim.meets(IndexUntrusted)
