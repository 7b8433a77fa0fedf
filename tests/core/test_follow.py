"""The lock decides nothing: what in it follows from tark.toml, and who may have signed it."""

import pytest

from tarkpm.core.claim import Claim, Vouched
from tarkpm.core.digest import Digest, FileEntry
from tarkpm.core.key import PublicKey
from tarkpm.core.lock_check import reachable, stale_entries
from tarkpm.core.lockfile import Lock, LockEntry, StatementEntry
from tarkpm.core.project import Project
from tarkpm.core.release import Dependency, GitSource, IndexSource, PluginName, Source
from tarkpm.core.trust import check_trusted
from tarkpm.core.version import Version
from tarkpm.errors import KeyUntrusted, Revoked, Unreachable

ONE = PublicKey("ed25519:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
TWO = PublicKey("ed25519:A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=")
ROOT, OTHER = "sha256:" + "a" * 64, "sha256:" + "b" * 64
HERE, THERE = IndexSource("community", ROOT), IndexSource("corporate", OTHER)
GIT = GitSource("https://example.com/x.git", commit="0" * 40)
ONE_INDEX = f'[index.community]\nurl = "https://index.example"\nroot = "{ROOT}"\n'
TWO_INDEXES = ONE_INDEX + f'[index.corporate]\nurl = "../corporate"\nroot = "{OTHER}"\n'


def project(text: str) -> Project:
    return Project.parse(text.encode())


def entry(name: str, version: str = "1.0.0", source: Source = HERE, *requires: str) -> LockEntry:
    return LockEntry(
        PluginName(name),
        Version.parse(version),
        "tool",
        source,
        requires=tuple(map(Dependency.parse, requires)),
        signer=ONE,
        statement=StatementEntry(Digest("1" * 64), 1),
        files=(FileEntry("plugin.toml", Digest("2" * 64), 1),),
    )


def problems(text: str, *entries: LockEntry) -> list[str]:
    return [problem.message for problem in stale_entries(project(text), Lock.of(entries))]


def test_what_a_requirement_needs_follows_from_it_however_deep() -> None:
    text = ONE_INDEX + '[plugins]\na = "^1"\n'
    locked = [
        entry("a", "1.0.0", HERE, "b ^1"),
        entry("b", "1.1.0", HERE, "c ^2"),
        entry("c", "2.0.0", HERE, "a ^1"),
    ]
    assert problems(text, *locked) == []
    assert reachable(project(text), Lock.of(locked))[0] == {"a", "b", "c"}


@pytest.mark.parametrize(
    ("text", "locked", "sentence"),
    [
        ('a = "^2"', [entry("a")], "'a' is locked at 1.0.0, but tark.toml requires ^2"),
        ('a = "^1"', [entry("a", "1.0.0", THERE)], "'a' is locked from index corporate, but tark.toml requires index community"),
        ('a = "^1"', [entry("a", "1.0.0", GIT)], "'a' is locked from https://example.com/x.git HEAD, but tark.toml requires index community"),
        ('a = "^1"', [entry("a"), entry("b")], "'b' is in tark.lock, but nothing in tark.toml requires it"),
        ('a = "^1"', [entry("a", "1.0.0", HERE, "b ^1")], "'a' requires 'b ^1', which is not in tark.lock"),
        ('a = "^1"', [entry("a", "1.0.0", HERE, "b ^2"), entry("b")], "'a' requires 'b ^2', but 1.0.0 is locked"),
        ('a = "^1"', [entry("a", "1.0.0", HERE, "b ^1"), entry("b", "1.0.0", THERE)], "'b' is locked from index corporate, but 'a' requires it from index community"),
    ],
)  # fmt: skip
def test_what_does_not_follow_is_said(text: str, locked: list[LockEntry], sentence: str) -> None:
    assert problems(f"{ONE_INDEX}[plugins]\n{text}\n", *locked)[0] == sentence


def test_a_requirement_of_the_project_meets_a_dependency_from_wherever_it_is() -> None:
    text = (
        TWO_INDEXES
        + '[plugins]\na = { index = "community", version = "^1" }\nb = { index = "corporate", version = "*" }\n'
    )
    assert problems(text, entry("a", "1.0.0", HERE, "b ^1"), entry("b", "1.0.0", THERE)) == []


def test_what_a_git_release_requires_is_met_by_requirements_alone() -> None:
    text = ONE_INDEX + '[plugins]\na = { git = "https://example.com/x.git" }\n'
    git = entry("a", "1.0.0", GIT, "b ^1")
    assert problems(text, git) == []
    assert problems(text, git, entry("b")) == ["'b' is in tark.lock, but nothing in tark.toml requires it"]


# -- who may have signed it

PLAIN = project(ONE_INDEX + '[plugins]\na = "^1"\n')
PINNED = project(ONE_INDEX + f'[plugins]\na = "^1"\n[trust]\na = ["{TWO}"]\n')


def vouched(key: PublicKey | None, *, revoked: bool = False, root: str = ROOT) -> Vouched:
    gone = frozenset({Digest("1" * 64)}) if revoked else frozenset()
    return Vouched({root: {PluginName("a"): Claim(PluginName("a"), key)}}, {root: gone})


def test_a_verified_claim_is_what_an_index_release_is_trusted_by() -> None:
    check_trusted(PLAIN, entry("a"), vouched(ONE))


@pytest.mark.parametrize(
    ("known", "error", "sentence"),
    [
        (Vouched(), Unreachable, "the publisher of 'a' is not known on this machine yet"),
        (vouched(ONE, root=OTHER), Unreachable, "the publisher of 'a' is not known on this machine yet"),
        (
            vouched(TWO),
            KeyUntrusted,
            f"'a' 1.0.0 is signed by {ONE}, which may not publish it in index community",
        ),
        (
            vouched(None),
            KeyUntrusted,
            f"'a' 1.0.0 is signed by {ONE}, which may not publish it in index community",
        ),
        (vouched(ONE, revoked=True), Revoked, "'a' 1.0.0 was revoked by the maintainers of index community"),
    ],
)
def test_without_one_it_is_not(known: Vouched, error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=sentence.replace("+", r"\+")):
        check_trusted(PLAIN, entry("a"), known)


def test_a_key_somebody_pinned_counts_on_top_of_what_the_index_says() -> None:
    with pytest.raises(KeyUntrusted, match=r"which \[trust\] does not list"):
        check_trusted(PINNED, entry("a"), vouched(ONE))


def test_trust_in_tark_toml_does_not_replace_the_index() -> None:
    trusting = project(ONE_INDEX + f'[plugins]\na = "^1"\n[trust]\na = ["{ONE}"]\n')
    with pytest.raises(KeyUntrusted, match="which may not publish it in index community"):
        check_trusted(trusting, entry("a"), vouched(TWO))
