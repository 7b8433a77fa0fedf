"""`outdated` promises what `update` does: both start from one proposal, and equal bytes are no update."""

import shutil
from collections.abc import Callable
from typing import Any

import pytest
from conftest import Publisher
from support.indexed import IndexedProject
from support.sandbox import WASM, Sandbox

NAME = "text-tools"


@pytest.fixture
def followed(sandbox: Sandbox, publisher: Publisher) -> Sandbox:
    """A project that follows the branch main of a signed plugin."""
    publisher.release()
    sandbox.init()
    sandbox.run("add", publisher.url, "-b", "main", "--trust", publisher.key, "--accept-capabilities").ok()
    return sandbox


def lock(sandbox: Sandbox) -> bytes:
    return (sandbox.cwd / "tark.lock").read_bytes()


def edit(sandbox: Sandbox, old: str, new: str) -> None:
    """Change tark.toml by hand."""
    file = sandbox.cwd / "tark.toml"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))


def versions(sandbox: Sandbox) -> dict[str, str]:
    return {row["id"]: row["version"] for row in sandbox.run("list", "--json").ok().json["plugins"]}


def look(sandbox: Sandbox) -> Any:
    """What `outdated` reports; it changes no document."""
    before = lock(sandbox), (sandbox.cwd / "tark.toml").read_bytes()
    found = sandbox.run("outdated", "--json")
    assert (lock(sandbox), (sandbox.cwd / "tark.toml").read_bytes()) == before
    due = any(not row["held_by"] for row in found.json["plugins"])
    assert found.status == (5 if found.json["failed"] else int(due)), found
    return found.json


def another_branch(sandbox: Sandbox, publisher: Publisher) -> None:
    publisher.repo.git("checkout", "--quiet", "-b", "next")
    publisher.release("1.2.0")
    edit(sandbox, 'branch = "main"', 'branch = "next"')


def a_newer_tark(sandbox: Sandbox, publisher: Publisher) -> None:
    publisher.folder.joinpath("plugin.dsse.json").unlink()
    publisher.sandbox.plugin(publisher.folder, version="2.0.0")
    toml = publisher.folder / "plugin.toml"
    toml.write_text(toml.read_text().replace('"0.6.0"', '"9.0.0"'))
    commit(publisher)


def another_name(sandbox: Sandbox, publisher: Publisher) -> None:
    publisher.sandbox.plugin(publisher.folder, name="renamed", version="1.1.0", sign="release")
    commit(publisher)


def no_plugin(sandbox: Sandbox, publisher: Publisher) -> None:
    (publisher.folder / "plugin.toml").write_text("[plugin]\n")
    commit(publisher)


def a_broken_signature(sandbox: Sandbox, publisher: Publisher) -> None:
    (publisher.folder / "plugin.wasm").write_bytes(WASM + b"\0\x01\0")
    commit(publisher)


def more_capabilities(sandbox: Sandbox, publisher: Publisher) -> None:
    publisher.release("1.1.0", capabilities='http = ["api.example"]')


def another_key(sandbox: Sandbox, publisher: Publisher) -> None:
    sandbox.key("other")
    publisher.release("1.1.0", sign="other")


def no_signature(sandbox: Sandbox, publisher: Publisher) -> None:
    publisher.release("1.1.0", sign="")


def a_lower_version(sandbox: Sandbox, publisher: Publisher) -> None:
    publisher.release("0.9.0")


def other_bytes(sandbox: Sandbox, publisher: Publisher) -> None:
    publisher.release("1.0.0", wasm=WASM + b"\0\x01\0")


def a_newer_release(sandbox: Sandbox, publisher: Publisher) -> None:
    publisher.release("1.1.0")


def another_folder(sandbox: Sandbox, publisher: Publisher) -> None:
    (publisher.folder / "other").mkdir()
    (publisher.folder / "other" / "file").write_text("x")
    commit(publisher)


def commit(publisher: Publisher) -> str:
    publisher.repo.git("add", "--all")
    made = publisher.repo.commit("more")
    publisher.publish()
    return made


Step = Callable[[Sandbox, Publisher], None]
STEPS: dict[Step, tuple[str, str, str] | None] = {
    another_branch: ("1.2.0", "1.2.0", ""),
    a_newer_release: ("1.1.0", "1.1.0", ""),
    a_newer_tark: ("", "2.0.0", "refused: "),
    another_name: ("", "", "refused: "),
    no_plugin: ("", "", "refused: "),
    a_broken_signature: ("", "", "refused: "),
    more_capabilities: ("", "1.1.0", "more capabilities: needs --accept-capabilities"),
    another_key: ("", "1.1.0", "signed by a different key: needs --trust ed25519:"),
    no_signature: ("", "1.1.0", "refused: 'text-tools' was signed before"),
    a_lower_version: ("", "0.9.0", "lower: needs --allow-downgrade"),
    other_bytes: ("", "1.0.0", "other contents of this version: needs --allow-republished"),
    another_folder: None,
}
"""Each step with the columns Update and Newest and the warning of its row; None where there is no row."""


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.__name__)
def test_outdated_promises_what_update_does(followed: Sandbox, publisher: Publisher, step: Step) -> None:
    step(followed, publisher)
    report = look(followed)
    dry = followed.run("update", "--dry-run")
    expected = STEPS[step]
    if expected is None:
        assert (report["plugins"], report["command"]) == ([], "")
        before = lock(followed)
        assert followed.run("update").ok().out == f"{NAME} 1.0.0 is unchanged\n"
        assert lock(followed) == before
        return
    (row,) = report["plugins"]
    assert (row["update"], row["newest"]) == expected[:2]
    assert row["warning"].startswith(expected[2])
    if not row["update"]:
        assert report["command"] == ""
        assert dry.status != 0
        before = lock(followed)
        assert followed.run("update", "-y").status != 0
        assert lock(followed) == before
        return
    assert report["command"] == "tarkpm update"
    assert f"would replace {NAME} {row['update']}" in dry.ok().out
    followed.run(*report["command"].split()[1:]).ok()
    assert versions(followed) == {NAME: row["update"]}
    assert look(followed)["plugins"] == []


def test_what_needs_a_decision_does_not_hold_back_the_others(followed: Sandbox, publisher: Publisher) -> None:
    second = Publisher(followed, publisher.server, "second")
    second.key = publisher.key
    second.release()
    followed.run("add", second.url, "--trust", second.key, "--accept-capabilities").ok()
    publisher.release("1.1.0", capabilities='http = ["api.example"]')
    second.release("1.1.0")
    report = look(followed)
    assert [(row["name"], row["update"]) for row in report["plugins"]] == [("second", "1.1.0"), (NAME, "")]
    assert report["command"] == "tarkpm update second"
    followed.run("update").failed(4, "--accept-capabilities")
    followed.run(*report["command"].split()[1:]).ok()
    assert versions(followed) == {"second": "1.1.0", NAME: "1.0.0"}


def test_what_is_written_by_hand_is_what_an_update_would_lock(followed: Sandbox) -> None:
    """A requirement that is not locked, an entry that nothing leads to, a working copy that moved on."""
    for name in ("mine", "gone", "hand"):
        followed.plugin(followed.cwd / "src" / name, name=name, capabilities="")
    followed.run("add", "./src/mine", "./src/gone").ok()
    followed.plugin(followed.cwd / "src" / "mine", name="mine", version="1.1.0", capabilities="")
    edit(followed, 'gone = { path = "./src/gone" }\n', 'hand = { path = "./src/hand" }\n')
    followed.run("accept", "--accept-project").ok()
    report = look(followed)
    assert [(row["name"], row["locked"], row["update"], row["warning"]) for row in report["plugins"]] == [
        ("gone", "1.0.0", "", "nothing in tark.toml leads to it"),
        ("hand", "", "1.0.0", ""),
        ("mine", "1.0.0", "1.1.0", ""),
    ]
    followed.run(*report["command"].split()[1:]).ok()
    assert versions(followed) == {"hand": "1.0.0", "mine": "1.1.0", NAME: "1.0.0"}
    assert look(followed)["plugins"] == []


@pytest.fixture
def monorepo(sandbox: Sandbox, publisher: Publisher) -> Sandbox:
    """A project with two unsigned plugins of one repository."""
    for name in ("aa", "bb"):
        sandbox.plugin(publisher.folder / name, name=name)
    commit(publisher)
    sandbox.init()
    for name in ("aa", "bb"):
        where = ("--path", name, "-b", "main", "--allow-unsigned", name)
        sandbox.run("add", publisher.url, *where, "--accept-capabilities").ok()
    return sandbox


@pytest.mark.parametrize("cold", [False, True], ids=["with a store", "without a store"])
def test_a_commit_to_another_folder_is_no_update(monorepo: Sandbox, publisher: Publisher, cold: bool) -> None:
    monorepo.plugin(publisher.folder / "aa", name="aa", version="1.1.0")
    commit(publisher)
    if cold:
        shutil.rmtree(monorepo.store)
    (row,) = look(monorepo)["plugins"]
    assert (row["name"], row["warning"]) == ("aa", "not signed: needs --allow-unsigned aa")
    before = lock(monorepo)
    assert monorepo.run("update", "bb").ok().out == "bb 1.0.0 is unchanged\n"
    assert lock(monorepo) == before
    monorepo.run("update", "--allow-unsigned", "aa").ok()
    assert versions(monorepo) == {"aa": "1.1.0", "bb": "1.0.0"}
    monorepo.run("verify").ok()


def test_an_unsigned_plugin_that_did_not_change_asks_nothing(monorepo: Sandbox) -> None:
    before = lock(monorepo)
    assert monorepo.run("update").ok().out == "aa 1.0.0 is unchanged\nbb 1.0.0 is unchanged\n"
    shutil.rmtree(monorepo.store)
    assert monorepo.run("update").ok().out == "aa 1.0.0 is unchanged\nbb 1.0.0 is unchanged\n"
    assert lock(monorepo) == before


def test_an_update_of_nothing_fetches_nothing(monorepo: Sandbox, publisher: Publisher) -> None:
    publisher.server.requests.clear()
    monorepo.run("update").ok()
    monorepo.run("outdated").ok()
    # twice: what the server can do, and where the branch is
    assert [request.method for request in publisher.server.requests] == ["GET", "POST"] * 2


def test_a_capability_that_was_revoked_is_not_gained_by_an_update(followed: Sandbox) -> None:
    """Nothing that is unchanged gains anything, whatever this machine still knows of it."""
    followed.run("revoke", NAME, "storage").ok()
    shutil.rmtree(followed.store)
    shutil.rmtree(followed.plugins / NAME)
    done = followed.run("update", "--accept-capabilities").ok()
    assert "is unchanged" in done.out
    assert "gains" not in done.out + done.err
    assert followed.run("info", NAME, "--json").ok().json["granted"] == []


def test_a_grant_that_changes_is_not_reported_as_unchanged(followed: Sandbox) -> None:
    edit(followed, "{ storage = true }", '{ storage = true, http = ["api.example"] }')
    (taken,) = followed.run("update", "--accept-project", "--json").ok().json["plugins"]
    assert (taken["change"], taken["lost"]) == ("replaced", ["http:api.example"])


def test_a_branch_that_was_rewritten_is_recorded_at_its_new_commit(
    followed: Sandbox, publisher: Publisher
) -> None:
    """The lock's commit is gone from the branch: no other machine could fetch it."""
    publisher.repo.git("commit", "--quiet", "--amend", "--message", "again")
    publisher.publish()
    (row,) = look(followed)["plugins"]
    assert (row["locked"], row["update"], row["warning"]) == ("1.0.0", "1.0.0", "same contents")
    assert row["commit"] == publisher.repo.rev("HEAD")
    followed.run("update").ok()
    assert publisher.repo.rev("HEAD") in lock(followed).decode()
    mate = Sandbox(followed.root / "mate")
    for name in ("tark.toml", "tark.lock"):
        (mate.cwd / name).write_bytes((followed.cwd / name).read_bytes())
    mate.run("sync", "--accept-project").ok()
    assert look(followed)["plugins"] == []


def test_a_plugin_that_needs_a_flag_is_not_said_to_fail_for_its_new_branch(
    followed: Sandbox, publisher: Publisher
) -> None:
    publisher.repo.git("checkout", "--quiet", "-b", "next")
    publisher.release("1.2.0", capabilities='http = ["api.example"]')
    edit(followed, 'branch = "main"', 'branch = "next"')
    assert look(followed)["notes"] == []
    followed.plugin(followed.cwd / "mine", name="mine", capabilities="")
    edit(followed, "[plugins]\n", '[plugins]\nmine = { path = "./mine" }\n')
    followed.run("accept", "--accept-project").ok()
    report = look(followed)
    assert [(row["name"], row["update"]) for row in report["plugins"]] == [("mine", ""), (NAME, "")]
    # This time it is true of another plugin: it cannot be installed before.
    (note,) = report["notes"]
    followed.run("update", "mine").failed(1, note.removeprefix("an update would fail: "))


def test_what_cannot_be_checked_has_a_row_and_hides_nothing(
    indexed: IndexedProject, publisher: Publisher
) -> None:
    sandbox = indexed.sandbox
    indexed.release("json-core")
    indexed.use()
    publisher.release()
    sandbox.plugin(sandbox.cwd / "mine", name="mine", capabilities="")
    sandbox.run("add", "json-core", "./mine").ok()
    sandbox.run("add", publisher.url, "-b", "main", "--trust", publisher.key, "--accept-capabilities").ok()
    publisher.release("1.1.0")
    indexed.server.answers[""] = lambda handler: handler.reply(503)
    shutil.rmtree(sandbox.cwd / "mine")
    report = look(sandbox)
    assert [(row["name"], row["update"]) for row in report["plugins"]] == [(NAME, "1.1.0")]
    assert [row["name"] for row in report["unchecked"]] == list(report["failed"]) == ["json-core", "mine"]
    assert report["notes"] == []
    table = sandbox.run("outdated").failed(5).out.splitlines()
    assert [line.split()[:4] for line in table[1:4]] == [
        ["json-core", "1.0.0", "?", "?"],
        ["mine", "1.0.0", "?", "?"],
        [NAME, "1.0.0", "1.1.0", "1.1.0"],
    ]
    assert "not checked: there is no such folder" in table[2]
    sandbox.run(*report["command"].split()[1:]).ok()


def test_the_newest_version_is_shown_of_what_is_not_locked(indexed: IndexedProject) -> None:
    indexed.release("json-core")
    indexed.use()
    indexed.sandbox.run("add", "json-core").ok()
    indexed.release("json-core", "2.0.0")
    (indexed.sandbox.cwd / "tark.lock").write_text("version = 1\n")
    (row,) = look(indexed.sandbox)["plugins"]
    assert (row["locked"], row["update"], row["newest"]) == ("", "1.0.0", "2.0.0")


def test_a_dependency_that_needs_a_decision_holds_back_what_needs_it(indexed: IndexedProject) -> None:
    sandbox = indexed.sandbox
    indexed.release("json-core", "1.0.0")
    indexed.release("text-tools", "1.0.0", '[dependencies]\njson-core = "^1"')
    indexed.release("other", "1.0.0")
    indexed.use()
    sandbox.run("add", "text-tools", "other", "--accept-capabilities").ok()
    indexed.release("json-core", "1.1.0", '[capabilities]\nhttp = ["api.example"]')
    indexed.release("text-tools", "1.1.0", '[dependencies]\njson-core = "^1.1"')
    indexed.release("other", "1.1.0")
    report = look(sandbox)
    assert [(row["name"], row["update"], row["newest"]) for row in report["plugins"]] == [
        ("json-core", "", "1.1.0"),
        ("other", "1.1.0", "1.1.0"),
        ("text-tools", "", "1.1.0"),
    ]
    assert report["command"] == "tarkpm update other"
    sandbox.run("update").failed(4, "--accept-capabilities")
    sandbox.run("update", "text-tools").failed(4, "--accept-capabilities")
    sandbox.run("update", "other").ok()
    assert versions(sandbox) == {"json-core": "1.0.0", "other": "1.1.0", "text-tools": "1.0.0"}


@pytest.mark.parametrize(
    ("old", "new", "status", "sentence"),
    [
        ('version = "0.12.6"', 'version = "0.5.0"', 2, "requires tark 0.6.0 or newer"),
        ("text-tools = [", "# text-tools = [", 3, "which [trust] does not list"),
        ('branch = "main"', 'branch = "next"', 1, "is locked from"),
    ],
)
def test_the_check_of_a_lock_refuses_what_sync_refuses(
    followed: Sandbox, old: str, new: str, status: int, sentence: str
) -> None:
    followed.run("lock", "--check").ok()
    edit(followed, old, new)
    followed.run("lock", "--check").failed(status, sentence)
    followed.run("sync", "--accept-project").failed(status, sentence)
