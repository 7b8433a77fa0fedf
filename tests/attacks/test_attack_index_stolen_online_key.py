"""Whoever has every online key of an index: what he cannot do, and what he can."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from support.index_fixtures import TEXT, Victim
from support.indexrepo import public

from tarkpm.core.claim import Claim
from tarkpm.core.statement import verify
from tarkpm.errors import IndexStale, IndexUntrusted

THIEF = Ed25519PrivateKey.generate()


def test_he_cannot_say_who_publishes(victim: Victim) -> None:
    index = victim.index
    role = index.bin("publishers/text-tools.json")
    index.put_claim(Claim(TEXT, public(THIEF)))
    signed = index.load(role).signed
    index.write(role, signed, keys=[index.online])
    index.publish()
    victim.meets(IndexUntrusted, f"bad signature: {role} was signed by 0/2 keys")


def test_he_cannot_forge_a_release(victim: Victim) -> None:
    """He lists one, and its signature is not one the claim allows."""
    victim.index.release("text-tools", "9.9.9", THIEF)
    victim.index.publish()
    claim, listing = victim.looks()
    assert claim is not None
    assert listing is not None
    row = listing.rows[-1]
    contents = victim.installs("9.9.9")
    _, signer = verify(contents["plugin.dsse.json"])
    assert str(row.version) == "9.9.9"
    assert signer == public(THIEF)
    assert not claim.allows(signer, row.statement.sha256)


def test_he_cannot_un_revoke_for_someone_who_saw_it(victim: Victim) -> None:
    """The claim of yesterday, in a snapshot of today: refused while the cache remembers; then state does."""
    index = victim.index
    role = index.bin("publishers/text-tools.json")
    before, version = index.load(role), index.version(role)
    release = index.listings["text-tools"].rows[0].statement.sha256
    index.claim("text-tools", index.text_key, revoked=frozenset([release]))
    index.publish()
    claim, _ = victim.looks()
    assert claim is not None
    assert release in claim.revoked
    index.versions[role] = version
    index.put_metadata(f"{version}.{role}.json", before.to_bytes())
    index.publish()
    problem = victim.meets(IndexStale, "stale mirror", role)
    assert problem.exit_status == 5


def test_he_can_show_someone_new_the_claim_of_yesterday(victim: Victim) -> None:
    """Until the claim's own signatures expire, within a year: SECURITY.md says so."""
    index = victim.index
    role = index.bin("publishers/text-tools.json")
    version = index.version(role)
    release = index.listings["text-tools"].rows[0].statement.sha256
    index.claim("text-tools", index.text_key, revoked=frozenset([release]))
    index.versions[role] = version
    index.publish()
    claim, _ = victim.looks()
    assert claim is not None
    assert not claim.revoked


def test_he_can_hide_a_plugin_and_not_its_claim(victim: Victim) -> None:
    """Rows are his to remove. Who locked the release still has its digests, its claim and its file."""
    index = victim.index
    files = victim.installs()
    row = index.listings["text-tools"].rows[0]
    index.edit(index.bin("index/text-tools.json"), {"index/text-tools.json": None})
    index.publish()
    claim, listing = victim.looks()
    assert listing is None
    assert claim is not None
    with victim.client() as client:
        assert client.release(TEXT, row.statement, row.files) == files


def test_he_cannot_remove_a_bin(victim: Victim) -> None:
    index = victim.index
    victim.looks()
    del index.versions[index.bin("publishers/text-tools.json")]
    index.publish()
    victim.meets(IndexUntrusted, "not what the index's maintainers signed: New snapshot is missing info for")


@pytest.mark.parametrize("digest", ["../../../etc/passwd", "A" * 64, ""])
def test_he_cannot_point_elsewhere(victim: Victim, digest: str) -> None:
    """What names a file is a digest, and nothing else."""
    from tuf.api.metadata import TargetFile

    index = victim.index
    role = index.bin("index/text-tools.json")
    index.edit(role, {"index/text-tools.json": TargetFile(3, {"sha256": digest}, "index/text-tools.json")})
    index.publish()
    victim.meets(IndexUntrusted, "expected a sha256 and at most 4,194,304 bytes")
    assert not any(".." in path for path in victim.server.paths)


def test_he_cannot_have_a_file_of_any_size_fetched(victim: Victim) -> None:
    from tuf.api.metadata import TargetFile

    index = victim.index
    path = "index/text-tools.json"
    index.edit(index.bin(path), {path: TargetFile(2**40, {"sha256": "0" * 64}, path)})
    index.publish()
    victim.meets(IndexUntrusted, "expected a sha256 and at most 4,194,304 bytes")


def test_rows_of_another_plugin(victim: Victim) -> None:
    """Listed under this one's path, they are still the other's."""
    from tarkpm.core import rows

    index = victim.index
    index.put("index/text-tools.json", rows.render(index.listings["json-core"]))
    index.publish()
    victim.meets(IndexUntrusted, "expected what the index says of 'text-tools', found 'json_core'")
