"""Whoever has every online key of an index: what he cannot do, and what he can."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from support.index_fixtures import TEXT, Victim, World
from support.indexed import IndexedProject
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
    assert not claim.allows(signer, row.version, row.statement.sha256)


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


def show_the_claim_of_yesterday(index: World) -> str:
    """Revoke a release, then sign a snapshot of today that names the claims bin from before; returns its role."""
    role = index.bin("publishers/text-tools.json")
    version = index.version(role)
    release = index.listings["text-tools"].rows[0].statement.sha256
    index.claim("text-tools", index.text_key, revoked=frozenset([release]))
    index.versions[role] = version
    index.publish()
    return role


def test_he_can_show_someone_new_the_claim_of_yesterday(victim: Victim) -> None:
    """A newcomer has nothing to compare it with: SECURITY.md and docs/decisions/0066 say so."""
    show_the_claim_of_yesterday(victim.index)
    claim, _ = victim.looks()
    assert claim is not None
    assert not claim.revoked


def test_he_can_show_it_for_no_longer_than_the_maintainers_signatures_last(victim: Victim) -> None:
    """A year at most; here they ran out a day ago."""
    index = victim.index
    index.edit(index.bin("publishers/text-tools.json"), {}, expires=-1)
    role = show_the_claim_of_yesterday(index)
    victim.meets(IndexStale, "index expired since 2", f"its {role} was")


def replace_the_online_key(index: World, *, root_lasts: float = 365) -> Ed25519PrivateKey:
    """Two more roots, the second with another online key and all that it signs; returns the stolen one."""
    index.write_root(expires=root_lasts)
    index.publish()
    stolen, index.online = index.online, Ed25519PrivateKey.generate()
    index.write_root()
    index.write_delegation("index")
    for role in index.succinct("index").get_roles():
        index.edit(role, {})
    index.publish()
    return stolen


def withhold_the_newest_root(index: World, stolen: Ed25519PrivateKey, versions: dict[str, int]) -> None:
    """Serve the state of before, signed anew with the stolen key."""
    (index.folder / "metadata" / f"{index.root_version}.root.json").unlink()
    index.versions = versions
    index.publish(keys=[stolen])


def test_the_stolen_key_counts_no_more_for_whoever_gets_the_new_root(victim: Victim) -> None:
    """A newcomer, too."""
    stolen = replace_the_online_key(victim.index)
    victim.index.publish(keys=[stolen])
    victim.meets(IndexUntrusted, "bad signature: timestamp was signed by 0/1 keys")


def test_a_new_root_withheld_deceives_a_newcomer_and_nobody_who_saw_it(victim: Victim) -> None:
    index = victim.index
    versions = dict(index.versions)
    stolen = replace_the_online_key(index)
    victim.looks()
    withhold_the_newest_root(index, stolen, versions)
    victim.meets(IndexUntrusted, "bad signature: timestamp was signed by 0/1 keys")
    claim, _ = victim.looks(cache="of-a-newcomer")
    assert claim is not None, "until that root expires: docs/decisions/0066"


def test_a_new_root_can_be_withheld_until_the_old_one_expires(victim: Victim) -> None:
    index = victim.index
    versions = dict(index.versions)
    stolen = replace_the_online_key(index, root_lasts=-1)
    withhold_the_newest_root(index, stolen, versions)
    victim.meets(IndexStale, "index expired since 2", "its root was")


def test_what_was_seen_of_claims_outlives_the_cache(indexed: IndexedProject) -> None:
    """What the thief shows is refused by state alone, by who deleted their cache, and in every project."""
    sandbox, repo = indexed.sandbox, indexed.repo
    indexed.release("text-tools", "1.0.0")
    indexed.release("text-tools", "1.1.0")
    indexed.use()
    sandbox.run("add", "text-tools", "--accept-capabilities").ok()
    role = repo.bin("publishers/text-tools.json")
    yesterday = repo.version(role)
    gone = repo.listings["text-tools"].rows[1].statement.sha256
    repo.claim("text-tools", indexed.keys["text-tools"], revoked=frozenset([gone]))
    repo.publish()
    assert sandbox.run("outdated", "--json").json["plugins"][0]["warning"] == "revoked"
    sandbox.run("cache", "clean").ok()
    repo.versions[role] = yesterday
    repo.publish()
    stale = f"stale mirror: its metadata is older than a version seen before ({role} version {yesterday}"
    sandbox.run("outdated").failed(5, stale)
    sandbox.run("sync").failed(3, "was revoked by the maintainers")
    other = sandbox.root / "another-project"
    other.mkdir()
    words = ("index", "add", "community", indexed.server.url, "--root", repo.root_digest)
    sandbox.run(*words, cwd=other).ok()
    sandbox.run("add", "text-tools", "--accept-capabilities", cwd=other).failed(5, stale)


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
    victim.meets(IndexUntrusted, "expected a sha256 digest and at most 4,194,304 bytes")
    assert not any(".." in path for path in victim.server.paths)


def test_he_cannot_have_a_file_of_any_size_fetched(victim: Victim) -> None:
    from tuf.api.metadata import TargetFile

    index = victim.index
    path = "index/text-tools.json"
    index.edit(index.bin(path), {path: TargetFile(2**40, {"sha256": "0" * 64}, path)})
    index.publish()
    victim.meets(IndexUntrusted, "expected a sha256 digest and at most 4,194,304 bytes")


def test_rows_of_another_plugin(victim: Victim) -> None:
    """Listed under this one's path, they are still the other's."""
    from tarkpm.core import rows

    index = victim.index
    index.put("index/text-tools.json", rows.render(index.listings["json-core"]))
    index.publish()
    victim.meets(IndexUntrusted, "expected the index's document for 'text-tools', found 'json_core'")
