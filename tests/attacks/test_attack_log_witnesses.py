"""Cosignatures that are counted twice, made up, or of another tree; witnesses that are none."""

import pytest
from support.community import BOTH
from support.indexserver import IndexServer
from support.logged import LoggedIndex

from tarkpm.core.tlog.log import LogKeys, log_keys
from tarkpm.core.tlog.note import Checkpoint, NoteKey, cosign, parse_checkpoint
from tarkpm.errors import IndexUntrusted, SignatureInvalid


def _checkpoint(logged: LoggedIndex) -> Checkpoint:
    return parse_checkpoint((logged.folder / "log" / "checkpoint").read_bytes())


def _named(logged: LoggedIndex, name: str) -> NoteKey:
    return next(one for one in logged.keys_of_log.witnesses if one.name == f"{name}.example")


def test_one_key_counts_once_under_two_names_and_on_many_lines(logged: LoggedIndex) -> None:
    tree, wanda = _checkpoint(logged), _named(logged, "wanda")
    sign = logged.signer("wanda").sign
    alias = NoteKey("second.example", wanda.key)
    lines = [cosign(tree, one, sign, 1_000 + at) for at, one in enumerate([wanda, wanda, alias, alias])]
    found = tree.with_lines(lines)
    assert len(found.lines()) == 5
    # Even by keys that list the witness twice, which no root can.
    assert len(found.cosignatures([wanda, alias], where="x")) == 1
    assert len(logged.keys_of_log.seen_by(found, where="x")) == 1


def test_a_root_cannot_list_a_key_twice(logged: LoggedIndex) -> None:
    wanda = logged.key("wanda")
    said = logged.run(
        "log", "init", "--witness", f"one={wanda}", "--witness", f"two={wanda}", "--quorum", "2", *BOTH
    )
    said.failed(2, "a key of the log is listed twice")
    table = logged.keys_of_log.table()
    table["witnesses"] = [{"name": "one", "key": wanda}, {"name": "two", "key": wanda}]
    with pytest.raises(IndexUntrusted, match="listed twice"):
        log_keys(table, where="root")


@pytest.mark.parametrize("who", ["alice", "community-online", "community-log"])
def test_a_key_of_the_index_is_no_witness(logged: LoggedIndex, who: str) -> None:
    key = logged.signer(who).key
    said = logged.run("log", "init", "--witness", f"w={key}", *BOTH)
    said.failed(2, key if who != "community-log" else "listed twice")


def test_a_cosignature_of_another_tree_or_time_or_key(logged: LoggedIndex) -> None:
    old = _checkpoint(logged)
    wanda, sign = _named(logged, "wanda"), logged.signer("wanda").sign
    logged.publish("1.1.0")
    tree = _checkpoint(logged)
    for line in (cosign(old, wanda, sign, 5), cosign(tree, wanda, logged.signer("will").sign, 5)):
        with pytest.raises(SignatureInvalid):
            tree.with_lines([line]).cosignatures([wanda], where="x")
    stranger = NoteKey("stranger.example", logged.signer("pat").key)
    line = cosign(tree, stranger, logged.signer("pat").sign, 5)
    assert logged.keys_of_log.seen_by(tree.with_lines([line]), where="x") == []


def test_what_is_put_into_pending(logged: LoggedIndex) -> None:
    """A pull request with cosigned checkpoints of strangers, of another log, of another tree."""
    tree, pending = _checkpoint(logged), logged.folder / "pending"
    pending.mkdir(exist_ok=True)
    stranger = NoteKey("stranger.example", logged.signer("pat").key)
    line = cosign(tree, stranger, logged.signer("pat").sign, 5)
    (pending / "a.cosigned").write_text(tree.with_lines([line]).text)
    (pending / "b.cosigned").write_text("nothing")
    (pending / "c.cosigned").write_text(tree.text.replace("tark-index/community", "tark-index/other"))
    report = logged.run("refresh", "--json").ok().json
    assert (report["cosigned"], report["proofs"], len(report["notes"])) == (0, 0, 3)
    assert len(_checkpoint(logged).lines()) == 1


def test_a_stranger_is_told_so(logged: LoggedIndex) -> None:
    logged.witness("pat").failed(2, "is not a witness of this log", "tarkpm index log init --witness NAME=")


def test_a_quorum_is_met_by_different_witnesses(logged: LoggedIndex, log_server: IndexServer) -> None:
    """A release counts once both have seen it; until then an older one is taken, and a note says why."""
    logged.run("log", "init", "--quorum", "2", *BOTH).ok()
    user = logged.user(log_server)
    few = "but too few witnesses have seen it: expected 2, found"
    user.run("info", "community:text-tools").failed(3, f"{few} 0")
    for _ in range(2):  # twice, at two times
        logged.witness("wanda").ok()
        logged.run("refresh").ok()
        user.run("info", "community:text-tools").failed(3, f"{few} 1")
    logged.witness("will").ok()
    logged.run("refresh").ok()
    assert "seen by 2 witnesses" in user.run("info", "community:text-tools").ok().out
    logged.publish("1.1.0")
    user.run("info", "community:text-tools@=1.1.0").failed(3, f"{few} 0")
    assert "1.1.0" in user.run("versions", "community:text-tools").ok().out
    user.run("add", "text-tools@^1.1").failed(2, "text-tools 1.1.0 waits until more witnesses have seen it")
    assert "Version:      1.0.0" in user.run("info", "community:text-tools").ok().out
    said = user.run("add", "text-tools", "--accept-capabilities").ok()
    assert "✓ added text-tools 1.0.0" in said.out
    assert "note: text-tools 1.1.0 waits until more witnesses have seen it" in said.out + said.err
    user.run("update").ok()
    for name in ("wanda", "will"):
        logged.witness(name).ok()
    logged.run("refresh").ok()
    assert "✓ replaced text-tools 1.1.0" in user.run("update").ok().out
    assert logged.findings("--deep") == []


def test_a_quorum_that_cannot_be_met(logged: LoggedIndex) -> None:
    logged.run("log", "init", "--quorum", "3", *BOTH).failed(2, "expected a quorum of at most 2")
    assert isinstance(logged.keys_of_log, LogKeys)
