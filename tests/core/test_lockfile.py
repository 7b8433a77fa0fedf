"""tark.lock: one text for one meaning."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tarkpm.core import lockfile
from tarkpm.core.capability import Capability, CapabilitySet
from tarkpm.core.digest import Digest, FileEntry
from tarkpm.core.key import PublicKey
from tarkpm.core.lockfile import Lock, LockEntry, StatementEntry
from tarkpm.core.release import Dependency, GitSource, IndexSource, OciSource, PathSource, PluginName
from tarkpm.core.version import Version
from tarkpm.errors import LockError

KEY = PublicKey("ed25519:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
DIGESTS = st.integers(0, 2**64).map(lambda n: Digest(f"{n:064x}"))
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NAMES = st.from_regex(r"[a-z0-9]{1,4}(-[a-z0-9]{1,4})?", fullmatch=True).map(PluginName)
FILES = st.lists(st.builds(FileEntry, st.sampled_from(["plugin.toml", "plugin.wasm", "LICENSE"]), DIGESTS, st.integers(0, 9**9)), min_size=1, max_size=3, unique_by=lambda f: f.name)  # fmt: skip
URLS = st.from_regex(r"https://[a-z]{1,5}(:8[0-9])?/[A-Za-z0-9._-]{0,3}[a-z]", fullmatch=True)
TAGS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="^~*=<>"), max_size=12)
GIT = st.builds(GitSource, URLS, tag=TAGS, commit=st.integers(0, 2**60).map("{:040x}".format))
OCI = st.builds(
    OciSource,
    st.from_regex(r"[a-z]{1,5}\.io(:8[0-9])?/[a-z]{1,3}(/[a-z0-9]{1,3})?", fullmatch=True),
    st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,5}", fullmatch=True) | st.just(""),
    DIGESTS.map("sha256:{}".format),
)
INDEX = st.builds(IndexSource, NAMES, DIGESTS.map("sha256:{}".format))
VERSIONS = st.builds(
    Version, st.integers(0, 9), st.integers(0, 9), st.integers(0, 9), st.sampled_from(["", "rc.1"])
)
DECLARED = st.sets(
    st.sampled_from(
        ["storage", "shell", "http:a.example", "http:*.example", "env:A_*", "filesystem:docs/:ro"]
    )
).map(lambda texts: CapabilitySet.of(map(Capability.parse, texts)))
"""What a release declares; None for all in a lock of version 1, which `Lock.of` makes of a mixture."""
SIGNED = st.builds(
    LockEntry, NAMES, VERSIONS, st.sampled_from(["tool", "auth"]), GIT | OCI | INDEX, st.none() | VERSIONS,
    st.lists(st.builds(Dependency, NAMES, st.just("^1.2")), max_size=2).map(tuple), DECLARED, st.just(KEY),
    st.builds(StatementEntry, DIGESTS, st.integers(0, 9**6)), FILES.map(lambda f: tuple(sorted(f))),
)  # fmt: skip
UNSIGNED = st.builds(
    LockEntry,
    NAMES,
    VERSIONS,
    st.just("tool"),
    GIT | OCI,
    capabilities=DECLARED,
    files=FILES.map(lambda f: tuple(sorted(f))),
)
COPIES = st.builds(LockEntry, NAMES, VERSIONS, st.just("hook"), st.builds(PathSource, TEXTS.filter(bool)))
BARE = SIGNED.map(lambda entry: msgspec.structs.replace(entry, capabilities=None))
LOCKS = st.lists(SIGNED | UNSIGNED | COPIES | BARE, max_size=4, unique_by=lambda e: e.name).map(Lock.of)


@given(LOCKS)
def test_a_lock_reads_back_to_itself_and_writes_the_same_bytes(lock: Lock) -> None:
    text = lockfile.render(lock)
    again = lockfile.parse(text)
    assert again == lock
    assert lockfile.render(again) == text


@given(LOCKS, st.randoms())
def test_the_order_of_entries_does_not_matter(lock: Lock, random: "st.random.Random") -> None:  # type: ignore[name-defined]
    shuffled = list(lock.entries)
    random.shuffle(shuffled)
    assert lockfile.render(Lock.of(shuffled)) == lockfile.render(lock)


@given(LOCKS, LOCKS, st.sampled_from(["\n", "\r\n"]), st.sampled_from(["", "\ufeff"]))
def test_a_lock_keeps_its_line_ends_and_its_bytes_if_it_says_the_same(
    lock: Lock, other: Lock, ending: str, mark: str
) -> None:
    data = (mark + "# ours\n" + lockfile.render(lock).decode()).replace("\n", ending).encode()
    assert lockfile.parse(data) == lock
    assert lockfile.rewritten(lock, data, lock) == data
    assert lockfile.rewritten(other, None, Lock()) == lockfile.render(other)
    if other != lock:
        expected = (mark + lockfile.render(other).decode()).replace("\n", ending).encode()
        assert lockfile.rewritten(other, data, lock) == expected


def test_the_example_in_the_repository_is_a_real_lock() -> None:
    example = Path(__file__).parents[2] / "tark.lock.example"
    data = example.read_bytes()
    lock = lockfile.parse(data)
    assert lockfile.render(lock) == data
    assert [entry.name for entry in lock.entries] == ["device-auth", "mine", "text-tools"]


ENTRY = f"""version = 2
[[plugin]]
name = "a"
version = "1.0.0"
type = "tool"
source = {{ git = "https://x/y.git", tag = "v1", commit = "{"a" * 40}" }}
capabilities = ["storage"]
signer = "{KEY}"
statement = {{ sha256 = "{"0" * 64}", size = 1 }}
files = [{{ name = "plugin.toml", sha256 = "{"0" * 64}", size = 1 }}]
"""


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("version = 2\n", "version = 3\n", "expected version = 1 or 2, found 3: another version of tarkpm wrote this lock"),
        ("version = 2\n", "", "expected version = 1 or 2, found nothing"),
        ("version = 2\n", "version = 1\n", "capabilities: expected version = 2"),
        ('capabilities = ["storage"]\n', "", "expected capabilities"),
        ('"storage"', '"storage", "storage"', "capabilities: expected each once"),
        ('"storage"', '"shell", "storage"', "capabilities: expected each once, as tarkpm writes and sorts them"),
        ('"storage"', '"http:A.example.com"', "capabilities: expected each once"),
        ('"storage"', '"root"', "expected one of storage, http"),
        ('"storage"', ", ".join(f'"env:A{n}"' for n in range(600)), "capabilities: expected each once"),
        ("type =", "colour = 'red'\ntype =", "is not a known key"),
        ('"1.0.0"', '"1.0"', "expected a version like 1.2.3, found '1.0'"),
        ('"tool"', '"widget"', "type: expected one of auth"),
        ('name = "a"', 'name = "A/b"', "expected at most 64 letters and digits"),
        ("a" * 40, "a" * 39, "commit: expected 40 hexadecimal digits"),
        (f', commit = "{"a" * 40}"', "", "expected a commit"),
        ("0" * 64, "0" * 63, "expected a sha256 of 64 hexadecimal digits"),
        ("size = 1", "size = -1", "expected a sha256 of 64 hexadecimal digits and a size"),
        ("size = 1", 'size = "1"', "expected an integer, found a string"),
        ('"plugin.toml"', '"../plugin.toml"', "expected a plain relative file name"),
        (f'signer = "{KEY}"', "", "either both signer and statement or neither"),
        (KEY, KEY + "=", "expected ed25519:"),
        ("tag =", "branch = 'x', tag =", "expected one of tag, branch and rev, found several"),
        ("source =", "requires = ['x ^1; rm']\nsource =", "expected a range"),
        ("version = 2\n", "version = 2\nhash = 1\n", "is not a known key"),
        ("git =", "index = 'x', git =", "expected { git = … }, { oci = … }, { path = … } or { index = … }"),
    ],
)  # fmt: skip
def test_a_lock_that_is_not_as_tarkpm_writes_it_is_refused(old: str, new: str, sentence: str) -> None:
    assert old in ENTRY
    lockfile.parse(ENTRY.encode())
    with pytest.raises(LockError) as caught:
        lockfile.parse(ENTRY.replace(old, new, 1 if old.startswith("version") else -1).encode())
    assert sentence in caught.value.message
    assert caught.value.where.startswith("tark.lock")


def test_a_plugin_locked_twice_is_refused() -> None:
    twice = ENTRY + ENTRY.removeprefix("version = 2\n")
    with pytest.raises(LockError, match="a plugin is locked twice"):
        lockfile.parse(twice.encode())
