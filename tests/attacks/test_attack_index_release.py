"""Releases an index must not take: other bytes, other people's statements, names too close to others."""

import shutil
import time

import pytest
from support.community import BOTH, Community
from support.sandbox import WASM, Sandbox


@pytest.fixture
def community(sandbox: Sandbox) -> Community:
    """An index with two plugins of one publisher."""
    found = Community(sandbox)
    found.claim()
    found.claim("json-core")
    return found


def test_other_bytes_under_a_version_that_is_there_are_refused(community: Community) -> None:
    community.publish("1.0.0")
    before = {path: path.read_bytes() for path in community.folder.rglob("*") if path.is_file()}
    other = community.sandbox.plugin(community.sandbox.root / "other", wasm=WASM + b"\0\x01\0", sign="pat")
    for folder in (other, community.release("1.0.0")):
        community.run("accept", folder).failed(
            2, "the index already has text-tools 1.0.0", "a release never changes"
        )
    build = community.release("1.0.0+second")
    community.run("accept", build).failed(2, "the index already has text-tools 1.0.0 with different contents")
    assert {path: path.read_bytes() for path in community.folder.rglob("*") if path.is_file()} == before


def test_a_statement_of_another_plugin_or_version_is_refused(community: Community) -> None:
    """All are the publisher's own, and validly signed."""
    old, other = community.release("1.0.0"), community.release("1.0.0", "json-core")
    new = community.release("1.1.0")
    for source, said in ((old, "1.0.0"), (other, "json-core")):
        shutil.copy(source / "plugin.dsse.json", new / "plugin.dsse.json")
        community.run("accept", new).failed(3)
        shutil.copy(source / "plugin.toml", community.sandbox.root / "x.toml")
        assert said in (source / "plugin.toml").read_text()


def test_a_statement_for_these_files_under_another_name_is_refused(community: Community) -> None:
    """The envelope lists the very digests, but says another version: only the predicate tells."""
    from tarkpm.core import statement
    from tarkpm.core.digest import FileEntry
    from tarkpm.core.release import plugin_name
    from tarkpm.core.version import Version

    folder, pat = community.release("1.0.0"), community.signer("pat")
    entries = [FileEntry.of(name, (folder / name).read_bytes()) for name in ("plugin.toml", "plugin.wasm")]
    for name, version in (("json-core", "1.0.0"), ("text-tools", "9.9.9")):
        made = statement.sign(
            plugin_name(name), Version.parse(version), entries, key=pat.key, signer=pat.sign
        )
        (folder / "plugin.dsse.json").write_bytes(made)
        community.run("accept", folder).failed(3, f"the release statement is for '{name}' {version}")


def test_a_release_by_anybody_elses_key_is_refused(community: Community) -> None:
    folder = community.release("1.0.0", publisher="mallory")
    community.run("accept", folder).failed(3, f"text-tools 1.0.0 is signed by {community.key('mallory')}")


def test_the_spelling_of_a_claimed_name_is_part_of_it(community: Community) -> None:
    folder = community.release("1.0.0", "text_tools")
    community.run("accept", folder).failed(
        2, "'text_tools' is not claimed in this index, but 'text-tools' is"
    )
    community.run("claim", "text_tools", "--publisher", community.key("mallory"), *BOTH).failed(
        2, "'text-tools' is already claimed"
    )
    community.publish("1.0.0")
    community.run("yank", "text_tools@1.0.0", "--reason", "x").failed(
        2, "the index does not list text_tools 1.0.0"
    )


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("text-too1s", "'text-too1s' looks like 'text-tools'"),
        ("texttools", "'texttools' looks like 'text-tools'"),
        ("textools", "'textools' is 1 edit away from 'text-tools'"),
        ("te-xt-tols", "'te-xt-tols' is 1 edit away from 'text-tools'"),
        ("text-t00ls", "'text-t00ls' looks like 'text-tools'"),
        ("text-tool", "'text-tool' is 1 edit away from 'text-tools'"),
        ("tetx-tools", "'tetx-tools' is 1 edit away from 'text-tools'"),
        ("text-toolss", "'text-toolss' is 1 edit away from 'text-tools'"),
        ("json-c0re", "'json-c0re' looks like 'json-core'"),
    ],
)
def test_a_name_too_close_to_another_needs_force_and_is_shown(
    community: Community, name: str, said: str
) -> None:
    claim = ("claim", name, "--publisher", community.key("mallory"))
    community.run(*claim, *BOTH).failed(2, said, "--force")
    community.run(*claim, "--key", "alice", "--force").ok()
    community.run("countersign", "--key", "bob").failed(4, f"warning │ {said}")


def test_names_that_are_close_to_each_other_cannot_wait_unseen(sandbox: Sandbox) -> None:
    """Neither is claimed yet; both were proposed on one day. Who signs either one is told of the other."""
    community = Community(sandbox, bins=4)
    first = ("claim", "note-store", "--publisher", community.key("pat"))
    second = ("claim", "n0te-store", "--publisher", community.key("mallory"))
    community.run(*first, "--key", "alice").ok()
    said = "'n0te-store' looks like 'note-store', which another proposal claims"
    community.run(*second, "--key", "alice").failed(2, said, "--force")
    assert "note-store" in community.run("countersign", "--key", "bob").err
    forced = community.run(*second, "--key", "alice", "--force").ok()
    assert said in forced.out
    file = community.folder / "pending" / "claim-n0te-store.json"
    community.run("countersign", file, "--key", "bob").failed(4, f"warning │ {said}")
    both = community.folder / "pending" / "claim-note-store.json"
    community.run("countersign", both, "--key", "bob").failed(
        4, "looks like 'n0te-store', which another proposal claims"
    )


def test_a_name_that_was_claimed_since_a_close_one_was_proposed(sandbox: Sandbox) -> None:
    """Nobody who signed the first proposal can have seen the second: fully signed, it is not enacted."""
    community = Community(sandbox, bins=4)
    with community.without_online():
        community.run("claim", "n0te-store", "--publisher", community.key("mallory"), *BOTH).ok()
    waits = community.folder / "pending" / "claim-n0te-store.json"
    hidden = community.sandbox.root / "elsewhere.json"
    waits.rename(hidden)
    time.sleep(1.1)  # moments are whole seconds
    community.claim("note-store")
    waits.parent.mkdir(exist_ok=True)
    hidden.rename(waits)
    said = "'n0te-store' looks like 'note-store', which may have been claimed since this was proposed"
    assert f"note: claim-n0te-store.json: {said}" in community.run("refresh").ok().out
    community.run("countersign", waits, "--key", "bob").failed(2, said, "tarkpm index claim n0te-store")
    assert community.findings() == [said]
    assert community.open().claim("n0te-store") is None  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["text-editor", "tools", "json-schema", "markdown"])
def test_names_that_only_share_words_are_free(community: Community, name: str) -> None:
    community.claim(name)
