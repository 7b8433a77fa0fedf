"""A server of an index changes what it serves: a claim, rows, metadata, a release."""

import pytest
from support.index_fixtures import Victim
from support.indexrepo import edited

from tarkpm.errors import DigestMismatch, IndexUntrusted


@pytest.mark.parametrize("folder", ["publishers", "index"])
def test_a_document_of_the_same_length(victim: Victim, folder: str) -> None:
    (file,) = (
        (victim.index.folder / "targets" / folder).glob("*.text-tools.json")
        if folder == "publishers"
        else [
            sorted(
                (victim.index.folder / "targets" / folder).glob("*.text-tools.json"),
                key=lambda one: one.stat().st_size,
            )[-1]
        ]
    )
    data = file.read_bytes()
    victim.server.instead(f"targets/{folder}/", data.replace(b"text-tools", b"text-toolz"))
    problem = victim.meets(IndexUntrusted, "the file does not have the signed digest")
    assert problem.exit_status == 3
    assert f"{folder}/text-tools.json" in problem.where


def test_a_longer_document(victim: Victim) -> None:
    victim.server.instead("targets/publishers/", b" " * 100_000)
    victim.meets(IndexUntrusted, "the file has more than the signed ")


@pytest.mark.parametrize("role", ["targets", "claims", "index", "bin of claims", "bin of rows"])
def test_metadata_with_a_later_expiry(victim: Victim, role: str) -> None:
    index = victim.index
    bins = {"bin of claims": "publishers/text-tools.json", "bin of rows": "index/text-tools.json"}
    name = index.bin(bins[role]) if role in bins else role
    data = index.load(name).to_bytes()
    victim.server.instead(
        f"metadata/{index.version(name)}.{name}.json", edited(data, expires="2099-01-01T00:00:00Z")
    )
    problem = victim.meets(IndexUntrusted, f"bad signature: {name} was signed by 0/")
    assert problem.exit_status == 3


def test_a_timestamp_with_a_later_expiry(victim: Victim) -> None:
    data = (victim.index.folder / "metadata" / "timestamp.json").read_bytes()
    victim.server.instead("metadata/timestamp.json", edited(data, expires="2099-01-01T00:00:00Z"))
    victim.meets(IndexUntrusted, "bad signature: timestamp was signed by 0/1 keys")


def test_a_snapshot_with_a_later_expiry(victim: Victim) -> None:
    data = (victim.index.folder / "metadata" / "1.snapshot.json").read_bytes()
    victim.server.instead("metadata/1.snapshot.json", edited(data, expires="2099-01-01T00:00:00Z"))
    problem = victim.meets(IndexUntrusted)
    assert problem.exit_status == 3


def test_a_release_with_a_flipped_byte(victim: Victim) -> None:
    for file in (victim.index.folder / "files").iterdir():
        data = bytearray(file.read_bytes())
        data[-1] ^= 1
        file.write_bytes(data)
    problem = victim.meets(DigestMismatch, "'plugin.wasm' has sha256", ask=victim.installs)
    assert problem.exit_status == 3


def test_a_release_cut_off(victim: Victim) -> None:
    for file in (victim.index.folder / "files").iterdir():
        file.write_bytes(file.read_bytes()[:-3])
    victim.meets(DigestMismatch, "'plugin.wasm' has ", " bytes, expected ", ask=victim.installs)


def test_a_release_with_more_at_its_end(victim: Victim) -> None:
    for file in (victim.index.folder / "files").iterdir():
        file.write_bytes(file.read_bytes() + b"more")
    victim.meets(DigestMismatch, "the release of text-tools has more than ", ask=victim.installs)
