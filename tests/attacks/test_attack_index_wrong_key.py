"""Metadata signed by somebody else's key, in every role."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from support.index_fixtures import Victim, World

from tarkpm.errors import IndexUntrusted

THIEF = Ed25519PrivateKey.generate()


def test_another_index(victim: Victim, tmp_path: Path) -> None:
    """With other keys, it is another index whatever it calls itself."""
    other = World.make(tmp_path / "other")
    victim.server.serve(other.folder)
    problem = victim.meets(
        IndexUntrusted,
        f"this is another index: expected the first root {victim.root}, found {other.root_digest}",
    )
    assert problem.exit_status == 3
    assert "compare the root" in problem.hint


def test_another_index_for_someone_who_saw_the_first(victim: Victim, tmp_path: Path) -> None:
    victim.looks()
    victim.server.serve(World.make(tmp_path / "other").folder)
    victim.meets(IndexUntrusted, "bad signature: timestamp was signed by 0/1 keys")


@pytest.mark.parametrize(
    "role", ["targets", "claims", "index", "publishers/text-tools.json", "index/text-tools.json"]
)
def test_targets_metadata(victim: Victim, role: str) -> None:
    index = victim.index
    name = index.bin(role) if "/" in role else role
    signed = index.load(name).signed
    signed.version += 1
    index.write(name, signed, keys=[THIEF])
    index.publish()
    problem = victim.meets(IndexUntrusted, f"bad signature: {name} was signed by 0/")
    assert problem.exit_status == 3


def test_snapshot_and_timestamp(victim: Victim) -> None:
    victim.index.publish(keys=[THIEF])
    victim.meets(IndexUntrusted, "bad signature: timestamp was signed by 0/1 keys")


def test_the_next_root(victim: Victim) -> None:
    """A root that makes the thief the only maintainer, signed by him alone."""
    index = victim.index
    honest = index.maintainers, index.threshold
    index.maintainers, index.threshold, index.online = [THIEF], 1, THIEF
    index.write_root()
    index.publish()
    index.maintainers, index.threshold = honest
    victim.meets(IndexUntrusted, "bad signature: root was signed by 0/2 keys")


def test_the_first_root_signed_by_nobody(victim: Victim) -> None:
    """Its digest is right, so it was chosen; still it must be signed by itself."""
    from support.indexrepo import edited

    from tarkpm.core.digest import sha256

    data = edited(victim.index.first_root, expires="2099-01-01T00:00:00Z")
    victim.server.instead("metadata/1.root.json", data)
    victim.root = f"sha256:{sha256(data)}"
    victim.meets(IndexUntrusted, "bad signature: root was signed by 0/2 keys")
