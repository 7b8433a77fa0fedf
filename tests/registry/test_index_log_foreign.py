"""Our logs as another implementation reads them, and its logs as ours does: PyPI's aics-tlog."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from support.logged import TEXT, LoggedIndex

from tarkpm.core.key import from_bytes
from tarkpm.core.tlog import tiles
from tarkpm.core.tlog.merkle import leaf_hash, root_of
from tarkpm.core.tlog.note import COSIGNATURE_TYPE, NoteKey, cosign, parse_checkpoint, verifier_key
from tarkpm.core.tlog.proof import parse_proof, release_entry
from tarkpm.core.tlog.tiles import ENTRIES, Tile

pytest.importorskip("aics_tlog", reason="python3 dev.py test installs aics-tlog")


def _module(name: str) -> Any:
    return pytest.importorskip(f"aics_tlog.{name}")


def test_a_whole_log_with_its_proofs_and_witnesses(logged: LoggedIndex) -> None:
    logged.publish("1.1.0")
    for name in ("wanda", "will"):
        logged.witness(name).ok()
    logged.run("refresh").ok()
    note, keys = _module("note"), logged.keys_of_log
    log = note.parse_vkey(verifier_key(keys.named))
    witnesses = [note.parse_vkey(verifier_key(one, COSIGNATURE_TYPE)) for one in keys.witnesses]
    checkpoint = (logged.folder / "log" / "checkpoint").read_text()
    tree, signed = _module("checkpoint").checkpoint_from_note(checkpoint)
    found = _module("checkpoint").verify_checkpoint(signed, log, witnesses, 2, expected_origin=keys.origin)
    assert found.ok, found
    assert not _module("checkpoint").verify_checkpoint(signed, log, [*witnesses, log], 3).ok
    reader = _module("tiles").FileSystemTileReader(logged.folder / "log")
    audited = _module("verified").audit_tiles(reader, tree.size, tree.root)
    assert (audited.size, audited.bundles) == (2, 1)
    bundle = _module("bundle")
    for row in logged.open().listing(TEXT).rows:
        proof = parse_proof(row.proof)
        entry = release_entry(TEXT, row.version, row.statement.sha256)
        theirs = bundle.Bundle(entry, proof.index, proof.hashes, proof.checkpoint.text)
        assert bundle.verify_bundle(theirs, log, witnesses, 2).ok
        other = bundle.Bundle(entry + b"\n", proof.index, proof.hashes, proof.checkpoint.text)
        assert not bundle.verify_bundle(other, log, witnesses, 2).ok


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 700])
def test_the_same_tiles_and_proofs(size: int) -> None:
    entries = [b"entry %d" % at for at in range(size)]
    files: dict[Tile, bytes] = {}
    for start in range(0, size, 300):
        files.update(tiles.grown(start, entries[start : start + 300], files.__getitem__))
    theirs = _module("tiles").materialise_tiles(entries)
    ours = {tile.path: data for tile, data in files.items()}
    assert theirs.items() <= ours.items()
    reader, root = _module("tiles").MemoryTileReader(ours), root_of([leaf_hash(one) for one in entries])
    hashes = {tile: tiles.read_hashes(tile, data) for tile, data in files.items() if tile.level != ENTRIES}
    assert _module("tiles").tree_root_from_tiles(reader, size) == root == tiles.root_at(size, hashes)
    for index in {0, size // 2, size - 1}:
        proof = tiles.roots(tiles.inclusion_ranges(index, size), size, hashes)
        assert proof == list(_module("tiles").inclusion_proof_from_tiles(reader, index, size))
        leaf = leaf_hash(entries[index])
        assert _module("tree").verify_inclusion(leaf, index, size, proof, root)
    for old in {1, size // 2, size - 1} - {0, size}:
        proof = tiles.roots(tiles.consistency_ranges(old, size), size, hashes)
        assert proof == list(_module("tiles").consistency_proof_from_tiles(reader, old, size))
        before = root_of([leaf_hash(one) for one in entries[:old]])
        assert _module("tree").verify_consistency(old, size, before, root, proof)


def test_its_notes_are_read_here() -> None:
    log, wanda = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    named = NoteKey("example.com/log", from_bytes(log.public_key().public_bytes_raw()))
    witness = NoteKey("wanda.example", from_bytes(wanda.public_key().public_bytes_raw()))
    module = _module("checkpoint")
    tree = module.Checkpoint("example.com/log", 7, b"r" * 32)
    text = str(module.serialise_checkpoint(tree)) + "\n"
    line = _module("note").sign_note(module.serialise_checkpoint(tree), log, named.name)
    raw = _module("note").b64_encode(line.key_id + line.signature)
    found = parse_checkpoint(f"{text}\u2014 {named.name} {raw}\n".encode())
    found.check_log(named, where="x")
    _, theirs = _module("cosign").sign_cosignature(wanda, witness.name, 5, tree.origin, 7, tree.root)
    raw = _module("note").b64_encode(theirs.key_id + theirs.signature)
    assert cosign(found, witness, wanda.sign, 5) == f"\u2014 {witness.name} {raw}"
    mine = found.with_lines([f"\u2014 {witness.name} {raw}"])
    assert [one.time for one in mine.cosignatures([witness], where="x")] == [5]
