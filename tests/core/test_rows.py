"""What an index says of a plugin's releases: projections of signed manifests."""

import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from tarkpm.core import rows
from tarkpm.core.digest import Digest, FileEntry
from tarkpm.core.key import from_bytes
from tarkpm.core.lockfile import StatementEntry
from tarkpm.core.manifest import Manifest
from tarkpm.core.release import Dependency, PluginName
from tarkpm.core.rows import Listing, row_of
from tarkpm.core.version import Version
from tarkpm.errors import IndexUntrusted

KEY = from_bytes(Ed25519PrivateKey.generate().public_key().public_bytes_raw())
ONE, TWO = Digest("1" * 64), Digest("2" * 64)
FILES = (FileEntry("plugin.wasm", TWO, 40), FileEntry("plugin.toml", ONE, 2))
MANIFEST = Manifest.parse(
    b'[plugin]\nname = "a"\nversion = "1.2.0"\ntype = "tool"\nmin_tark_version = "0.6.0"\n'
    b'description = "counts\\n  words"\n[dependencies]\nb = "^1"\n'
    b'[capabilities]\nstorage = true\nhttp = ["x.example"]\n'
)


def test_a_row_is_what_the_signed_manifest_says() -> None:
    row = row_of(MANIFEST, StatementEntry(ONE, 868), FILES)
    assert row.version == Version(1, 2, 0)
    assert row.requires == (Dependency(PluginName("b"), "^1"),)
    assert row.capabilities == ("storage", "http:x.example")
    assert row.description == "counts words"
    assert [file.name for file in row.files] == ["plugin.toml", "plugin.wasm"]
    assert row.size == 868 + 42


def test_rows_read_back_to_themselves_oldest_first() -> None:
    new = row_of(MANIFEST, StatementEntry(ONE, 868), FILES)
    old = row_of(MANIFEST, StatementEntry(TWO, 868), FILES)
    old = type(old)(
        version=Version(1, 2, 0, "rc.1"),
        type="tool",
        statement=old.statement,
        files=old.files,
        yanked="broken",
    )
    listing = Listing(PluginName("a"), (new, old), KEY)
    text = rows.render(listing)
    read = rows.parse(text, where="x")
    assert [str(row.version) for row in read.rows] == ["1.2.0-rc.1", "1.2.0"]
    assert read.get(Version(1, 2, 0)) == new
    assert read.publisher == KEY
    assert rows.render(read) == text


def test_who_publishes_need_not_be_said() -> None:
    text = rows.render(Listing(PluginName("a")))
    assert text == b'{"name":"a","releases":[],"version":1}\n'
    assert rows.parse(text, where="x").publisher is None


@pytest.mark.parametrize(
    "publisher", ["ed25519:x", "rsa:AAAA", f"ed25519:{base64.b64encode(bytes(32)).decode()}"]
)
def test_a_publisher_that_is_no_key(publisher: str) -> None:
    text = json.dumps({"version": 1, "name": "a", "releases": [], "publisher": publisher}).encode()
    with pytest.raises(IndexUntrusted):
        rows.parse(text, where="x")


ROW = {
    "version": "1.0.0",
    "type": "tool",
    "statement": {"sha256": ONE, "size": 1},
    "files": [{"name": "plugin.toml", "sha256": ONE, "size": 1}],
}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"version": "1"}, "expected a version like 1.2.3, found '1'"),
        ({"type": "worm"}, "type: expected one of auth, tool, provider, hook, channel, found 'worm'"),
        ({"statement": {"sha256": "x", "size": 1}}, "expected a sha256 of 64 hexadecimal digits and a size"),
        ({"statement": {"sha256": ONE, "size": -1}}, "expected a sha256 of 64 hexadecimal digits and a size"),
        ({"files": [{"name": "../x", "sha256": ONE, "size": 1}]}, "expected a plain relative file name, found '../x'"),
        ({"requires": ["b"]}, "expected a range like ^1.2, found ''"),
        ({"signed": True}, "'signed' is not a known key"),
    ],
)  # fmt: skip
def test_rows_tarkpm_cannot_use_are_one_clear_error(change: dict[str, object], sentence: str) -> None:
    text = json.dumps({"version": 1, "name": "a", "releases": [{**ROW, **change}]}).encode()
    with pytest.raises(IndexUntrusted) as caught:
        rows.parse(text, where="index/a.json")
    assert caught.value.message == sentence


def test_a_version_is_listed_once() -> None:
    text = json.dumps({"version": 1, "name": "a", "releases": [ROW, ROW]}).encode()
    with pytest.raises(IndexUntrusted, match="a version is listed twice"):
        rows.parse(text, where="x")


def test_a_row_says_when_the_index_listed_the_release() -> None:
    row = replace(row_of(MANIFEST, StatementEntry(ONE, 868), FILES), published=1795905000)
    text = rows.render(Listing(PluginName("a"), (row,)))
    assert b'"published":"2026-11-28T22:30:00Z"' in text
    assert rows.parse(text, where="x").rows == (row,)


def test_a_row_of_before_has_no_time_and_keeps_its_bytes() -> None:
    text = rows.render(Listing(PluginName("a"), (row_of(MANIFEST, StatementEntry(ONE, 868), FILES),)))
    assert b"published" not in text
    assert rows.parse(text, where="x").rows[0].published is None


@pytest.mark.parametrize("said", ["yesterday", "2026-11-28T22:30:00+00:00"])
def test_a_time_in_another_form_is_refused(said: str) -> None:
    row = replace(row_of(MANIFEST, StatementEntry(ONE, 868), FILES), published=1795905000)
    text = rows.render(Listing(PluginName("a"), (row,))).replace(b"2026-11-28T22:30:00Z", said.encode())
    with pytest.raises(IndexUntrusted, match="expected a time like"):
        rows.parse(text, where="x")
