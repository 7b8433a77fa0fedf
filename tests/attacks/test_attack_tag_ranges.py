"""A range on tags takes what its repository's own tags name, moves only when asked, and never down."""

import shutil

import pytest
from conftest import Publisher
from support.sandbox import WASM, Sandbox

from tarkpm.sources.git.session import MAX_TAGS


@pytest.fixture
def ranged(sandbox: Sandbox, publisher: Publisher) -> Sandbox:
    """A project that took v1.1.0 by a range."""
    publisher.release()
    publisher.release("1.1.0")
    sandbox.init()
    options = ("--trust", publisher.key, "--accept-capabilities")
    sandbox.run("add", publisher.url, "--tag", "^1.0", *options).ok()
    return sandbox


def lock(sandbox: Sandbox) -> str:
    return (sandbox.cwd / "tark.lock").read_text()


def edit(sandbox: Sandbox, old: str, new: str, name: str = "tark.toml") -> None:
    file = sandbox.cwd / name
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))


def clone(sandbox: Sandbox) -> None:
    """Forget what was fetched and installed, as another machine has not; what was accepted stays."""
    shutil.rmtree(sandbox.store)
    shutil.rmtree(sandbox.plugins / "text-tools")


def test_a_tag_that_moved_after_it_was_locked(ranged: Sandbox, publisher: Publisher) -> None:
    publisher.repo.git("checkout", "--quiet", "--orphan", "elsewhere")
    publisher.repo.git("tag", "--delete", "v1.1.0")
    publisher.release("1.1.0", wasm=WASM + b"\0\x01\0")
    clone(ranged)
    ranged.run("sync").failed(3, "is not in the history of tag v1.1.0", "help: tarkpm update text-tools")
    ranged.run("update").failed(4, "the contents of 'text-tools' 1.1.0 differ", "--allow-republished")


def test_the_newest_tag_is_deleted(ranged: Sandbox, publisher: Publisher) -> None:
    before = lock(ranged)
    publisher.repo.git("tag", "--delete", "v1.1.0")
    publisher.publish()
    ranged.run("update").failed(4, "is older than the locked version 1.1.0", "--allow-downgrade")
    row = ranged.run("outdated", "--json").failed(1).json["plugins"][0]
    assert (row["update"], row["warning"]) == ("", "lower: needs --allow-downgrade")
    assert lock(ranged) == before


def test_branches_and_peeled_tags_count_for_nothing(ranged: Sandbox, publisher: Publisher) -> None:
    """A branch named like a tag; an annotated tag, which servers list as NAME^{} as well."""
    before = lock(ranged)
    publisher.repo.branch("v1.9.0")
    publisher.repo.git("update-ref", "refs/heads/refs/tags/v1.8.0", "HEAD")
    publisher.publish()
    ranged.run("update").ok()
    assert lock(ranged) == before
    publisher.release("1.2.0")
    publisher.repo.git("tag", "--delete", "v1.2.0")
    publisher.repo.annotated_tag("v1.2.0")
    publisher.publish()
    ranged.run("update", "-y").ok()
    assert 'tag = "v1.2.0"' in lock(ranged)
    ranged.run("sync").ok()


def test_tags_that_write_to_the_terminal_or_are_options(ranged: Sandbox, publisher: Publisher) -> None:
    head, refs = publisher.repo.rev("HEAD"), publisher.folder / ".git" / "packed-refs"
    names = ("v1.5.0-\x1b[2J", "-v1.6.0", "v1.7.0+a\u202eb", "v1.8.0")
    lines = "".join(f"{head} refs/tags/{name}\n" for name in sorted(names[:3]))
    refs.write_text(lines)
    publisher.publish()
    for words in (("versions", publisher.url), ("outdated",), ("info", publisher.url), ("update",)):
        shown = ranged.run(*words)
        assert "\x1b" not in shown.out + shown.err
        assert "\u202e" not in shown.out + shown.err
    assert 'tag = "v1.1.0"' in lock(ranged)


def test_more_tags_than_can_be_chosen_from(ranged: Sandbox, publisher: Publisher) -> None:
    head, before = publisher.repo.rev("HEAD"), lock(ranged)
    lines = "".join(f"{head} refs/tags/v1.1.{n}\n" for n in sorted(range(MAX_TAGS + 1), key=str))
    (publisher.folder / ".git" / "packed-refs").write_text(lines)
    publisher.publish()
    ranged.run("update").failed(2, f"more than {MAX_TAGS:,} tags")
    assert lock(ranged) == before
    # What is locked needs no list of tags: it is synced as before.
    clone(ranged)
    ranged.run("sync").ok()


def test_a_lock_that_names_a_tag_outside_of_the_range(ranged: Sandbox, publisher: Publisher) -> None:
    commit = publisher.release("2.0.0")
    edit(ranged, 'tag = "v1.1.0"', 'tag = "v2.0.0"', "tark.lock")
    ranged.run("sync").failed(1, "tag v2.0.0, but tark.toml requires")
    edit(ranged, 'tag = "v2.0.0"', 'tag = "^1.0"', "tark.lock")
    ranged.run("sync").failed(2, "expected the tag that was taken, found the range '^1.0'")
    assert commit not in lock(ranged)


def test_a_pull_request_that_turns_a_tag_into_a_range(sandbox: Sandbox, publisher: Publisher) -> None:
    """It lets nobody new sign and nothing more be done, so it is not asked about; `update` asks as ever."""
    publisher.release()
    sandbox.init()
    options = ("--trust", publisher.key, "--accept-capabilities")
    sandbox.run("add", publisher.url, "--tag", "v1.0.0", *options).ok()
    before = lock(sandbox)
    publisher.release("1.1.0", capabilities='http = ["evil.example"]')
    edit(sandbox, 'tag = "v1.0.0"', 'tag = "^1.0"')
    sandbox.run("sync").ok()
    assert lock(sandbox) == before
    sandbox.run("update", "-y").failed(4, "asks for", "http:evil.example", "--accept-capabilities")
    sandbox.key("other")
    publisher.release("1.2.0", sign="other")
    sandbox.run("update", "-y").failed(4, "is signed by a different key")
    publisher.release("1.3.0", sign="")
    sandbox.run("update", "-y").failed(4, "was signed before, but this release is not")
    assert lock(sandbox) == before


def test_an_unsigned_plugin_does_not_move_within_a_range_unasked(
    sandbox: Sandbox, publisher: Publisher
) -> None:
    publisher.release(sign="")
    sandbox.init()
    options = ("--allow-unsigned", "text-tools", "--accept-capabilities")
    sandbox.run("add", publisher.url, "--tag", "^1.0", *options).ok()
    before = lock(sandbox)
    publisher.release("1.1.0", sign="")
    sandbox.run("update", "-y").failed(4, "'text-tools' is not signed", "--allow-unsigned text-tools")
    assert lock(sandbox) == before
