"""Which signatures count: one a key, as many as are needed, of three types of keys."""

import json
from typing import Any, Final

import pytest
from securesystemslib.signer import CryptoSigner, Signature
from tuf.api.metadata import Metadata

from conformance.simulator import Simulator
from conformance.steps import (
    Case,
    Stage,
    Step,
    changes,
    does,
    loses_a_key,
    play,
    publishes,
    publishes_all,
    refreshes,
    refuses,
    trusts,
)
from tarkpm.core.layout import ROOT, SNAPSHOT, TIMESTAMP
from tarkpm.errors import IndexUntrusted

ANOTHER_SIGNATURE: Final = "5a" * 64


def spoils_one_signature(text: str) -> Step:
    """Of two signatures, where one is enough, the first is of something else."""

    def change(metadata: Metadata[Any]) -> None:
        first = next(iter(metadata.signatures.values()))
        first.signature = text

    return does(lambda repo: repo.rewrite(TIMESTAMP, change))


def same_key_many_times(repo: Simulator) -> None:
    """Six signatures are needed, and one key with one signature is listed nine times, on both sides."""
    signer = repo.add_key(SNAPSHOT)
    role = repo.signed[ROOT].roles[SNAPSHOT]
    role.keyids += [signer.public_key.keyid] * 8
    role.threshold = 6
    repo.publish(ROOT, SNAPSHOT, TIMESTAMP)
    repeats_signatures(repo, 9)


def repeats_signatures(repo: Simulator, count: int) -> None:
    name = repo.name(SNAPSHOT)
    document = json.loads(repo.files[name])
    document["signatures"] += [document["signatures"][-1]] * (count - 1)
    repo.files[name] = json.dumps(document).encode()


def needs_signatures(role: str, threshold: int, keys: int) -> Step:
    def change(repo: Simulator) -> None:
        for _ in range(keys - 1):
            repo.add_key(role)
        repo.signed[ROOT].roles[role].threshold = threshold

    return does(change)


KEYS: dict[str, Case] = {
    "a signature short of the threshold": [
        needs_signatures(SNAPSHOT, 3, 3),
        publishes_all(ROOT),
        refreshes,
        loses_a_key(SNAPSHOT),
        publishes_all(),
        refuses(IndexUntrusted),
        trusts(snapshot=2),
    ],
    "a threshold above the number of keys": [
        needs_signatures(SNAPSHOT, 6, 5),
        publishes(ROOT, SNAPSHOT, TIMESTAMP),
        refuses(IndexUntrusted),
        trusts(root=2, snapshot=0),
    ],
    "one key many times": [does(same_key_many_times), refuses(IndexUntrusted), trusts(snapshot=0)],
    "one signature twice": [
        does(lambda repo: repeats_signatures(repo, 2)),
        refuses(IndexUntrusted),
        trusts(snapshot=0),
    ],
    "a bad signature beside enough good ones": [
        does(lambda repo: repo.add_key(TIMESTAMP)),
        publishes(ROOT, TIMESTAMP),
        spoils_one_signature(ANOTHER_SIGNATURE),
        refreshes,
        trusts(timestamp=2),
        publishes(TIMESTAMP),
        spoils_one_signature(""),
        refreshes,
        trusts(timestamp=3),
    ],
}

KEY_TYPES: Final = {
    "rsa": lambda: CryptoSigner.generate_rsa(size=2048),
    "ecdsa": CryptoSigner.generate_ecdsa,
    "ed25519": CryptoSigner.generate_ed25519,
}


@pytest.mark.parametrize("name", list(KEYS))
def test_keys(stage: Stage, name: str) -> None:
    play(KEYS[name], stage)


@pytest.mark.parametrize("name", list(KEY_TYPES))
def test_types_of_keys(stage: Stage, name: str) -> None:
    """tuf takes these three; an index's gate takes ed25519 alone (test_attack_index_wrong_key)."""
    signer = KEY_TYPES[name]()

    def other_signature(metadata: Metadata[Any]) -> None:
        keyid = signer.public_key.keyid
        wrong = signer.sign(b"something else").signature
        metadata.signatures[keyid] = Signature(keyid, wrong)

    steps: Case = [
        does(lambda repo: repo.add_key(ROOT, signer)),
        changes(ROOT, lambda root: setattr(root.roles[ROOT], "threshold", 2)),
        publishes(ROOT),
        refreshes,
        trusts(root=2),
        publishes(ROOT),
        does(lambda repo: repo.rewrite(ROOT, other_signature)),
        refuses(IndexUntrusted),
        trusts(root=2),
    ]
    play(steps, stage)
