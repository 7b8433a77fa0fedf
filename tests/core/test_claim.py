"""Who may publish a plugin: one text for one meaning, and which releases its maintainers stand behind."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tarkpm.core import claim as claims
from tarkpm.core.claim import Claim, Vouched
from tarkpm.core.digest import Digest
from tarkpm.core.key import PublicKey
from tarkpm.core.release import IndexSource, PluginName
from tarkpm.core.version import Version
from tarkpm.errors import IndexUntrusted

ONE = PublicKey("ed25519:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
TWO = PublicKey("ed25519:A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=")
OLD, NEW, BAD = (Digest(digit * 64) for digit in "123")
DIGESTS = st.frozensets(st.sampled_from([OLD, NEW, BAD]))
CLAIMS = st.builds(
    Claim,
    st.sampled_from(["a", "text-tools"]).map(PluginName),
    st.sampled_from([None, ONE, TWO]),
    st.dictionaries(st.sampled_from([ONE, TWO]), DIGESTS),
    DIGESTS,
    st.dictionaries(st.sampled_from(["1.0.0", "1.1.0-rc.1"]), st.sampled_from([OLD, NEW, BAD])),
)
FIRST, SECOND = Version.parse("1.0.0"), Version.parse("1.1.0-rc.1+build.5")


@given(CLAIMS)
def test_a_claim_reads_back_to_itself_and_writes_the_same_bytes(claim: Claim) -> None:
    text = claims.render(claim)
    assert claims.parse(text, where="x") == claim
    assert claims.render(claims.parse(text, where="x")) == text


def test_a_retired_key_keeps_only_the_releases_it_signed_before() -> None:
    claim = Claim(PluginName("a"), TWO, {ONE: frozenset({OLD, BAD})}, frozenset({BAD}))
    assert claim.allows(TWO, FIRST, NEW)
    assert claim.allows(ONE, FIRST, OLD)
    assert not claim.allows(ONE, FIRST, NEW)


@given(
    CLAIMS, st.sampled_from([ONE, TWO]), st.sampled_from([FIRST, SECOND]), st.sampled_from([OLD, NEW, BAD])
)
def test_what_is_revoked_is_allowed_to_nobody(
    claim: Claim, signer: PublicKey, version: Version, release: Digest
) -> None:
    allowed = claim.allows(signer, version, release)
    assert not (allowed and release in claim.revoked)
    assert not (allowed and version.plain in claim.revoked_versions)
    if claim.key is None and release not in claim.retired.get(signer, ()):
        assert not allowed


def test_a_claim_that_revokes_no_version_is_written_so_that_an_older_tarkpm_reads_it() -> None:
    plain, revoking = (
        Claim(PluginName("a"), ONE),
        Claim(PluginName("a"), ONE, revoked_versions={"1.0.0": BAD}),
    )
    assert claims.render(plain) == b'{"key":"%s","name":"a","version":1}\n' % ONE.encode()
    assert json.loads(claims.render(revoking)) == GOOD | {"version": 2, "revoked_versions": {"1.0.0": BAD}}


GOOD = {"version": 1, "name": "a", "key": ONE}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"version": 3}, "expected a claim of version 1 or 2, found 3: it requires a newer tarkpm"),
        ({"version": 0}, "expected a claim of version 1 or 2, found 0: it requires a newer tarkpm"),
        (
            {"revoked_versions": {"1.0.0": BAD}},
            "expected no 'revoked_versions' in a claim of version 1",
        ),
        (
            {"version": 2, "revoked_versions": {"1.0.0": "1"}},
            "expected a sha256 of 64 hexadecimal digits, found '1'",
        ),
        (
            {"version": 2, "revoked_versions": {"1.0": BAD}},
            "expected a version like 1.2.3, found '1.0'",
        ),
        (
            {"version": 2, "revoked_versions": {"1.0.0+a": BAD}},
            "expected a version without build metadata, found '1.0.0+a'",
        ),
        ({"name": "A b"}, "expected at most 64 letters and digits joined by - or _, found 'A b'"),
        ({"key": "ed25519:AAAA"}, "expected ed25519: and 44 characters of base64, found 'ed25519:AAAA'"),
        ({"keys": [ONE, TWO]}, "'keys' is not a known key"),
        ({"threshold": 2}, "'threshold' is not a known key"),
        ({"revoked": ["1234"]}, "expected a sha256 of 64 hexadecimal digits, found '1234'"),
        ({"revoked": "1234"}, "expected a list, found a string"),
        ({"retired": {"x": []}}, "expected ed25519: and 44 characters of base64, found 'x'"),
    ],
)
def test_a_claim_tarkpm_cannot_use_is_one_clear_error(change: dict[str, object], sentence: str) -> None:
    with pytest.raises(IndexUntrusted) as caught:
        claims.parse(json.dumps({**GOOD, **change}).encode(), where="publishers/a.json")
    assert caught.value.message == sentence
    assert caught.value.where.startswith("publishers/a.json")
    assert caught.value.exit_status == 3


def test_a_key_that_occurs_twice_is_refused() -> None:
    text = b'{"version":1,"name":"a","key":"%s","key":"%s"}' % (ONE.encode(), TWO.encode())
    with pytest.raises(IndexUntrusted, match="not strict JSON: a key occurs twice"):
        claims.parse(text, where="x")


def test_indexes_are_told_apart_by_their_root() -> None:
    ours, theirs = (
        IndexSource("community", "sha256:" + "a" * 64),
        IndexSource("community", "sha256:" + "b" * 64),
    )
    claim = Claim(PluginName("a"), ONE)
    vouched = Vouched({ours.root: {claim.name: claim}}, {ours.root: frozenset({BAD})})
    assert vouched.claim(ours, claim.name) == claim
    assert vouched.claim(theirs, claim.name) is None
    assert vouched.is_revoked(ours, claim.name, FIRST, BAD)
    assert not vouched.is_revoked(theirs, claim.name, FIRST, BAD)


def test_a_version_is_revoked_for_one_plugin_of_one_index() -> None:
    ours, theirs = (IndexSource("community", "sha256:" + digit * 64) for digit in "ab")
    vouched = Vouched(revoked_versions={ours.root: {"a-b": {"1.1.0-rc.1": BAD}}})
    assert vouched.is_revoked(ours, PluginName("a-b"), SECOND, OLD)
    assert vouched.is_revoked(ours, PluginName("a_b"), SECOND, OLD)
    assert not vouched.is_revoked(ours, PluginName("a-b"), FIRST, OLD)
    assert not vouched.is_revoked(ours, PluginName("c"), SECOND, OLD)
    assert not vouched.is_revoked(theirs, PluginName("a-b"), SECOND, OLD)
    assert vouched.has_revoked(OLD, BAD)
    assert not vouched.has_revoked(BAD, OLD)
    assert not vouched.has_revoked(BAD, None)


def test_what_any_index_revoked_is_revoked_wherever_its_contents_come_from() -> None:
    ours, theirs = (f"sha256:{digit * 64}" for digit in "ab")
    vouched = Vouched(
        revoked={ours: frozenset(), theirs: frozenset({BAD})},
        revoked_versions={ours: {}, theirs: {"a": {"1.0.0": NEW}, "b": {"1.0.0": BAD}}},
    )
    assert vouched.has_revoked(BAD, None)
    assert vouched.has_revoked(OLD, NEW)
    assert not vouched.has_revoked(OLD, OLD)
    assert not vouched.has_revoked(NEW, None)


def test_why_a_release_was_yanked_is_what_its_own_index_says() -> None:
    ours, theirs = (IndexSource("community", "sha256:" + digit * 64) for digit in "ab")
    vouched = Vouched(yanked={ours.root: {OLD: "broken"}})
    assert vouched.why_yanked(ours, OLD) == "broken"
    assert vouched.why_yanked(ours, NEW) == ""
    assert vouched.why_yanked(theirs, OLD) == ""
