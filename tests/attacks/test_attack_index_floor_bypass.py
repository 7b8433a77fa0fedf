"""A claim from before a revocation, shown to somebody who saw the revocation and has no cache any more.

The thief holds every online key: the snapshot is theirs to write, with every file name it lists. What they do not
have is a maintainer's signature on anything new. State remembers the versions that were seen; the names a
snapshot lists must not lead it to compare another file's.
"""

import shutil
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from support.index_fixtures import TEXT, Victim, World
from support.indexed import IndexedProject
from support.indexrepo import IndexRepo, days, public, signer
from tuf.api.metadata import DelegatedRole, Delegations, Key, SuccinctRoles, Targets

from tarkpm.core.claim import Claim
from tarkpm.errors import IndexStale, IndexUntrusted

PATH = "publishers/text-tools.json"


def more_bins(index: IndexRepo, _: str) -> None:
    """So many names that the bin would be another, were the names counted."""
    for number in range(4, 16):
        index.versions[f"claims-{number:x}"] = 1
        index.put_metadata(f"1.claims-{number:x}.json", b"{}")


def one_name_more(index: IndexRepo, _: str) -> None:
    index.versions["claims-8"] = 1


def names_that_are_none(index: IndexRepo, _: str) -> None:
    index.versions |= dict.fromkeys(("claims-zz", "claims-0-0", "claims--", "claims-A", "claims-é"), 1)


def the_bin_again_with_a_zero(index: IndexRepo, role: str) -> None:
    """Two names that a reader might take for one bin: the other is of any version."""
    index.versions["claims-0" + role.removeprefix("claims-")] = 2**40


def the_bin_in_a_folder(index: IndexRepo, role: str) -> None:
    index.versions |= {f"../{role}": 2**40, f"./{role}": 2**40, f"{role}.json": 2**40, role.upper(): 2**40}


def that_bin_alone(index: IndexRepo, role: str) -> None:
    """So few names that there would be no bins at all. Who has no cache does not know which are missing."""
    for other in index.succinct("claims").get_roles():
        if other != role:
            del index.versions[other]


def as_many_as_never(index: IndexRepo, _: str) -> None:
    index.versions |= {f"claims-{number:04x}": 1 for number in range(2**14)}


def nothing_else(_: IndexRepo, __: str) -> None:
    """The plain attack."""


SNAPSHOTS: list[Callable[[IndexRepo, str], None]] = [
    nothing_else,
    more_bins,
    one_name_more,
    names_that_are_none,
    the_bin_again_with_a_zero,
    the_bin_in_a_folder,
    that_bin_alone,
    as_many_as_never,
]


def seen(victim: Victim, **more: Any) -> dict[str, int]:
    """Look once, and what state keeps of it."""
    with victim.client(**more) as client:
        client.claims([TEXT])
        return dict(client.seen)


def revoked(index: World) -> tuple[str, int]:
    """Revoke 1.0.0; returns the bin of the claim and its version of before."""
    role = index.bin(PATH)
    before = index.version(role)
    gone = {"1.0.0": index.listings["text-tools"].rows[0].statement.sha256}
    index.put_claim(Claim(TEXT, public(index.text_key), revoked_versions=gone))
    index.publish()
    return role, before


@pytest.mark.parametrize("snapshot", SNAPSHOTS)
def test_an_older_claim(victim: Victim, snapshot: Callable[[IndexRepo, str], None]) -> None:
    index = victim.index
    role, before = revoked(index)
    floors = seen(victim)
    assert floors[f"{role}/2"] == before + 1
    index.versions[role] = before
    snapshot(index, role)
    index.publish()
    shutil.rmtree(victim.cached)
    stale = f"older than a version seen before ({role} version {before}, seen {before + 1})"
    victim.meets(IndexStale, "stale mirror", stale, floors=floors)
    victim.meets(IndexStale, "stale mirror", stale, floors=floors, ask=victim.looks)
    legacy = {role: before + 1}  # as an older tarkpm wrote it
    victim.meets(IndexStale, "stale mirror", stale, floors=legacy, cache="another")


@pytest.mark.parametrize("snapshot", SNAPSHOTS)
def test_only_what_was_used_is_remembered(victim: Victim, snapshot: Callable[[IndexRepo, str], None]) -> None:
    """Or the thief could have a version remembered that no maintainer ever signs."""
    index = victim.index
    role, version = index.bin(PATH), index.version(index.bin(PATH))
    snapshot(index, role)
    index.publish()
    expected = {"root": 1, "targets": 1, "claims": 1, f"{role}/2": version}
    assert seen(victim) == expected
    assert seen(victim, floors=expected) == expected


def test_through_the_command_line(indexed: IndexedProject) -> None:
    sandbox, repo = indexed.sandbox, indexed.repo
    for version in ("1.0.0", "1.1.0"):
        indexed.release("text-tools", version)
    indexed.use()
    sandbox.run("add", "text-tools", "--accept-capabilities").ok()
    role = repo.bin(PATH)
    before = repo.version(role)
    gone = {"1.1.0": repo.listings["text-tools"].rows[1].statement.sha256}
    repo.put_claim(Claim(TEXT, public(indexed.keys["text-tools"]), revoked_versions=gone))
    repo.publish()
    assert sandbox.run("outdated", "--json").json["plugins"][0]["warning"] == "revoked"
    sandbox.run("cache", "clean").ok()
    repo.versions[role] = before
    more_bins(repo, role)
    repo.publish()
    stale = f"stale mirror: its metadata is older than a version seen before ({role} version {before}"
    sandbox.run("outdated").failed(5, stale)
    sandbox.run("update").failed(5, stale)


def test_an_older_delegation(victim: Victim) -> None:
    """With it, a maintainer who left would sign claims again, if enough keys of the old set are in the new one."""
    index = victim.index
    for role in ("targets", "claims"):
        index.write_delegation(role)
    index.publish()
    floors = seen(victim)
    for role in ("targets", "claims"):
        index.versions[role] = 1
        index.publish()
        shutil.rmtree(victim.cached)
        victim.meets(IndexStale, f"({role} version 1, seen 2)", floors=floors)
        index.versions[role] = 2


def test_an_older_root(victim: Victim) -> None:
    """The newest root is withheld: it took the stolen online key out of use."""
    index = victim.index
    versions = dict(index.versions)
    stolen, index.online = index.online, Ed25519PrivateKey.generate()
    index.write_root()
    index.write_delegation("index")
    index.publish()
    floors = seen(victim)
    (index.folder / "metadata" / "2.root.json").unlink()
    index.versions = versions
    index.publish(keys=[stolen])
    shutil.rmtree(victim.cached)
    victim.meets(IndexStale, "(root version 1, seen 2)", floors=floors)


def spread(index: World, bits: int) -> None:
    """What only maintainers can sign, and no command of theirs does: another number of bins."""
    bins = SuccinctRoles([signer(key).public_key.keyid for key in index.maintainers], 2, bits, "claims")
    public_keys = [signer(key).public_key for key in index.maintainers]
    keys: dict[str, Key] = {key.keyid: key for key in public_keys}
    index.write("claims", Targets(2, expires=days(9), delegations=Delegations(keys, None, bins)))
    for role in bins.get_roles():
        index.versions.setdefault(role, 1)
        if index.versions[role] == 1:
            index.write(role, Targets(1, expires=days(9)))
    index.publish()


@pytest.mark.parametrize("bits", [1, 3])
def test_another_number_of_bins(victim: Victim, bits: int) -> None:
    """The same name is another bin then, with versions of its own: an index keeps its number for ever."""
    floors = seen(victim)
    spread(victim.index, bits)
    problem = victim.meets(
        IndexUntrusted, f"expected claims in 2^2 bins as before, found 2^{bits}", floors=floors
    )
    assert problem.exit_status == 3
    shutil.rmtree(victim.cached)
    victim.meets(IndexUntrusted, f"expected claims in 2^2 bins as before, found 2^{bits}", floors=floors)


def by_prefix(index: World, name: str, prefixes: list[str]) -> Delegations:
    keys = [signer(key).public_key for key in index.maintainers]
    role = DelegatedRole(name, [key.keyid for key in keys], 2, True, path_hash_prefixes=prefixes)
    return Delegations({key.keyid: key for key in keys}, {name: role})


@pytest.mark.parametrize("parent", ["targets", "claims"])
def test_bins_by_hash_prefixes(victim: Victim, parent: str) -> None:
    """TUF's other way to spread names. Where a bin may be reached in two ways, its name says too little."""
    index = victim.index
    name = "claims" if parent == "targets" else "claims-0"
    delegations = by_prefix(index, name, list("0123456789abcdef"))
    index.write(parent, Targets(2, expires=days(9), delegations=delegations))
    index.publish()
    victim.meets(IndexUntrusted, "'paths' is required")
