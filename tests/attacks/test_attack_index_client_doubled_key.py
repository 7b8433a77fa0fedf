"""One key under two keyids, weak keys, keys of another kind: each would make a threshold mean less."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.signer import SSlibKey
from support.index_fixtures import Victim
from support.indexrepo import signer
from tuf.api.metadata import Delegations, Root, Targets

from tarkpm.errors import IndexUntrusted

SMALL_ORDER = "01" + "00" * 31


def _alias(key: Ed25519PrivateKey) -> SSlibKey:
    """The same key under another keyid."""
    real = signer(key).public_key
    return SSlibKey("f" * 64, real.keytype, real.scheme, dict(real.keyval))


def _next_root(victim: Victim) -> Root:
    return victim.index.root(victim.index.root_version + 1)


def test_in_the_root(victim: Victim) -> None:
    root = _next_root(victim)
    root.add_key(_alias(victim.index.maintainers[0]), "root")
    victim.index.write_root(signed=root)
    problem = victim.meets(IndexUntrusted, "'root' lists a key twice, or an unknown key")
    assert problem.exit_status == 3


def test_in_the_first_root(victim: Victim) -> None:
    from tarkpm.core.digest import sha256

    root = victim.index.root(1)
    root.add_key(_alias(victim.index.maintainers[0]), "targets")
    data = victim.index.write("root", root)
    victim.root = f"sha256:{sha256(data)}"
    victim.meets(IndexUntrusted, "'targets' lists a key twice")


@pytest.mark.parametrize("role", ["targets", "claims"])
def test_in_a_delegation(victim: Victim, role: str) -> None:
    index = victim.index
    signed: Targets = index.load(role).signed
    delegations = signed.delegations
    assert isinstance(delegations, Delegations)
    alias = _alias(index.maintainers[0])
    delegations.keys[alias.keyid] = alias
    below = delegations.succinct_roles or (delegations.roles or {})["claims"]
    below.keyids.append(alias.keyid)
    signed.version += 1
    index.write(role, signed)
    index.publish()
    victim.meets(IndexUntrusted, "lists a key twice, or an unknown key")


@pytest.mark.parametrize("public", [SMALL_ORDER, "00" * 32, "ec" + "ff" * 30 + "7f"])
def test_a_weak_key(victim: Victim, public: str) -> None:
    root = _next_root(victim)
    root.add_key(SSlibKey("e" * 64, "ed25519", "ed25519", {"public": public}), "timestamp")
    victim.index.write_root(signed=root)
    victim.meets(IndexUntrusted, "expected a strong key, found one of small order")


def test_another_kind_of_key(victim: Victim) -> None:
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

    root = _next_root(victim)
    root.add_key(SSlibKey.from_crypto(generate_private_key(SECP256R1()).public_key()), "timestamp")
    victim.index.write_root(signed=root)
    victim.meets(IndexUntrusted, "expected an ed25519 key, found 'ecdsa'")


def test_a_key_that_is_not_listed(victim: Victim) -> None:
    root = _next_root(victim)
    root.roles["timestamp"].keyids.append("d" * 64)
    victim.index.write_root(signed=root)
    victim.meets(IndexUntrusted, "'timestamp' lists a key twice, or an unknown key")


def test_a_threshold_no_keys_can_meet(victim: Victim) -> None:
    root = _next_root(victim)
    root.roles["timestamp"].threshold = 2
    victim.index.write_root(signed=root)
    victim.meets(IndexUntrusted, "'timestamp' has fewer keys (1) than its threshold (2)")
