"""Attack: more people seem to have rebuilt a release than did, or another release than this one."""

import base64
import json
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from support.indexed import IndexedProject
from support.indexrepo import public
from support.releases import GOOD, make_release

from tarkpm.core import rebuilt, rows, statement
from tarkpm.core.built_from import BuiltFrom
from tarkpm.core.rebuilt import ListedRebuild, Rebuild, RebuiltRelease
from tarkpm.core.rows import Listing, row_of
from tarkpm.errors import IndexUntrusted, SignatureInvalid
from tarkpm.registry.rebuilds import check_rebuilds

RITA, ROB = (Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32) for number in (7, 8))
SOURCE = BuiltFrom("https://git.example/calc", "a" * 40)


def about(version: str = "1.0.0") -> RebuiltRelease:
    """What attestations of a release of calc, signed by GOOD, are about."""
    candidate = make_release(version=version).candidate
    assert candidate.statement is not None
    manifest = candidate.manifest
    return RebuiltRelease(manifest.name, manifest.version, candidate.statement.sha256, candidate.files)


def listed(
    key: Ed25519PrivateKey, *, same: bool = True, release: RebuiltRelease | None = None
) -> ListedRebuild:
    """A rebuild that this key signed."""
    envelope = rebuilt.sign_rebuild(
        release or about(), Rebuild(SOURCE, same), key=public(key), signer=key.sign
    )
    return rebuilt.read_rebuild(envelope, where="x")[1]


def count(*found: ListedRebuild, same: bool = True) -> int:
    return len(rebuilt.rebuilders(about(), found, public(GOOD), same=same))


def test_distinct_keys_are_counted_and_nothing_else() -> None:
    rita, rob = listed(RITA), listed(ROB)
    assert count(rita, rob) == 2
    assert count(rita, rita, listed(RITA)) == 1, "one key counts once"
    assert count(rita, listed(GOOD)) == 1, "the publisher is no second opinion"
    assert count(rita, listed(ROB, same=False)) == 1
    assert count(rita, listed(ROB, same=False), same=False) == 1


def test_what_a_key_did_not_sign_does_not_count() -> None:
    rita, other = listed(RITA), listed(ROB, release=about("1.0.1"))
    flipped = msgspec.structs.replace(listed(ROB, same=False), rebuild=Rebuild(SOURCE, same=True))
    moved = msgspec.structs.replace(
        rita, rebuild=Rebuild(BuiltFrom("https://evil.example/calc", "a" * 40), same=True)
    )
    borrowed = msgspec.structs.replace(rita, key=public(ROB))
    assert count(other) == count(flipped) == count(moved) == count(borrowed) == 0
    candidate = make_release().candidate
    assert candidate.statement is not None
    row = row_of(candidate.manifest, candidate.statement, candidate.files)
    check_rebuilds(candidate.manifest.name, msgspec.structs.replace(row, rebuilds=(rita, listed(ROB))))
    for bad in ((other,), (flipped,), (rita, rita)):
        with pytest.raises(IndexUntrusted, match="did not sign|listed with two"):
            check_rebuilds(candidate.manifest.name, msgspec.structs.replace(row, rebuilds=bad))


def test_a_release_statement_is_no_attestation_and_the_other_way_round() -> None:
    attestation = rebuilt.sign_rebuild(
        about(), Rebuild(SOURCE, same=True), key=public(RITA), signer=RITA.sign
    )
    with pytest.raises(SignatureInvalid, match="predicateType"):
        statement.verify(attestation)
    files = make_release().candidate.files
    envelope = statement.sign(about().name, about().version, files, key=public(RITA), signer=RITA.sign)
    with pytest.raises(SignatureInvalid, match="predicateType"):
        rebuilt.read_rebuild(envelope, where="x")


@pytest.mark.parametrize(
    "change",
    [
        {"same": "yes"},
        {"statement": "x"},
        {"source": {"git": "file:///home", "commit": "a" * 40}},
        {"more": 1},
        {"version": "1"},
        {"sizes": []},
    ],
)
def test_a_malformed_attestation_that_is_signed(change: dict[str, Any]) -> None:
    good = rebuilt.sign_rebuild(about(), Rebuild(SOURCE, same=True), key=public(RITA), signer=RITA.sign)
    table = json.loads(base64.b64decode(json.loads(good)["payload"]))
    table["predicate"] |= change
    payload = json.dumps(table, sort_keys=True, separators=(",", ":")).encode()
    envelope = statement.Envelope(payload, RITA.sign(statement.pae(payload)), public(RITA))
    with pytest.raises(SignatureInvalid, match="the attestation is"):
        rebuilt.read_rebuild(statement.render_envelope(envelope), where="x")


def test_a_row_with_rebuilds_reads_as_it_was_written() -> None:
    candidate = make_release().candidate
    assert candidate.statement is not None
    row = row_of(candidate.manifest, candidate.statement, candidate.files)
    row = msgspec.structs.replace(row, rebuilds=(listed(RITA), listed(ROB, same=False)))
    data = rows.render(Listing(candidate.manifest.name, (row,)))
    assert rows.parse(data, where="x").rows == (row,)
    many = json.loads(data)
    many["releases"][0]["rebuilds"] *= 9
    with pytest.raises(IndexUntrusted, match="expected at most 16 rebuilds"):
        rows.parse(json.dumps(many).encode(), where="x")


def test_an_index_lists_keys_that_signed_nothing(indexed: IndexedProject) -> None:
    """A thief of the online key writes any row: what is shown are signatures, not rows."""
    indexed.release("calc")
    listing = indexed.repo.listings["calc"]
    (row,) = listing.rows
    forged = tuple(
        msgspec.structs.replace(listed(RITA), key=public(Ed25519PrivateKey.generate())) for _ in range(5)
    )
    indexed.repo.put_listing(Listing(listing.name, (msgspec.structs.replace(row, rebuilds=forged),)))
    indexed.repo.publish()
    indexed.use()
    assert "Rebuilt" not in indexed.sandbox.run("info", "calc").ok().out
