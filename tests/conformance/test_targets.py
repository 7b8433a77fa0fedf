"""Target files: whose bytes are taken, from where, and how often. And two repositories as others make them."""

from typing import Any

import pytest
from securesystemslib.signer import CryptoSigner, Signature
from tuf.api.metadata import DelegatedRole, Metadata, MetaFile

from conformance.simulator import Simulator, in_days
from conformance.steps import (
    Case,
    Stage,
    asked_for,
    begins_with_newest,
    changes,
    does,
    finds,
    play,
    publishes_all,
    refreshes,
    refuses_target,
    trusts,
)
from tarkpm.core.digest import sha256
from tarkpm.core.layout import ROOT, SNAPSHOT, TIMESTAMP, TOP
from tarkpm.errors import IndexUntrusted

DATA = b"the target"
EVIL = b"not target"
UP_TO_DATE = ["metadata/2.root.json", "metadata/timestamp.json"]


def lists(path: str, data: bytes = DATA, *hashes: str) -> Case:
    """A target more, and new metadata that says so."""
    return [does(lambda repo: repo.add_target(TOP, path, data, hashes or ["sha256"])), publishes_all()]


def serves(path: str, data: bytes) -> Case:
    """Other bytes where a target is."""
    return [does(lambda repo: repo.serve_target(repo.signed[TOP].targets[path], data))]


def many_versions() -> Case:
    """A client that sees every fifth of eleven versions, with an attempt to swap each that it sees."""
    steps = [*lists("file", b"first"), finds("file", b"first")]
    for number in range(11):
        steps += lists("file", f"version {number}".encode())
        steps += lists(f"new-{number}", f"new {number}".encode())
        if number % 5 == 0:
            steps += [
                finds("file", f"version {number}".encode()),
                finds(f"new-{number}", f"new {number}".encode()),
            ]
            steps += [*serves("file", b"x" * len(f"version {number}")), publishes_all()]
            steps += [refuses_target(IndexUntrusted, "file")]
    return steps


TARGETS: dict[str, Case] = {
    "a file, and not before it is asked for": [
        *lists("file"),
        refreshes,
        asked_for(*UP_TO_DATE, "metadata/2.snapshot.json", "metadata/2.targets.json"),
        finds("file", DATA),
        asked_for(*UP_TO_DATE, f"targets/{sha256(DATA)}.file"),
    ],
    "a file in folders": [*lists("a/b/c/file"), finds("a/b/c/file", DATA)],
    "other bytes of two files, one of them kept": [
        *lists("one.json"),
        *lists("two.json"),
        finds("one.json", DATA),
        *serves("one.json", EVIL),
        *serves("two.json", EVIL),
        finds("one.json", DATA),
        refuses_target(IndexUntrusted, "two.json"),
        refuses_target(IndexUntrusted, "one.json", "two.json"),
    ],
    "many versions": many_versions(),
    "sha256": [*lists("file", DATA, "sha256"), finds("file", DATA)],
    "sha256 and sha512": [*lists("file", DATA, "sha256", "sha512"), finds("file", DATA)],
    "an algorithm that nobody knows": [
        *lists("file"),
        changes(TOP, lambda targets: rename_hash(targets.targets["file"].hashes, "sha256", "unheard-of")),
        publishes_all(),
        refuses_target(IndexUntrusted, "file"),
    ],
    "asked for twice, fetched once": [
        *lists("a/file.json"),
        finds("a/file.json", DATA),
        finds("a/file.json", DATA),
        asked_for(*UP_TO_DATE),
    ],
}

ELSEWHERE: dict[str, Case] = {
    "sha512 alone: a target of an index has a sha256": [
        *lists("file", DATA, "sha512"),
        refuses_target(IndexUntrusted, "file"),
    ],
    "a name that does not end in .json: what an index lists does, and the cache keeps nothing else": [
        *lists("file.txt"),
        finds("file.txt", DATA),
        finds("file.txt", DATA),
        asked_for(*UP_TO_DATE, f"targets/{sha256(DATA)}.file.txt"),
    ],
}
"""Where a session does otherwise than TUF allows, and why it does."""


def rename_hash(hashes: dict[str, str], old: str, new: str) -> None:
    hashes[new] = hashes.pop(old)


def as_signed_on_a_forge(repo: Simulator) -> None:
    """ECDSA keys with fields of the signing tool's own, roles with such fields, and signatures left empty."""
    for role in (ROOT, SNAPSHOT, TIMESTAMP, TOP):
        repo.set_keys(role, 1, [], repo.signers[ROOT] if role == ROOT else [])
    person, online = CryptoSigner.generate_ecdsa(), CryptoSigner.generate_ecdsa()
    for role, signer in ((ROOT, person), (TOP, person), (SNAPSHOT, online), (TIMESTAMP, online)):
        repo.add_key(role, signer)
        repo.signed[ROOT].roles[role].unrecognized_fields["x-tool-signing-period"] = 60
        repo.signed[role].unrecognized_fields["x-tool-expiry-period"] = 7300
    repo.delegate(TOP, DelegatedRole("team", [], 1, True, ["team/*"]))
    absent = repo.add_key("team", CryptoSigner.generate_ecdsa(), by=TOP)
    repo.add_target("team", "team/artifact", DATA)
    repo.publish(ROOT, "team", TOP, SNAPSHOT, TIMESTAMP)
    repo.rewrite("team", lambda metadata: empty(metadata, absent.public_key.keyid))


def empty(metadata: Metadata[Any], keyid: str) -> None:
    metadata.signatures[keyid] = Signature(keyid, "")


def as_in_its_twelfth_year(repo: Simulator) -> None:
    """Three of five keys, a client that was given root 12, and lists of roles that nobody delegates any more."""
    people = [CryptoSigner.generate_ecdsa() for _ in range(5)]
    for role in (ROOT, TOP):
        repo.set_keys(role, 3, people, [*people, *repo.signers[role]])
    for _ in range(11):
        repo.publish(ROOT)
    for name in ("rekor", "revocation", "staging", "root"):
        about = MetaFile(2, 797, {"sha256": "a" * 64, "sha512": "b" * 128})
        repo.signed[SNAPSHOT].meta[f"{name}.json"] = about
    repo.add_target(TOP, "trusted_root.json", DATA, ["sha256", "sha512"]).unrecognized_fields["custom"] = {
        "a": {}
    }
    repo.delegate(TOP, DelegatedRole("registry.example.org", [], 1, True, ["registry.example.org/*"]))
    repo.signed[SNAPSHOT].expires = in_days(3650)
    repo.publish("registry.example.org", TOP, SNAPSHOT, TIMESTAMP)


OTHERS: dict[str, Case] = {
    "as a tool on a forge signs it": [
        does(as_signed_on_a_forge),
        refreshes,
        finds("team/artifact", DATA),
        trusts(root=2, team=1),
    ],
    "as it is after twelve roots": [
        does(as_in_its_twelfth_year),
        begins_with_newest,
        refreshes,
        finds("trusted_root.json", DATA),
        trusts(root=12),
    ],
}


@pytest.mark.parametrize("name", list(TARGETS))
def test_targets(stage: Stage, name: str) -> None:
    play(TARGETS[name], stage)


@pytest.mark.parametrize("name", list(ELSEWHERE))
def test_what_an_index_does_not_need(stage: Stage, name: str) -> None:
    play(ELSEWHERE[name], stage)


@pytest.mark.parametrize("name", list(OTHERS))
def test_repositories_as_others_make_them(stage: Stage, name: str) -> None:
    play(OTHERS[name], stage)
