"""A log that shows two users two trees: each of them looks well alone, and they are caught once they compare."""

from pathlib import Path

from support.indexserver import IndexServer
from support.logged import LoggedIndex, forget_log
from support.sandbox import Sandbox

SEEN = "two different trees have 2 entries"


def _split(logged: LoggedIndex) -> tuple[Path, Path]:
    """Two indexes with the same keys; each accepted another release as its second."""
    other = logged.copied("fork")
    releases = [logged.release("1.1.0"), logged.release("6.6.6")]
    for folder, release in zip((logged.folder, other), releases, strict=True):
        forget_log(logged.sandbox)  # the thieves' own machine remembers what it signed, and would refuse
        logged.sandbox.run("index", "accept", release, cwd=folder).ok()
    return logged.folder, other


def _sees(user: Sandbox, entries: int) -> Path:
    said = user.run("index", "log", "check", "community", "--save", "seen", "--json").ok().json
    assert said["entries"] == entries
    return user.cwd / "seen"


def test_two_users_who_compare(logged: LoggedIndex) -> None:
    one, other = _split(logged)
    with IndexServer(one) as first, IndexServer(other) as second:
        ada, bob = logged.user(first, "ada"), logged.user(second, "bob")
        for user, version in ((ada, "1.1.0"), (bob, "6.6.6")):
            assert f"Version:      {version}" in user.run("info", "community:text-tools").ok().out
        theirs = _sees(ada, 2)
        check = ("index", "log", "check", "community", "--against")
        bob.run(*check, theirs).failed(3, "the log of the index was rewritten", SEEN)
        ada.run(*check, _sees(bob, 2)).failed(3, "the log of the index was rewritten", SEEN)
        # A comparison with oneself, and with an older tree of the same log, finds nothing.
        ada.run(*check, theirs).ok()


def test_one_user_who_moves_from_one_view_to_the_other(logged: LoggedIndex) -> None:
    one, other = _split(logged)
    with IndexServer(one) as server:
        user = logged.user(server)
        user.run("info", "community:text-tools").ok()
        server.answers[""] = lambda handler: handler.file(other / handler.path.lstrip("/"))
        user.run("info", "community:text-tools").failed(3, "the log of the index was rewritten", SEEN)


def test_a_larger_tree_that_the_index_does_not_show_here(logged: LoggedIndex) -> None:
    """No proof of an attack yet: the mirror may be late. It is never called the same log."""
    late = logged.copied("late")
    logged.publish("1.1.0")
    with IndexServer(logged.folder) as new, IndexServer(late) as old:
        ada, bob = logged.user(new, "ada"), logged.user(old, "bob")
        theirs = _sees(ada, 2)
        check = ("index", "log", "check", "community", "--against", theirs)
        bob.run(*check).failed(5, "the other checkpoint has 2 entries, and the index shows 1 here")


def test_a_witness_cosigns_one_view_only(logged: LoggedIndex) -> None:
    one, other = _split(logged)
    logged.witness("wanda", place=one).ok()
    logged.witness("wanda", place=other).failed(3, "the log of the index was rewritten", SEEN)
    assert not list((other / "pending").glob("*.cosigned"))
    logged.witness("wanda", place=one).ok()


def test_a_maintainer_compares_a_folder_with_what_a_user_saw(logged: LoggedIndex) -> None:
    one, other = _split(logged)
    with IndexServer(other) as server:
        theirs = _sees(logged.user(server), 2)
    forget_log(logged.sandbox)
    check = ("index", "log", "check", "--against", theirs)
    logged.sandbox.run(*check, cwd=other).ok()
    said = logged.sandbox.run(*check, cwd=one)
    said.failed(1, "the log does not continue the tree of 2 entries in this checkpoint")


def test_a_row_of_a_tree_that_only_one_user_is_shown(logged: LoggedIndex) -> None:
    """The public log stays honest, and the row of the victim proves a tree on the side."""
    one, other = _split(logged)
    with IndexServer(other) as server:
        server.answers["log/"] = lambda handler: handler.file(one / handler.path.lstrip("/"))
        user = logged.user(server)
        said = user.run("info", "community:text-tools")
        said.failed(3, "the log of the index was rewritten", SEEN)


def test_a_machine_of_maintainers_does_not_continue_an_old_copy(logged: LoggedIndex) -> None:
    """A folder from a backup: its next entry would be the second one of that number."""
    old = logged.copied("backup")
    logged.publish("1.1.0")
    said = logged.sandbox.run("index", "accept", logged.release("1.2.0"), cwd=old)
    said.failed(
        2, "this is not the newest copy of the log", "2 entries were seen on this machine, here are 1"
    )
