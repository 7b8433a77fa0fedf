"""What state keeps of indexes: claims as last verified, revocations for ever."""

import json
from pathlib import Path

import pytest

from tarkpm.core.claim import Claim
from tarkpm.core.digest import Digest
from tarkpm.core.key import PublicKey
from tarkpm.core.release import IndexSource, PluginName
from tarkpm.core.version import Version
from tarkpm.errors import StoreError
from tarkpm.store.claims import Claims
from tarkpm.store.state import State

KEY = PublicKey("ed25519:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
SOURCE = IndexSource("community", "sha256:" + "a" * 64)
NAME, BAD, GOOD = PluginName("a"), Digest("1" * 64), Digest("2" * 64)
ONE = Version.parse("1.0.0")


def test_claims_are_kept_by_index(tmp_path: Path) -> None:
    Claims(tmp_path).remember(SOURCE.root, [Claim(NAME, KEY)], 1)
    seen = Claims(tmp_path).read()
    assert seen.claim(SOURCE, NAME) == Claim(NAME, KEY)
    assert seen.claim(IndexSource("community", "sha256:" + "b" * 64), NAME) is None


def test_what_was_seen_revoked_stays_so_whatever_the_index_says_later(tmp_path: Path) -> None:
    claims = Claims(tmp_path)
    claims.remember(SOURCE.root, [Claim(NAME, KEY, revoked=frozenset({BAD}))], 1)
    claims.remember(SOURCE.root, [Claim(NAME, KEY)], 1)
    assert claims.read().claim(SOURCE, NAME) == Claim(NAME, KEY)
    assert claims.read().is_revoked(SOURCE, NAME, ONE, BAD)


def test_versions_that_were_seen_revoked_stay_so(tmp_path: Path) -> None:
    claims = Claims(tmp_path)
    for gone in ({"1.0.0": BAD}, {}, {"2.0.0": BAD}):
        claims.remember(SOURCE.root, [Claim(NAME, KEY, revoked_versions=gone)], 1)
    seen = claims.read()
    assert all(seen.is_revoked(SOURCE, NAME, Version.parse(text), GOOD) for text in ("1.0.0+x", "2.0.0"))
    assert not seen.is_revoked(SOURCE, NAME, Version.parse("1.0.1"), GOOD)


def test_what_an_older_tarkpm_wrote_is_read(tmp_path: Path) -> None:
    """Its claims and revocations have no versions in them, and count as before."""
    claims = Claims(tmp_path)
    claims.remember(SOURCE.root, [Claim(NAME, KEY, revoked=frozenset({BAD}))], 1, seen={"claims-0": 3})
    (file,) = claims.folder.glob("*.json")
    document = json.loads(file.read_bytes())
    del document["revoked_versions"]
    del document["claims"][NAME]["revoked_versions"]
    file.write_text(json.dumps(document))
    seen = claims.read()
    assert seen.is_revoked(SOURCE, NAME, ONE, BAD)
    assert seen.claim(SOURCE, NAME) == Claim(NAME, KEY, revoked=frozenset({BAD}))
    assert seen.floors == {SOURCE.root: {"claims-0": 3}}


def test_the_seal_changes_with_what_is_known_and_not_otherwise(tmp_path: Path) -> None:
    claims, state = Claims(tmp_path), State(tmp_path)
    assert state.known_seal() == b""
    claims.remember(SOURCE.root, [Claim(NAME, KEY)], 1)
    before = state.known_seal()
    claims.remember(SOURCE.root, [Claim(NAME, KEY)], 1)
    assert state.known_seal() == before
    claims.remember(SOURCE.root, [Claim(NAME, KEY, revoked=frozenset({BAD}))], 1)
    assert state.known_seal() != before


@pytest.mark.parametrize("text", ["", "{", '{"claims": 1}', '{"version": 9}', '{"more": 1}'])
def test_a_damaged_file_is_said_and_kept(tmp_path: Path, text: str) -> None:
    claims = Claims(tmp_path)
    claims.remember(SOURCE.root, [Claim(NAME, KEY)], 1)
    (file,) = claims.folder.glob("*.json")
    file.write_text(text)
    with pytest.raises(StoreError) as caught:
        claims.read()
    assert caught.value.where == str(file)
    assert caught.value.hint
    with pytest.raises(StoreError):
        claims.remember(SOURCE.root, [Claim(NAME, KEY)], 1)
    assert file.read_text() == text
