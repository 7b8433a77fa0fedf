"""The four top-level roles: what is asked for, in which order, and what is taken for true."""

from hashlib import sha256
from typing import Any, Final

import pytest
from securesystemslib.formats import encode_canonical
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Key, Metadata, MetaFile

from conformance.simulator import Simulator, in_days
from conformance.steps import (
    Case,
    Stage,
    Step,
    asked_for,
    at_later,
    begins_with,
    changes,
    does,
    finds_nothing,
    gives_hashes,
    keeps_what_was_served,
    last_asked_for,
    loses_a_key,
    play,
    publishes,
    publishes_all,
    refreshes,
    refuses,
    sets,
    trusts,
    trusts_just,
)
from tarkpm.core.layout import ROOT, SNAPSHOT, TIMESTAMP, TOP
from tarkpm.errors import IndexStale, IndexUntrusted, Unreachable

NOTHING_NEW: Final = {"root": 1, "snapshot": 1, "targets": 1, "timestamp": 1}
ALL_FOUR: Final = (
    "metadata/2.root.json",
    "metadata/timestamp.json",
    "metadata/1.snapshot.json",
    "metadata/1.targets.json",
)
ANOTHER_SIGNATURE: Final = "5a" * 64


def wrong_digest(role: str, name: str) -> Step:
    """What lists it says another digest of it."""

    def change(signed: Any) -> None:
        about = signed.snapshot_meta if role == TIMESTAMP else signed.meta[name]
        about.hashes["sha256"] = "0" * 64

    return changes(role, change)


def with_other_fields(repo: Simulator) -> None:
    """A root that says more than the specification knows: in itself, in a role, in a key."""
    signer = CryptoSigner.generate_ed25519()
    key = with_field(signer.public_key, "x-of-a-key", {"a": [1, {"b": 2}]})
    repo.add_key(ROOT, CryptoSigner(signer._private_key, key))  # type: ignore[arg-type]
    repo.signed[ROOT].unrecognized_fields["x-of-a-root"] = "anything"
    repo.signed[ROOT].roles[ROOT].unrecognized_fields["x-of-a-role"] = 7


def with_field(key: Key, name: str, value: object) -> Key:
    """The same key with a field more, which makes it another keyid."""
    table = {**key.to_dict(), name: value}
    return Key.from_dict(sha256(encode_canonical(table).encode()).hexdigest(), table)  # type: ignore[union-attr]


def snapshot_key_with_misleading_field(repo: Simulator) -> None:
    """`keyid_hash_algorithms` is from before TUF 1.0 and means nothing."""
    signer = CryptoSigner.generate_ed25519()
    key = with_field(signer.public_key, "keyid_hash_algorithms", "md5")
    repo.set_keys(SNAPSHOT, 1, [], [])
    repo.add_key(SNAPSHOT, CryptoSigner(signer._private_key, key))  # type: ignore[arg-type]


def snapshot_as_timestamp(repo: Simulator) -> None:
    """Right in everything, signature and contents, but for its type."""
    repo.add_key(SNAPSHOT, repo.signers[TIMESTAMP][0])
    repo.signed[SNAPSHOT].meta = {"snapshot.json": MetaFile(1)}
    repo.publish(ROOT, SNAPSHOT)
    repo.files["metadata/timestamp.json"] = repo.files.pop("metadata/2.snapshot.json")


BASIC: dict[str, Case] = {
    "what a refresh asks for": [refreshes, asked_for(*ALL_FOUR)],
    "what a refresh trusts": [refreshes, keeps_what_was_served(ROOT, TIMESTAMP, SNAPSHOT, TOP)],
    "a question about a target refreshes first": [
        finds_nothing("no-such-target"),
        asked_for(*ALL_FOUR),
        keeps_what_was_served(ROOT, TIMESTAMP, SNAPSHOT, TOP),
    ],
    "a first root without a version": [
        begins_with(lambda root: root["signed"].pop("version")),
        refuses(IndexUntrusted),
        asked_for(),
    ],
    "a first root with another signature": [
        begins_with(lambda root: root["signatures"][0].update(sig=ANOTHER_SIGNATURE)),
        refuses(IndexUntrusted),
        asked_for(),
    ],
    "other contents of the timestamp's version": [
        refreshes,
        changes(TIMESTAMP, lambda timestamp: setattr(timestamp.snapshot_meta, "version", 100)),
        does(lambda repo: repo.put(TIMESTAMP)),
        refreshes,
        last_asked_for("metadata/timestamp.json"),
        lambda stage: _listed_snapshot_is(stage, 1),
    ],
    "digests of metadata that are right": [
        gives_hashes,
        publishes_all(),
        refreshes,
        trusts(snapshot=2, targets=2),
    ],
    "a wrong digest of targets": [
        gives_hashes,
        publishes_all(),
        refreshes,
        publishes(TOP),
        wrong_digest(SNAPSHOT, "targets.json"),
        publishes(SNAPSHOT, TIMESTAMP),
        refuses(IndexUntrusted),
        trusts(snapshot=3, targets=2),
    ],
    "a wrong digest of the snapshot": [
        gives_hashes,
        publishes(SNAPSHOT, TIMESTAMP),
        refreshes,
        publishes(SNAPSHOT),
        wrong_digest(TIMESTAMP, "snapshot.json"),
        publishes(TIMESTAMP),
        refuses(IndexUntrusted),
        trusts(timestamp=3, snapshot=2),
    ],
    "white space that no writer makes": [
        does(lambda repo: repo.files.update({"metadata/timestamp.json": _timestamp(repo) + b" \n "})),
        refreshes,
        keeps_what_was_served(TIMESTAMP),
    ],
    "fields that nobody knows": [
        refreshes,
        does(with_other_fields),
        publishes(ROOT),
        refreshes,
        trusts(root=2),
    ],
    "a field of keys that means nothing": [
        does(snapshot_key_with_misleading_field),
        publishes(ROOT, SNAPSHOT, TIMESTAMP),
        refreshes,
        trusts(root=2, snapshot=2),
    ],
    "a snapshot that is not there": [
        refreshes,
        changes(TIMESTAMP, lambda timestamp: setattr(timestamp.snapshot_meta, "version", 2)),
        publishes(TIMESTAMP),
        refuses(Unreachable),
        last_asked_for("metadata/2.snapshot.json"),
        trusts_just(**NOTHING_NEW | {"timestamp": 2}),
    ],
    "targets that are not there": [
        refreshes,
        changes(SNAPSHOT, lambda snapshot: setattr(snapshot.meta["targets.json"], "version", 2)),
        publishes(SNAPSHOT, TIMESTAMP),
        refuses(Unreachable),
        last_asked_for("metadata/2.targets.json"),
        trusts_just(**NOTHING_NEW | {"timestamp": 2, "snapshot": 2}),
    ],
    "a timestamp that is not there": [
        refreshes,
        does(lambda repo: repo.files.pop("metadata/timestamp.json")),
        refuses(Unreachable),
        last_asked_for("metadata/timestamp.json"),
    ],
    "a snapshot in the place of a timestamp": [
        does(snapshot_as_timestamp),
        refuses(IndexUntrusted),
        trusts_just(root=2),
    ],
    "a clock that moves": [
        sets(ROOT, expires=in_days(7)),
        publishes(ROOT),
        refreshes,
        at_later(8),
        refuses(IndexStale),
    ],
}

UNSIGNED: dict[str, dict[str, int]] = {
    ROOT: {"root": 1},
    TIMESTAMP: {"root": 2},
    SNAPSHOT: {"root": 2, "timestamp": 2},
    TOP: {"root": 2, "timestamp": 2, "snapshot": 2},
}
"""What is trusted where a role lacks its signature: what comes before it."""

MISNAMED: dict[str, dict[str, int]] = {
    role: trusted for role, trusted in UNSIGNED.items() if role != TIMESTAMP
}
"""Where the file is named for another version than it says."""


def _timestamp(repo: Simulator) -> bytes:
    return repo.files["metadata/timestamp.json"]


def _listed_snapshot_is(stage: Stage, version: int) -> None:
    kept: Metadata[Any] = Metadata.from_file(str(stage.cached / "timestamp.json"))
    assert kept.signed.snapshot_meta.version == version


@pytest.mark.parametrize("name", list(BASIC))
def test_basic(stage: Stage, name: str) -> None:
    play(BASIC[name], stage)


@pytest.mark.parametrize("role", list(UNSIGNED))
def test_a_role_without_its_signature(stage: Stage, role: str) -> None:
    play(
        [loses_a_key(role), publishes_all(ROOT), refuses(IndexUntrusted), trusts_just(**UNSIGNED[role])],
        stage,
    )


@pytest.mark.parametrize("role", list(MISNAMED))
def test_a_file_named_for_another_version(stage: Stage, role: str) -> None:
    """Version 3 in a file, and in lists, that say 2."""
    repo = stage.repo
    for one in (ROOT, TOP, SNAPSHOT, TIMESTAMP):
        repo.signed[one].version += 2 if one == role else 1
        repo.put(one, version=2)
    play([refuses(IndexStale), trusts_just(**MISNAMED[role])], stage)
