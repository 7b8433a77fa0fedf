"""A thief of the online key raises every version he can sign, so that no honest one will ever be newer."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from support.index_fixtures import Victim

from tarkpm.errors import IndexStale

FAR = 2**50


@pytest.fixture
def forwarded(victim: Victim) -> Victim:
    """Somebody who saw the thief's timestamp, snapshot and bins."""
    index = victim.index
    serial, role = index.serial, index.bin("index/text-tools.json")
    honest = dict(index.versions)
    index.serial = FAR
    signed = index.load(role).signed
    signed.version = FAR
    index.write(role, signed)
    index.publish()
    victim.looks()
    index.serial, index.versions = serial, honest
    return victim


def test_the_honest_index_is_refused_meanwhile(forwarded: Victim) -> None:
    forwarded.index.publish()
    forwarded.meets(IndexStale, "stale mirror", str(FAR + 1))


def test_a_new_online_key_is_the_recovery(forwarded: Victim) -> None:
    """TUF's fast-forward recovery: what the old key said no longer counts, versions neither."""
    index = forwarded.index
    index.online = Ed25519PrivateKey.generate()
    index.write_root()
    index.write_delegation("index")
    for role in index.succinct("index").get_roles():
        index.edit(role, {})
    index.release("text-tools", "1.2.0", index.text_key)
    index.publish()
    _, listing = forwarded.looks()
    assert listing is not None
    assert str(listing.rows[-1].version) == "1.2.0"


def test_a_version_no_number_holds(victim: Victim) -> None:
    """Signed by the online key, and not metadata."""
    victim.index.serial = 2**70
    victim.index.publish()
    from tarkpm.errors import IndexUntrusted

    victim.meets(IndexUntrusted)
