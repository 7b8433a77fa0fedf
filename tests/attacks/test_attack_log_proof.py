"""Proofs in rows that prove something else, and indexes that act as if there were no log.

The thief has the online key: he signs rows as he likes, and neither the log nor the root.
"""

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from support.community import BOTH
from support.indexserver import IndexServer
from support.logged import TEXT, LoggedIndex, relist, rewrite
from tuf.api.metadata import Metadata

from tarkpm.core.rows import ReleaseRow
from tarkpm.core.tlog.note import sign_checkpoint
from tarkpm.core.tlog.proof import LogProof, parse_proof
from tarkpm.core.version import Version

Forge = Callable[[LoggedIndex, ReleaseRow], str]


def _none(logged: LoggedIndex, row: ReleaseRow) -> str:
    return ""


def _of_another_release(logged: LoggedIndex, row: ReleaseRow) -> str:
    rows = logged.open().listing(TEXT).rows
    return next(other.proof for other in rows if other.version != row.version)


def _of_another_size(logged: LoggedIndex, row: ReleaseRow) -> str:
    """The hashes for the tree of now with the checkpoint of then: the log signed both."""
    proof = parse_proof(row.proof)
    rows = logged.open().listing(TEXT).rows
    smaller = min((parse_proof(one.proof).checkpoint for one in rows), key=lambda one: one.size)
    larger = max((parse_proof(one.proof).checkpoint for one in rows), key=lambda one: one.size)
    other = smaller if proof.checkpoint.size == larger.size else larger
    return LogProof(proof.index, proof.hashes, other).text


def _signed_by_a_thief(logged: LoggedIndex, row: ReleaseRow) -> str:
    """The right tree under the right name, signed by another key."""
    proof, thief = parse_proof(row.proof), logged.signer("community-online")
    log = msgspec.structs.replace(logged.keys_of_log.named, key=thief.key)
    tree = sign_checkpoint(log, thief.sign, proof.checkpoint.size, proof.checkpoint.root)
    return LogProof(proof.index, proof.hashes, tree).text


def _of_another_log(logged: LoggedIndex, row: ReleaseRow) -> str:
    """The log's own key signed it, for a log of another name."""
    proof, log = parse_proof(row.proof), logged.signer("community-log")
    named = msgspec.structs.replace(logged.keys_of_log.named, name="tark-index/other/0")
    tree = sign_checkpoint(named, log.sign, proof.checkpoint.size, proof.checkpoint.root)
    return LogProof(proof.index, proof.hashes, tree).text


def _unsigned(logged: LoggedIndex, row: ReleaseRow) -> str:
    return row.proof.partition("\n\u2014 ")[0] + "\n"


def _no_proof_at_all(logged: LoggedIndex, row: ReleaseRow) -> str:
    return "c2sp.org/tlog-proof@v1\n"


@pytest.mark.parametrize(
    ("forge", "text"),
    [
        (_none, "does not prove that it is in the log"),
        (_of_another_release, "does not lead to the root"),
        (_of_another_size, "the log does not contain text-tools 1.1.0: "),
        (_signed_by_a_thief, "is not signed by ed25519:"),
        (_of_another_log, "expected a checkpoint of the log"),
        (_unsigned, "expected a signed checkpoint"),
        (_no_proof_at_all, "expected a proof"),
    ],
)
def test_a_row_without_a_proof_of_its_release(
    logged: LoggedIndex, log_server: IndexServer, forge: Forge, text: str
) -> None:
    """Refused by add, by info, and by the audit; nothing is installed."""
    logged.publish("1.1.0")
    user = logged.user(log_server)
    relist(logged, lambda row: msgspec.structs.replace(row, proof=forge(logged, row)))
    user.run("add", "text-tools", "--accept-capabilities").failed(3, text)
    user.run("info", "community:text-tools").failed(3, text)
    assert not list(user.plugins.glob("*"))
    assert any(text.partition("text-tools")[0] in finding for finding in logged.findings())


def test_an_older_release_is_added_when_only_the_newest_is_not_logged(
    logged: LoggedIndex, log_server: IndexServer
) -> None:
    logged.publish("1.1.0")
    relist(
        logged, lambda row: row if row.version.plain == "1.0.0" else msgspec.structs.replace(row, proof="")
    )
    user = logged.user(log_server)
    user.run("add", "text-tools@=1.0.0", "--accept-capabilities").ok()


def test_a_lock_that_names_a_release_which_is_not_logged(
    logged: LoggedIndex, log_server: IndexServer
) -> None:
    """Someone who never saw the index syncs a lock: what it names must be in the log."""
    user = logged.user(log_server, "ada")
    user.run("add", "text-tools", "--accept-capabilities").ok()
    other = logged.user(log_server, "bob")
    for name in ("tark.toml", "tark.lock"):
        (other.cwd / name).write_bytes((user.cwd / name).read_bytes())
    relist(logged, lambda row: msgspec.structs.replace(row, proof=""))
    digest = "--accept-project"
    other.run("sync", digest).failed(3, "does not prove that it is in the log")
    assert not list(other.plugins.glob("*"))
    # Whoever has it installed keeps it.
    user.run("sync").ok()
    user.run("verify").ok()


def test_a_root_that_no_longer_names_the_log(logged: LoggedIndex, log_server: IndexServer) -> None:
    """Even the maintainers cannot take it back from those who saw it; no command of theirs does."""
    user = logged.user(log_server)
    user.run("info", "community:text-tools").ok()
    relist(logged, lambda row: msgspec.structs.replace(row, proof=""))
    _write_root(logged, lambda signed: signed.pop("x-tark-log"), "alice", "bob")
    said = user.run("info", "community:text-tools")
    said.failed(3, "the index had a log, and its root no longer names one")


def test_a_mirror_that_hides_the_root_with_the_log(logged: LoggedIndex, log_server: IndexServer) -> None:
    log_server.answers["metadata/2.root.json"] = lambda handler: handler.reply(404)
    said = logged.user(log_server).run("info", "community:text-tools")
    said.failed(3, "is of an index with a log, but the root names none")


def test_the_online_key_cannot_name_another_log(logged: LoggedIndex, log_server: IndexServer) -> None:
    user = logged.user(log_server)
    thief = logged.signer("community-online").key
    _write_root(logged, lambda signed: signed["x-tark-log"].update(key=thief), "community-online")
    user.run("info", "community:text-tools").failed(3, "bad signature")


def test_a_new_key_of_the_log_goes_on_with_the_tree(logged: LoggedIndex, log_server: IndexServer) -> None:
    """After a theft: the maintainers replace the key; what users saw stays binding, and the old key is worth nothing."""
    logged.publish("1.1.0")
    logged.witness("wanda").ok()
    logged.run("refresh").ok()
    user = logged.user(log_server)
    user.run("add", "text-tools", "--accept-capabilities").ok()
    logged.run("log", "init", "--log", logged.key("other"), *BOTH).failed(2, "tarkpm index rotate log --log")
    rotated = logged.run("rotate", "log", "--log-key", "second", *BOTH).ok().out
    assert "✓ rotate log: index 'community': in force" in rotated
    assert logged.findings("--deep") == []
    logged.run("accept", logged.release("1.2.0")).ok()
    assert "entry 2, seen by no witness" in user.run("info", "community:text-tools").ok().out
    notes = user.run("verify", "--json").ok().json["findings"]
    assert "nothing shows on this machine that it is in the log" in notes[0]["message"]
    user.run("update", "--dry-run").ok()
    logged.witness("wanda").ok()
    logged.run("refresh").ok()
    assert "3 entries, seen by 1 witness" in user.run("index", "log", "check", "community").ok().out
    # The old key, with the online key, on a tree of its own.
    relist(logged, lambda row: msgspec.structs.replace(row, proof=_of_the_old_key(logged, row)))
    said = user.run("info", "community:text-tools")
    said.failed(3, "the log does not contain text-tools 1.2.0: the checkpoint is not signed by ed25519:")


def _of_the_old_key(logged: LoggedIndex, row: ReleaseRow) -> str:
    proof, log = parse_proof(row.proof), logged.signer("community-log")
    named = msgspec.structs.replace(logged.keys_of_log.named, key=log.key)
    tree = sign_checkpoint(named, log.sign, proof.checkpoint.size, proof.checkpoint.root)
    return LogProof(proof.index, proof.hashes, tree).text


def test_a_new_key_does_not_start_another_tree(logged: LoggedIndex, log_server: IndexServer) -> None:
    """Even the maintainers cannot rewrite what a user saw."""
    logged.publish("1.1.0")
    user = logged.user(log_server)
    user.run("info", "community:text-tools").ok()
    logged.run("rotate", "log", "--log-key", "community-log-2", *BOTH).ok()
    rewrite(
        logged,
        logged.folder,
        lambda row: msgspec.structs.replace(row, version=Version.parse(f"1{row.version}")),
    )
    user.run("info", "community:text-tools").failed(3, "the log of the index was rewritten")


@pytest.mark.parametrize(
    "table", [{}, {"origin": "a b", "key": ""}, 7, {"origin": "x", "key": "k", "more": 1}]
)
def test_a_root_with_a_log_that_cannot_be_read(
    logged: LoggedIndex, log_server: IndexServer, table: object
) -> None:
    user = logged.user(log_server)
    _write_root(logged, lambda signed: signed.update({"x-tark-log": table}), "alice", "bob")
    user.run("info", "community:text-tools").failed(3)


def _write_root(logged: LoggedIndex, change: Callable[[dict[str, Any]], object], *names: str) -> None:
    """The next root, signed by these keys."""
    from tarkpm.registry.authority import payload
    from tarkpm.registry.keys import signature

    table = json.loads((logged.folder / "metadata" / "2.root.json").read_bytes())
    change(table["signed"])
    table["signed"]["version"] = 3
    metadata: Metadata[Any] = Metadata.from_bytes(json.dumps({**table, "signatures": []}).encode())
    for name in names:
        made = signature(logged.signer(name), payload(metadata.signed))
        metadata.signatures[made.keyid] = made
    (logged.folder / "metadata" / "3.root.json").write_bytes(metadata.to_bytes())


def test_a_lock_that_was_edited_accuses_no_index(logged: LoggedIndex, log_server: IndexServer) -> None:
    """A pull request changes a version: nothing proves that release, and the index never said it."""
    user = logged.user(log_server)
    user.run("add", "text-tools", "--accept-capabilities").ok()
    lock = user.cwd / "tark.lock"
    lock.write_text(lock.read_text().replace('version = "1.0.0"', 'version = "1.0.9"'))
    found = user.run("verify")
    assert "tark.lock changed since this was installed" in found.out, found
    for said in (found, user.run("info", "text-tools").ok()):
        assert "does not contain" not in said.out + said.err, said
        assert "index check" not in said.out + said.err, said
