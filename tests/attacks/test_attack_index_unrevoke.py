"""A thief of every online key lists a revoked release under other bytes. Revoked is a version, not a file."""

import base64
import json
import shutil
from collections.abc import Callable

import pytest
from msgspec.structs import replace
from support.indexed import IndexedProject
from support.indexrepo import plugin_files, public, sign
from support.sandbox import WASM, Sandbox

from tarkpm.core.claim import Claim
from tarkpm.core.digest import sha256
from tarkpm.core.release import PluginName
from tarkpm.core.rows import Listing
from tarkpm.core.statement import Envelope, parse_envelope, parse_statement, render_envelope
from tarkpm.core.version import Version

TEXT = "text-tools"
FILES = plugin_files(TEXT, "1.1.0", WASM)
REVOKED = "'text-tools' 1.1.0 was revoked by the maintainers"
SPELLING = "the envelope is not in the canonical encoding"


def spaced(envelope: bytes, _: IndexedProject) -> bytes:
    """The same signature in JSON with white space: another digest."""
    return json.dumps(json.loads(envelope)).encode() + b"\n"


def in_another_order(envelope: bytes, _: IndexedProject) -> bytes:
    return json.dumps(dict(reversed(json.loads(envelope).items())), separators=(",", ":")).encode() + b"\n"


def without_its_newline(envelope: bytes, _: IndexedProject) -> bytes:
    return envelope.rstrip()


RESPELLED: list[Callable[[bytes, IndexedProject], bytes]] = [spaced, in_another_order, without_its_newline]


def signed_again(_: bytes, indexed: IndexedProject) -> bytes:
    """By the publisher, whose key was stolen as well: another release under the version of the revoked one."""
    return sign(indexed.keys[TEXT], TEXT, "1.1.0", FILES | {"LICENSE": b"MIT"})


def as_locked(indexed: IndexedProject) -> bytes:
    """Two releases; the newer one is installed, and then revoked. Returns its statement."""
    for version in ("1.0.0", "1.1.0"):
        indexed.release(TEXT, version)
    indexed.use()
    indexed.sandbox.run("add", TEXT, "--accept-capabilities").ok()
    return sign(indexed.keys[TEXT], TEXT, "1.1.0", FILES)


def revoke(indexed: IndexedProject, envelope: bytes) -> None:
    """What `tarkpm index revoke text-tools@1.1.0` puts into the claim."""
    said = parse_statement(parse_envelope(envelope, where="").payload, where="")
    gone = {said.version.plain: said.digest}
    indexed.repo.put_claim(Claim(PluginName(TEXT), public(indexed.keys[TEXT]), revoked_versions=gone))
    indexed.repo.publish()


def list_as(indexed: IndexedProject, envelope: bytes, files: dict[str, bytes], version: str = "") -> None:
    """What needs online keys alone: a file, and a row that names it."""
    repo = indexed.repo
    row = repo.put_release(files, envelope)
    old, new = repo.listings[TEXT].rows
    row = replace(row, version=Version.parse(version) if version else new.version)
    repo.put_listing(Listing(PluginName(TEXT), (old, row), public(indexed.keys[TEXT])))
    repo.publish()


def newcomer(indexed: IndexedProject) -> Sandbox:
    """Somebody else, with no state."""
    other = Sandbox(indexed.sandbox.root / "newcomer")
    other.init()
    words = ("index", "add", "community", indexed.server.url, "--root", indexed.repo.root_digest)
    other.run(*words).ok()
    return other


@pytest.mark.parametrize("respelled", RESPELLED)
def test_another_spelling_is_no_release(indexed: IndexedProject, respelled: Callable[..., bytes]) -> None:
    """Not even of a release that nobody revoked."""
    envelope = as_locked(indexed)
    list_as(indexed, respelled(envelope, indexed), FILES)
    newcomer(indexed).run("add", TEXT, "--accept-capabilities").failed(3, SPELLING)


@pytest.mark.parametrize("other", [*RESPELLED, signed_again])
def test_who_saw_the_revocation(indexed: IndexedProject, other: Callable[..., bytes]) -> None:
    envelope, sandbox = as_locked(indexed), indexed.sandbox
    revoke(indexed, envelope)
    assert sandbox.run("outdated", "--json").json["plugins"][0]["warning"] == "revoked"
    files = FILES | ({"LICENSE": b"MIT"} if other is signed_again else {})
    list_as(indexed, other(envelope, indexed), files)
    refused(sandbox)


@pytest.mark.parametrize("other", [*RESPELLED, signed_again])
def test_who_did_not(indexed: IndexedProject, other: Callable[..., bytes]) -> None:
    envelope = as_locked(indexed)
    revoke(indexed, envelope)
    files = FILES | ({"LICENSE": b"MIT"} if other is signed_again else {})
    list_as(indexed, other(envelope, indexed), files)
    somebody = newcomer(indexed)
    somebody.run("add", f"{TEXT}@^1.1", "--accept-capabilities").failed(2, "text-tools 1.1.0 is revoked")
    somebody.run("add", TEXT, "--accept-capabilities").ok()
    assert 'version = "1.0.0"' in (somebody.cwd / "tark.lock").read_text()


def refused(sandbox: Sandbox) -> None:
    """The revoked version, by every verb, and offline as well."""
    sandbox.run("update").failed(2, "text-tools 1.1.0 is revoked")
    for verb in (["sync"], ["verify"], ["sync", "--offline"]):
        sandbox.run(*verb).failed(3, REVOKED)
    sandbox.run("call", "text-tools", "echo", "--json").failed(3, REVOKED)
    assert sandbox.run("list", "--json").json["plugins"][0]["status"] == "revoked"


@pytest.mark.parametrize("version", ["1.1.0+again", "1.2.0"])
def test_under_another_version(indexed: IndexedProject, version: str) -> None:
    """The row is the thief's to write; the signed statement and plugin.toml are not."""
    envelope = as_locked(indexed)
    revoke(indexed, envelope)
    list_as(indexed, envelope, FILES, version)
    indexed.sandbox.run("cache", "clean").ok()
    said = indexed.sandbox.run("update", "--accept-capabilities")
    if version == "1.2.0":
        said.failed(3, "the index entry of 'text-tools' 1.2.0 differs from what its publisher signed")
    else:
        said.failed(2, "is revoked")
    assert "1.2.0" not in (indexed.sandbox.cwd / "tark.lock").read_text()


def test_build_metadata_makes_no_other_version(indexed: IndexedProject) -> None:
    """SemVer section 10: the publisher's stolen key signs 1.1.0+again."""
    envelope = as_locked(indexed)
    revoke(indexed, envelope)
    files = plugin_files(TEXT, "1.1.0+again", WASM)
    list_as(indexed, sign(indexed.keys[TEXT], TEXT, "1.1.0+again", files), files, "1.1.0+again")
    indexed.sandbox.run("add", f"{TEXT}@=1.1.0").failed(2, "is revoked")


@pytest.mark.parametrize("version", ["1.1.1", "1.2.0"])
def test_a_lock_that_calls_it_another_version(indexed: IndexedProject, version: str) -> None:
    """A pull request; the revoked release is installed, and in the store."""
    envelope = as_locked(indexed)
    revoke(indexed, envelope)
    sandbox = indexed.sandbox
    sandbox.run("outdated")
    lock = sandbox.cwd / "tark.lock"
    lock.write_text(lock.read_text().replace('version = "1.1.0"', f'version = "{version}"'))
    for verb in (["sync"], ["sync", "--offline"], ["verify"], ["call", "text-tools", "echo", "--json"]):
        said = sandbox.run(*verb)
        assert said.status != 0, said


def test_a_claim_of_the_older_form_is_enforced_as_it_stands(indexed: IndexedProject) -> None:
    """By statement digest, as claims of version 1 revoke; no spelling of it gets around that."""
    envelope, sandbox = as_locked(indexed), indexed.sandbox
    indexed.repo.claim(TEXT, indexed.keys[TEXT], revoked=frozenset([sha256(envelope)]))
    indexed.repo.publish()
    assert sandbox.run("outdated", "--json").json["plugins"][0]["warning"] == "revoked"
    refused(sandbox)
    list_as(indexed, spaced(envelope, indexed), FILES)
    sandbox.run("update").failed(3, SPELLING)
    sandbox.run("sync").failed(3, REVOKED)


def test_a_signature_has_one_spelling_too(indexed: IndexedProject) -> None:
    """RFC 8032 5.1.7: S below the group's order, or S + L would be another signature of the same payload."""
    order = 2**252 + 27742317777372353535851937790883648493
    parsed = parse_envelope(as_locked(indexed), where="")
    shifted = int.from_bytes(parsed.signature[32:], "little") + order
    signature = parsed.signature[:32] + shifted.to_bytes(32, "little")
    list_as(indexed, render_envelope(Envelope(parsed.payload, signature, parsed.key)), FILES)
    newcomer(indexed).run("add", TEXT, "--accept-capabilities").failed(3, "is not valid")
    assert base64.b64encode(signature)


def test_a_copy_among_the_users_own_plugins(indexed: IndexedProject) -> None:
    """No lock says what it is: the payload of its statement does."""
    envelope, sandbox = as_locked(indexed), indexed.sandbox
    revoke(indexed, envelope)
    assert sandbox.run("outdated", "--json").json["plugins"][0]["warning"] == "revoked"
    shutil.copytree(sandbox.plugins / TEXT, sandbox.data / "plugins" / TEXT)
    words = ("call", "--user", TEXT, "text-stats", '{"text":"a"}', "--accept-unmanaged", TEXT)
    sandbox.run(*words).failed(3, "'text-tools' was revoked by the maintainers of its index")
