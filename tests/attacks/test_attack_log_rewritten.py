"""A log that takes back what it said: it is rewritten, truncated, or an older one is shown."""

from pathlib import Path

import msgspec
import pytest
from support.indexserver import IndexServer
from support.logged import LoggedIndex, forget_log, rewrite

from tarkpm.core.rows import ReleaseRow
from tarkpm.core.version import Version


def _renamed(row: ReleaseRow) -> ReleaseRow:
    """An entry that says another version than was released."""
    return msgspec.structs.replace(row, version=Version.parse(f"1{row.version}"))


def test_a_rewritten_entry(logged: LoggedIndex) -> None:
    """The thief of both keys of the forge makes a log from its first entry on."""
    logged.publish("1.1.0")
    other = logged.copied("rewritten")
    with IndexServer(logged.folder) as server:
        user = logged.user(server)
        user.run("info", "community:text-tools").ok()
        for more in range(2):  # of the same size, and larger
            rewrite(logged, other, _renamed)
            server.answers[""] = lambda handler: handler.file(other / handler.path.lstrip("/"))
            said = user.run("info", "community:text-tools")
            said.failed(3, "the log of the index was rewritten")
            forget_log(logged.sandbox)
            logged.sandbox.run("index", "accept", logged.release(f"2.{more}.0"), cwd=other).ok()
        logged.witness("wanda").ok()
        logged.witness("wanda", place=other).failed(3, "the log of the index was rewritten")


def test_an_older_checkpoint(logged: LoggedIndex, log_server: IndexServer) -> None:
    before = (logged.folder / "log" / "checkpoint").read_bytes()
    logged.publish("1.1.0")
    user = logged.user(log_server)
    user.run("info", "community:text-tools").ok()
    log_server.answers["log/checkpoint"] = lambda handler: handler.reply(200, before)
    said = user.run("info", "community:text-tools")
    said.failed(5, "stale mirror: its log has 1 entries, seen 2")


def test_an_older_checkpoint_for_someone_new(logged: LoggedIndex, log_server: IndexServer) -> None:
    """The row proves a larger tree than the mirror admits."""
    before = (logged.folder / "log" / "checkpoint").read_bytes()
    logged.publish("1.1.0")
    log_server.answers["log/checkpoint"] = lambda handler: handler.reply(200, before)
    user = logged.user(log_server)
    user.run("info", "community:text-tools").failed(5, "stale mirror: its log has 1 entries, seen 2")


@pytest.mark.parametrize("answer", [b"", b"not a note", b"a\n1\nAAAA\n\n\xe2\x80\x94 a AAAA\n"])
def test_a_checkpoint_that_is_none(logged: LoggedIndex, log_server: IndexServer, answer: bytes) -> None:
    user = logged.user(log_server)
    log_server.answers["log/checkpoint"] = lambda handler: handler.reply(200, answer)
    user.run("info", "community:text-tools").failed(3)


def test_a_log_that_is_not_served(logged: LoggedIndex, log_server: IndexServer) -> None:
    user = logged.user(log_server)
    forget_log(user)
    log_server.answers["log/"] = lambda handler: handler.reply(404)
    missing = "the log of the index is missing (HTTP 404)"
    user.run("info", "community:text-tools").failed(5, missing)
    again = ("index", "add", "again", log_server.url, "--root", logged.root)
    user.run(*again).failed(5, missing)
    assert "again" not in (user.cwd / "tark.toml").read_text()


def test_a_tile_of_another_tree(logged: LoggedIndex, log_server: IndexServer) -> None:
    logged.publish("1.1.0")
    user = logged.user(log_server)
    user.run("info", "community:text-tools").ok()
    logged.publish("1.2.0")
    log_server.answers["log/tile/0/"] = lambda handler: handler.reply(200, b"x" * 96)
    said = user.run("info", "community:text-tools")
    said.failed(3, "the log of the index was rewritten: the tree of 3 entries does not continue the one of 2")


def _truncate(folder: Path) -> None:
    (folder / "log" / "tile" / "0" / "000.p" / "2").write_bytes(b"\0" * 32)


def _swap(folder: Path) -> None:
    bundle = folder / "log" / "tile" / "entries" / "000.p" / "2"
    bundle.write_bytes(bundle.read_bytes().replace(b"1.0.0", b"6.6.6"))


def _lose(folder: Path) -> None:
    (folder / "log" / "tile" / "0" / "000.p" / "2").unlink()


@pytest.mark.parametrize("damage", [_truncate, _swap, _lose])
def test_a_damaged_log_is_found_and_never_continued(logged: LoggedIndex, damage: object) -> None:
    logged.publish("1.1.0")
    release = logged.release("1.2.0")
    assert callable(damage)
    damage(logged.folder)
    assert logged.findings()
    logged.run("log", "check").failed(1, "problem:")
    before = (logged.folder / "log" / "checkpoint").read_bytes()
    logged.run("accept", release).failed(3, "restore the folder 'log'")
    assert (logged.folder / "log" / "checkpoint").read_bytes() == before
    logged.run("refresh").ok()  # the index stays fresh meanwhile
