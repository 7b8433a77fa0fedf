"""Releases and keys the maintainers took back."""

from support.index_fixtures import TEXT, Victim
from support.indexrepo import public

from tarkpm.core.claim import Claim
from tarkpm.core.version import Version

ONE = Version.parse("1.0.0")


def test_a_release(victim: Victim) -> None:
    index = victim.index
    one, two = (row.statement.sha256 for row in index.listings["text-tools"].rows)
    index.claim("text-tools", index.text_key, revoked=frozenset([one]))
    index.publish()
    claim, _ = victim.looks()
    assert claim is not None
    assert not claim.allows(public(index.text_key), ONE, one)
    assert claim.allows(public(index.text_key), ONE, two)


def test_a_key(victim: Victim) -> None:
    """No key is left, and no release is."""
    index = victim.index
    releases = frozenset(row.statement.sha256 for row in index.listings["text-tools"].rows)
    index.put_claim(Claim(TEXT, None, revoked=releases))
    index.publish()
    claim, _ = victim.looks()
    assert claim is not None
    assert not any(claim.allows(public(index.text_key), ONE, release) for release in releases)


def test_a_retired_key_has_its_old_releases_and_no_new_one(victim: Victim) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    index = victim.index
    old = frozenset(row.statement.sha256 for row in index.listings["text-tools"].rows)
    index.claim("text-tools", Ed25519PrivateKey.generate(), retired={public(index.text_key): old})
    row = index.release("text-tools", "1.2.0", index.text_key)
    index.publish()
    claim, _ = victim.looks()
    assert claim is not None
    assert all(claim.allows(public(index.text_key), ONE, release) for release in old)
    assert not claim.allows(public(index.text_key), row.version, row.statement.sha256)
