"""A range on a repository's tags: `--tag '^1.2'`, what is locked of it, and what update and outdated do."""

import shlex

import pytest
from conftest import Publisher
from support.indexed import IndexedProject
from support.sandbox import Sandbox

RANGE = ("--tag", "^1.0")


@pytest.fixture
def ranged(sandbox: Sandbox, publisher: Publisher) -> Sandbox:
    """A project that takes the tags ^1.0 of a signed plugin."""
    for version in ("1.0.0", "1.1.0", "2.0.0"):
        publisher.release(version)
    sandbox.init()
    sandbox.run("add", publisher.url, *RANGE, "--trust", publisher.key, "--accept-capabilities").ok()
    return sandbox


def documents(sandbox: Sandbox) -> tuple[str, str]:
    return (sandbox.cwd / "tark.toml").read_text(), (sandbox.cwd / "tark.lock").read_text()


def edit(sandbox: Sandbox, old: str, new: str) -> None:
    file = sandbox.cwd / "tark.toml"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))


def test_a_tag_that_is_no_tag_may_mean_a_range(sandbox: Sandbox, publisher: Publisher) -> None:
    for version in ("1.0.0", "1.1.0"):
        publisher.release(version)
    sandbox.init()
    for verb, more in ("info", ()), ("add", ("--trust", publisher.key, "--accept-capabilities")):
        refused = sandbox.run(verb, publisher.url, "--tag", "v1", *more)
        refused.failed(2, "there is no tag 'v1'; for the newest tag in a range: --tag '^1'")
        assert "range" not in sandbox.run(verb, publisher.url, "--tag", "v3", *more).err
        assert "1.1.0" in sandbox.run(verb, publisher.url, "--tag", "^1", *more).ok().out
    # A tag of that name is one.
    publisher.repo.git("tag", "v1", "v1.0.0")
    publisher.publish()
    assert "1.0.0" in sandbox.run("info", publisher.url, "--tag", "v1").ok().out


def test_what_is_typed_and_seen(ranged: Sandbox, publisher: Publisher) -> None:
    project, lock = documents(ranged)
    assert 'tag = "^1.0"' in project
    assert 'tag = "v1.1.0"' in lock
    # Nothing to do within the range, and the newest tag is shown.
    looked = ranged.run("outdated").ok()
    assert looked.out.splitlines()[1].split()[:4] == ["text-tools", "1.1.0", "-", "2.0.0"]
    assert looked.out.endswith("held by tag ^1.0, newest tag v2.0.0\n")
    ranged.run("update").ok()
    assert documents(ranged) == (project, lock)
    publisher.release("1.2.0")
    # sync never moves, outdated says what update does, and update moves within the range.
    ranged.run("sync").ok()
    ranged.run("lock").ok()
    assert documents(ranged) == (project, lock)
    row = ranged.run("outdated", "--json").failed(1).json["plugins"][0]
    assert (row["update"], row["newest"], row["newest_tag"], row["held_by"]) == (
        "1.2.0",
        "2.0.0",
        "v2.0.0",
        "",
    )
    shown = ranged.run("update", "-y").ok().err
    assert "tag v1.1.0 → " in shown
    assert "range" not in shown
    assert documents(ranged)[0] == project
    assert 'tag = "v1.2.0"' in documents(ranged)[1]
    assert [row["note"] for row in ranged.run("versions", "text-tools", "--json").ok().json["versions"]] == [
        "", "locked", "", ""
    ]  # fmt: skip
    ranged.run("lock", "--check").ok()
    ranged.run("verify").ok()
    again = ranged.run("add", publisher.url, *RANGE).ok()
    assert "to look for a newer release: tarkpm update text-tools" in again.out + again.err


def test_an_exact_tag_is_told_of_newer_ones(sandbox: Sandbox, publisher: Publisher) -> None:
    publisher.release()
    sandbox.init()
    options = ("--trust", publisher.key, "--accept-capabilities")
    sandbox.run("add", publisher.url, "--tag", "v1.0.0", *options).ok()
    assert sandbox.run("outdated").ok().out == "1 plugin is up to date\n"
    publisher.release("1.1.0")
    page = sandbox.run("outdated").ok().out
    assert page.splitlines()[1].split()[:4] == ["text-tools", "1.0.0", "-", "1.1.0"]
    assert page.endswith("held by tag v1.0.0, newest tag v1.1.0\n")
    # An update says why it stays, and the command that follows newer tags.
    said = sandbox.run("update").ok().out
    assert 'tag = "v1.0.0"' in documents(sandbox)[1]
    assert sandbox.run("update", "text-tools").ok().out == said
    _, _, command = said.partition("there is v1.1.0; to follow: tarkpm ")
    with_range = sandbox.run(*shlex.split(command.splitlines()[0]), "--dry-run").ok()
    assert "range │ ^1.0.0 in tark.toml" in with_range.err
    assert "1.1.0" in with_range.out
    # From the exact tag to a range, by hand: what is locked follows from it, and update moves.
    edit(sandbox, 'tag = "v1.0.0"', 'tag = "^1.0.0"')
    sandbox.run("sync").ok()
    assert 'tag = "v1.0.0"' in documents(sandbox)[1]
    sandbox.run("update").ok()
    assert 'tag = "v1.1.0"' in documents(sandbox)[1]


def test_a_range_that_excludes_what_is_locked(ranged: Sandbox) -> None:
    edit(ranged, 'tag = "^1.0"', 'tag = "^2.0"')
    ranged.run("sync").failed(1, "is locked from", "tag v1.1.0, but tark.toml requires", "help: tarkpm lock")
    ranged.run("lock").ok()
    assert 'tag = "v2.0.0"' in documents(ranged)[1]


def test_several_plugins_in_one_repository(sandbox: Sandbox, publisher: Publisher) -> None:
    publisher.release(folder="plugins/text-tools")
    for tag in ("text-tools-v1.0.0", "other-v1.5.0", "text-tools/1.0.1"):
        publisher.repo.tag(tag)
    publisher.publish()
    sandbox.init()
    source = (publisher.url, "--path", "plugins/text-tools")
    options = ("--trust", publisher.key, "--accept-capabilities")
    missing = "no tag names a version in '^1.1', but there are 'v1.0.0'"
    sandbox.run("add", *source, "--tag", "^1.1", *options).failed(
        2, missing, f"tarkpm versions {publisher.url}"
    )
    sandbox.run("add", *source, "--tag", "text-tools-^1", *options).ok()
    assert 'tag = "text-tools-v1.0.0"' in documents(sandbox)[1]
    tags = sandbox.run("versions", publisher.url, "--tag", "text-tools-^1", "--json").ok().json["versions"]
    assert [row["tag"] for row in tags] == ["text-tools-v1.0.0"]
    found = sandbox.run("info", *source, "--tag", "text-tools/^1", "--json").ok().json
    assert found["source"].endswith("tag text-tools/1.0.1")
    sandbox.run("info", *source, "--tag", "x^1").failed(
        2, "expected a tag, or a range like ^1.2 or NAME-^1.2"
    )


def test_a_plugin_of_an_index_that_is_pinned(sandbox: Sandbox, indexed: IndexedProject) -> None:
    for version in ("1.0.0", "1.1.0"):
        indexed.release("word-count", version)
    indexed.use()
    sandbox.run("add", "word-count@1.0.0").ok()
    page = sandbox.run("outdated").ok()
    assert page.out.endswith("index community  held by =1.0.0\n")
    assert sandbox.run("outdated", "--json").ok().json["plugins"][0]["held_by"] == "=1.0.0"
    edit(sandbox, "=1.0.0", "^1.0.0")
    sandbox.run("outdated").failed(1, "To install the versions under Update: tarkpm update")
