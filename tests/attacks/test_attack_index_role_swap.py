"""Metadata of one role in the place of another, and roles that delegate what is not theirs."""

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from support.index_fixtures import TEXT, Victim
from support.indexrepo import days, public, signer
from tuf.api.metadata import DelegatedRole, Delegations, TargetFile, Targets

from tarkpm.core import claim as claims
from tarkpm.core.claim import Claim
from tarkpm.errors import IndexUntrusted

THIEF = Ed25519PrivateKey.generate()


@pytest.mark.parametrize(
    ("place", "other"), [("targets", "claims"), ("claims", "index"), ("index", "claims")]
)
def test_delegations_of_each_other(victim: Victim, place: str, other: str) -> None:
    """All are signed by the same maintainers, and have the same version."""
    data = victim.index.load(other).to_bytes()
    victim.server.instead(f"metadata/1.{place}.json", data)
    victim.meets(IndexUntrusted, f"expected metadata that names its role '{place}', found '{other}'")


@pytest.mark.parametrize(
    ("place", "other"), [("timestamp", "1.snapshot"), ("1.targets", "timestamp"), ("2.root", "1.targets")]
)
def test_another_type(victim: Victim, place: str, other: str) -> None:
    data = (victim.index.folder / "metadata" / f"{other}.json").read_bytes()
    victim.server.instead(f"metadata/{place}.json", data)
    victim.meets(IndexUntrusted, "expected metadata of type '")


def test_the_online_key_signs_a_bin_of_claims(victim: Victim) -> None:
    index = victim.index
    role = index.bin("publishers/text-tools.json")
    signed = index.load(role).signed
    signed.version += 1
    index.write(role, signed, keys=[index.online])
    index.publish()
    victim.meets(IndexUntrusted, f"bad signature: {role} was signed by 0/2 keys")


def test_an_index_bin_delegates_a_bin_of_claims_to_a_thief(victim: Victim) -> None:
    """tuf keeps verified roles by their names, whoever delegated them.

    A thief of the online key lets an index bin delegate "claims-2" to his own key, and serves his "claims-2"
    once the real one was read. tuf would then have answered the next question about claims from his.
    """
    index = victim.index
    path = "publishers/text-tools.json"
    role, own = index.bin(path), index.bin("index/text-tools.json")
    forged = claims.render(Claim(TEXT, public(THIEF)))
    evil = TargetFile(len(forged), {"sha256": hashlib.sha256(forged).hexdigest()}, path)
    version = index.version(role)
    signed = index.load(own).signed
    key = signer(THIEF).public_key
    delegated = DelegatedRole(role, [key.keyid], 1, True, paths=["index/*"])
    signed.targets = {}
    signed.delegations = Delegations({key.keyid: key}, {role: delegated})
    signed.version += 1
    index.write(own, signed)
    index.publish()
    with victim.client() as client:
        honest = client.claims([TEXT])[TEXT]
        data = index.write(role, Targets(version, expires=days(9), targets={path: evil}), keys=[THIEF])
        victim.server.instead(f"metadata/{version}.{role}.json", data)
        with pytest.raises(IndexUntrusted, match=f"'{own}' may not delegate"):
            client.listings([TEXT])
        assert client.claims([TEXT])[TEXT] == honest


def test_the_online_key_lists_a_claim_in_an_index_bin(victim: Victim) -> None:
    """It is never looked for there."""
    index = victim.index
    before, _ = victim.looks()
    index.put_claim(Claim(TEXT, public(THIEF)))
    evil = index.load(index.bin("publishers/text-tools.json")).signed.targets["publishers/text-tools.json"]
    index.versions[index.bin("publishers/text-tools.json")] -= 1
    for role in index.succinct("index").get_roles():
        index.edit(role, {"publishers/text-tools.json": evil})
    index.publish()
    assert victim.looks()[0] == before


@pytest.mark.parametrize("what", ["targets", "paths", "third", "prefix"])
def test_maintainers_who_delegate_otherwise(victim: Victim, what: str) -> None:
    """Signed by enough of them, and still not an index: a wider path would let the online key say who publishes."""
    index = victim.index
    role = "claims" if what == "prefix" else "targets"
    signed: Targets = index.load(role).signed
    assert signed.delegations is not None
    roles = signed.delegations.roles or {}
    if what == "targets":
        signed.targets["publishers/text-tools.json"] = TargetFile(1, {"sha256": "0" * 64}, "x")
    elif what == "paths":
        roles["index"].paths = ["index/*", "publishers/*"]
    elif what == "third":
        keyids = roles["index"].keyids
        roles["third"] = DelegatedRole("third", keyids, 1, True, paths=["publishers/*"])
    else:
        assert signed.delegations.succinct_roles is not None
        signed.delegations.succinct_roles.name_prefix = "index"
    signed.version += 1
    index.write(role, signed)
    index.publish()
    victim.meets(IndexUntrusted, f"expected '{role}' to delegate")
