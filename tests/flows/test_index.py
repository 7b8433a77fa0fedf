"""Plugins from a community index: what a user types, and what becomes of it."""

from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace
from support.indexed import IndexedProject
from support.indexrepo import IndexRepo, plugin_files, sign
from support.sandbox import WASM, Sandbox

from tarkpm.core.layout import SEARCH, claim_path
from tarkpm.core.lockfile import StatementEntry
from tarkpm.core.release import IndexSource, PluginName
from tarkpm.core.search import SearchEntry, render
from tarkpm.core.verification import verify_release
from tarkpm.core.version import Version
from tarkpm.ops.release.fetch import Release


def lock(sandbox: Sandbox) -> str:
    return (sandbox.cwd / "tark.lock").read_text()


def project(sandbox: Sandbox) -> str:
    return (sandbox.cwd / "tark.toml").read_text()


def test_the_errand(indexed: IndexedProject) -> None:
    sandbox = indexed.sandbox
    indexed.release("text-tools", "1.0.0")
    indexed.release("text-tools", "1.2.0")
    indexed.release("text-tools", "2.0.0-rc.1")
    result = sandbox.run("index", "add", "community", indexed.server.url, "--root", indexed.repo.root_digest)
    assert result.ok().out == f"✓ added index community at {indexed.server.url}\n"
    result = sandbox.run("add", "text-tools", "--accept-capabilities").ok()
    assert "✓ added text-tools 1.2.0" in result.out
    assert "(vouched for by index community)" in result.err
    assert 'text-tools = "^1.2.0"' in project(sandbox)
    assert f'source = {{ index = "community", root = "{indexed.repo.root_digest}" }}' in lock(sandbox)
    sandbox.run("verify").ok()
    assert sandbox.run("call", "text-tools", "text-stats", '{"text":"a b c"}').ok().out.strip() == '{"chars":5,"words":3,"lines":1}'  # fmt: skip
    sandbox.run("lock", "--check").ok()
    before = lock(sandbox)
    assert "already comes from this source" in sandbox.run("add", "text-tools").ok().out
    assert "is unchanged" in sandbox.run("update").ok().out
    assert lock(sandbox) == before


def test_bytes_in_memory_are_those_of_one_entry() -> None:
    """Whatever became of the lock since a release was verified: other bytes than it names are not installed."""
    key = Ed25519PrivateKey.generate()
    files = plugin_files("text-tools", "1.0.0", WASM, "")
    envelope = sign(key, "text-tools", "1.0.0", files)
    source = IndexSource("community", "sha256:" + "0" * 64)
    release = Release(verify_release(files, envelope, source, where="x"), files)
    entry = release.candidate.entry()
    assert entry.statement is not None
    assert release.holds(entry)
    other = StatementEntry(entry.files[0].sha256, entry.statement.size)
    assert not release.holds(msgspec.structs.replace(entry, files=entry.files[1:]))
    assert not release.holds(msgspec.structs.replace(entry, statement=other))


def test_what_a_new_user_asks_for_and_what_everyone_does(indexed: IndexedProject, tmp_path: Path) -> None:
    """Metadata of ten roles, the rows, and the release: of the claim its digest is enough."""
    sandbox, server = indexed.sandbox, indexed.server
    indexed.release("text-tools", "1.0.0")
    indexed.use()
    sandbox.run("add", "text-tools", "--accept-capabilities").ok()
    assert len([path for path in server.paths if not path.startswith("files/")]) == 12, server.paths
    assert not [path for path in server.paths if path.startswith("targets/publishers/")]
    server.requests.clear()
    sandbox.run("outdated").ok()
    assert server.paths == ["metadata/2.root.json", "metadata/timestamp.json"]
    colleague = Sandbox(tmp_path / "colleague")
    for name in ("tark.toml", "tark.lock"):
        (colleague.cwd / name).write_bytes((sandbox.cwd / name).read_bytes())
    server.requests.clear()
    colleague.run("sync", "--accept-project").ok()
    assert [path.partition("/")[0] for path in server.paths] == ["metadata"] * 7 + ["files"]


def test_a_colleague_needs_no_more_than_the_two_documents(indexed: IndexedProject, tmp_path: Path) -> None:
    indexed.release("text-tools", "1.0.0", "[capabilities]\nstorage = true")
    indexed.use()
    indexed.sandbox.run("add", "text-tools", "--accept-capabilities").ok()
    other = Sandbox(tmp_path / "colleague")
    for name in ("tark.toml", "tark.lock"):
        (other.cwd / name).write_bytes((indexed.sandbox.cwd / name).read_bytes())
    refused = other.run("sync").failed(
        4, "take plugins from the index 'community' at", "let 'text-tools' use storage"
    )
    assert indexed.repo.root_digest in refused.err
    assert other.run("sync", "--accept-project").ok().out == "+ text-tools 1.0.0\n"
    asked = len(indexed.server.paths)
    other.run("sync", "--offline").ok()
    other.run("verify").ok()
    other.run("sync", "--reinstall").ok()
    assert len(indexed.server.paths) == asked, "the store has it all, and state knows who may publish it"


def test_offline_without_knowing_the_publisher_is_could_not_check(
    indexed: IndexedProject, tmp_path: Path
) -> None:
    indexed.release("text-tools")
    indexed.use()
    indexed.sandbox.run("add", "text-tools", "--accept-capabilities").ok()
    other = Sandbox(tmp_path / "colleague")
    for name in ("tark.toml", "tark.lock"):
        (other.cwd / name).write_bytes((indexed.sandbox.cwd / name).read_bytes())
    other.run("sync", "--offline", "--accept-project").failed(5, "--offline forbids network requests")
    assert not other.plugins.exists()


def test_ranges_dependencies_and_what_goes_with_them(indexed: IndexedProject) -> None:
    sandbox = indexed.sandbox
    indexed.release("json-core", "1.0.0")
    indexed.release("json-core", "1.3.0")
    indexed.release("json-core", "2.0.0")
    indexed.release("text-tools", "1.0.0", '[dependencies]\njson-core = "^1.1"')
    indexed.use()
    result = sandbox.run("add", "text-tools@^1", "--accept-capabilities").ok()
    assert "added text-tools 1.0.0" in result.out
    assert "added json-core 1.3.0" in result.out
    assert "json-core" not in project(sandbox).partition("[plugins]")[2].partition("[")[0]
    tree = sandbox.run("tree").ok().out
    assert tree == "text-tools 1.0.0 from index community\n  json-core 1.3.0 (as ^1.1)\n"
    assert sandbox.run("tree", "--invert", "json-core").ok().out == (
        "json-core 1.3.0 from index community\n  text-tools 1.0.0 (as ^1.1)\n"
    )
    sandbox.run("verify").ok()
    sandbox.run("remove", "text-tools").ok()
    assert "[[plugin]]" not in lock(sandbox)
    assert "[grants]" not in project(sandbox)
    assert list(sandbox.plugins.iterdir()) == []


def test_a_dependency_that_is_asked_for_stays_when_what_needed_it_goes(indexed: IndexedProject) -> None:
    sandbox = indexed.sandbox
    indexed.release("json-core")
    indexed.release("text-tools", "1.0.0", '[dependencies]\njson-core = "^1"')
    indexed.use()
    sandbox.run("add", "text-tools", "--accept-capabilities").ok()
    sandbox.run("add", "json-core").ok()
    assert 'json-core = "^1.0.0"' in project(sandbox)
    result = sandbox.run("remove", "json-core").ok()
    assert "'json-core' stays, because another plugin needs it" in result.out + result.err
    sandbox.run("verify").ok()
    sandbox.run("call", "text-tools", "text-stats", '{"text":"a"}').ok()


def test_update_moves_what_was_named_within_what_is_asked_for(indexed: IndexedProject) -> None:
    sandbox = indexed.sandbox
    for name in ("text-tools", "json-core"):
        indexed.release(name, "1.0.0")
    indexed.use()
    sandbox.run("add", "text-tools", "json-core", "--accept-capabilities").ok()
    for name in ("text-tools", "json-core"):
        indexed.release(name, "1.1.0")
        indexed.release(name, "2.0.0")
    result = sandbox.run("outdated", "--json")
    assert result.status == 1
    assert [(p["name"], p["locked"], p["update"], p["newest"]) for p in result.json["plugins"]] == [
        ("json-core", "1.0.0", "1.1.0", "2.0.0"),
        ("text-tools", "1.0.0", "1.1.0", "2.0.0"),
    ]
    assert "replaced text-tools 1.1.0" in sandbox.run("update", "text-tools").ok().out
    assert 'name = "json-core"\nversion = "1.0.0"' in lock(sandbox)
    sandbox.run("update").ok()
    assert 'name = "json-core"\nversion = "1.1.0"' in lock(sandbox)
    sandbox.run("add", "text-tools@^2").ok()
    assert 'text-tools = "^2"' in project(sandbox)
    assert 'name = "text-tools"\nversion = "2.0.0"' in lock(sandbox)
    sandbox.run("verify").ok()


def test_a_typed_version_is_exactly_that_version(indexed: IndexedProject) -> None:
    sandbox = indexed.sandbox
    for version in ("1.0.0", "1.1.0", "1.1.3", "1.2.0"):
        indexed.release("text-tools", version)
    indexed.use()
    added = sandbox.run("add", "text-tools@1.1.0", "--accept-capabilities").ok()
    assert "✓ added text-tools 1.1.0 (tark.toml: =1.1.0)\n" in added.out
    assert "range │ =1.1.0 in tark.toml\n" in added.err
    assert 'text-tools = "=1.1.0"' in project(sandbox)
    more = "note: tark.toml requires 'text-tools' =1.1.0; to allow newer releases: tarkpm add 'text-tools@^1.1.0'"
    for typed in ("text-tools", "text-tools@1.1.0", "text-tools@=1.1.0"):
        assert sandbox.run("add", typed).ok().out == f"text-tools 1.1.0 is unchanged\n{more}\n"
    assert "is unchanged" in sandbox.run("update").ok().out
    assert "text-tools  1.1.0   -       1.2.0" in sandbox.run("outdated").ok().out
    sandbox.run("remove", "text-tools").ok()
    (taken,) = sandbox.run("add", "text-tools@1.1", "--accept-capabilities", "--json").ok().json["plugins"]
    assert (taken["version"], taken["range"]) == ("1.1.3", "=1.1")
    added = sandbox.run("add", "text-tools@^1.2").ok()
    assert "✓ replaced text-tools 1.2.0 (tark.toml: ^1.2)\n" in added.out
    # The locked release is kept because it is locked, whatever a newer one requires.
    indexed.release("text-tools", "1.3.0", 'min_tark_version = "9.0.0"')
    kept = sandbox.run("add", "text-tools@1").ok()
    assert kept.out == "text-tools 1.2.0 is unchanged; tark.toml now requires =1\n"
    assert "tark.toml now requires =1.2.0" in sandbox.run("add", "text-tools@1.2.0").ok().out


def test_a_bare_version_in_the_project_keeps_the_meaning_of_cargo(indexed: IndexedProject) -> None:
    sandbox = indexed.sandbox
    indexed.release("text-tools", "1.1.0")
    indexed.release("text-tools", "1.2.0")
    indexed.use()
    toml = sandbox.cwd / "tark.toml"
    toml.write_text(toml.read_text() + '[plugins]\ntext-tools = "1.1.0"\n')
    sandbox.run("lock", "--accept-project", "--accept-capabilities").ok()
    assert 'version = "1.2.0"' in lock(sandbox)


def yank(indexed: IndexedProject, name: str, version: str, reason: str = "loses notes") -> None:
    """The index's online key marks a release."""
    listing = indexed.repo.listings[name]
    rows = [replace(row, yanked=reason) if str(row.version) == version else row for row in listing.rows]
    indexed.repo.put_listing(replace(listing, rows=tuple(rows)))
    indexed.repo.publish()


def test_a_locked_release_that_is_yanked_is_kept_and_told_of(indexed: IndexedProject) -> None:
    sandbox = indexed.sandbox
    for version in ("1.0.0", "1.1.0"):
        indexed.release("text-tools", version)
    indexed.use()
    sandbox.run("add", "text-tools", "--accept-capabilities").ok()
    yank(indexed, "text-tools", "1.1.0")
    note = "'text-tools' 1.1.0 was yanked (loses notes): it is kept because it is locked"
    found = sandbox.run("outdated")
    assert found.status == 1
    assert "text-tools  1.1.0   -       1.0.0" in found.out
    assert "yanked: loses notes" in found.out
    assert "To install the versions under Update" not in found.out, "an update would take nothing else"
    asked = len(indexed.server.paths)
    assert f"note: {note}" in sandbox.run("sync").ok().out
    assert f"note: {note}" in sandbox.run("verify").ok().out
    listed = sandbox.run("list").ok()
    assert "✓ enabled" in listed.out
    assert f"note: {note}" in listed.out
    sandbox.run("call", "text-tools", "text-stats", '{"text":"a"}').ok()
    assert len(indexed.server.paths) == asked, "what an index said is in state"
    assert note in sandbox.run("update").ok().out
    assert 'version = "1.1.0"' in lock(sandbox)
    yank(indexed, "text-tools", "1.1.0", "")
    assert sandbox.run("outdated").ok().out == "1 plugin is up to date\n"
    assert "yanked" not in sandbox.run("list").ok().out + sandbox.run("verify").ok().out


def test_a_locked_release_that_is_revoked_is_shown_with_the_way_out(indexed: IndexedProject) -> None:
    sandbox = indexed.sandbox
    for version in ("1.0.0", "1.1.0"):
        indexed.release("text-tools", version)
    indexed.use()
    sandbox.run("add", "text-tools", "--accept-capabilities").ok()
    gone = indexed.repo.listings["text-tools"].rows[1].statement.sha256
    indexed.repo.claim("text-tools", indexed.keys["text-tools"], revoked=frozenset([gone]))
    indexed.repo.publish()
    found = sandbox.run("outdated")
    assert found.status == 1
    assert "text-tools  1.1.0   -       1.0.0" in found.out
    assert "To install the versions under Update" not in found.out
    way_out = "tarkpm add community:text-tools@^1.0.0 --allow-downgrade"
    failing = "the project asks for text-tools ^1.1.0, text-tools 1.1.0 is revoked"
    assert f"note: an update would fail: {failing}" in found.out
    assert f"note: 'text-tools' 1.1.0 was revoked, 1.0.0 was not: {way_out}\n" in found.out
    listed = sandbox.run("list").ok()
    assert "✗ revoked" in listed.out
    assert "note: 'text-tools' 1.1.0 was revoked by the maintainers of index community" in listed.out
    assert "✗ revoked" in sandbox.run("info", "text-tools").ok().out
    assert "note: 'text-tools' 1.1.0 was revoked by the maintainers" in sandbox.run("tree").ok().out
    sandbox.run("verify").failed(3, "was revoked by the maintainers")
    sandbox.run("update").failed(2, failing)
    sandbox.run(*way_out.split()[1:]).ok()
    assert "✓ enabled" in sandbox.run("list").ok().out
    sandbox.run("verify").ok()


def test_outdated_shows_what_an_update_would_do_and_nothing_else(indexed: IndexedProject) -> None:
    """The newest release needs what nobody has; another one needs a newer tark."""
    sandbox = indexed.sandbox
    indexed.release("text-tools", "1.0.0")
    indexed.release("json-core", "1.0.0")
    indexed.use()
    sandbox.run("add", "text-tools", "json-core", "--accept-capabilities").ok()
    indexed.release("text-tools", "1.3.0", '[dependencies]\nnowhere = "^1"')
    indexed.release("json-core", "1.1.0", 'min_tark_version = "9.0.0"')
    found = sandbox.run("outdated", "--json")
    assert [(p["name"], p["update"], p["newest"]) for p in found.json["plugins"]] == [
        ("json-core", "", "1.1.0"),
        ("text-tools", "", "1.3.0"),
    ]
    assert found.json["notes"] == [
        "'json-core' 1.0.0 is chosen: 1.1.0 requires tark 9.0.0, but this is tark 0.12.6",
        "'text-tools' 1.0.0 is chosen: 1.3.0 needs nowhere ^1, which index community does not have",
    ]
    assert "is unchanged" in sandbox.run("update").ok().out


@pytest.mark.parametrize("text", ["community:", "community:@^1"])
def test_an_index_without_a_name(indexed: IndexedProject, text: str) -> None:
    indexed.use()
    indexed.sandbox.run("add", text).failed(2, "expected a plugin name after the index name", "tarkpm search")


def test_search_shows_a_version_as_locked_only_where_it_is_from(
    indexed: IndexedProject, tmp_path: Path
) -> None:
    sandbox = indexed.sandbox
    indexed.release("text-tools", "1.0.0")
    other = IndexRepo(tmp_path / "other")
    other.release("text-tools", "1.0.0", other.claim("text-tools"), wasm=WASM)
    entry = SearchEntry(PluginName("text-tools"), Version.parse("1.0.0"), "tool", (), "")
    for repo in (indexed.repo, other):
        repo.put(SEARCH, render([entry]))
        repo.publish()
    indexed.use()
    sandbox.run("index", "add", "other", other.folder, "--root", other.root_digest).ok()
    sandbox.run("add", "community:text-tools", "--accept-capabilities").ok()
    found = sandbox.run("search", "text", "--json").ok().json["plugins"]
    assert [(one["index"], one["locked"]) for one in found] == [("community", "1.0.0"), ("other", "")]
    sandbox.run("search", "text", "--capability", "bogus").failed(2, "'bogus' is not one of")


def test_an_index_that_was_not_asked_is_said_to_be_unchecked(indexed: IndexedProject) -> None:
    words = ("index", "add", "there", "https://nowhere.invalid", "--root", indexed.repo.root_digest)
    added = indexed.sandbox.run(*words, "--offline").ok()
    assert "note: the root was not compared with the index" in added.out


def test_what_helps_with_an_index_is_about_an_index(indexed: IndexedProject) -> None:
    """Not about a git repository."""
    sandbox = indexed.sandbox
    indexed.release("text-tools", "1.0.0")
    indexed.use()
    indexed.server.serve(sandbox.cwd)
    gone = sandbox.run("add", "text-tools")
    gone.failed(gone.status, "error: could not check the index")
    assert "git ls-remote" not in gone.err
    assert "help: check the address: tarkpm index list" in gone.err


def test_search(indexed: IndexedProject) -> None:
    sandbox = indexed.sandbox
    indexed.release("text-tools")
    indexed.use()
    sandbox.run("search", "text").ok()
    sandbox.run("search", "nothing-like-it").ok()


def test_the_indexes_of_a_project(indexed: IndexedProject, tmp_path: Path) -> None:
    sandbox, root = indexed.sandbox, indexed.repo.root_digest
    assert "tarkpm index add NAME URL --root sha256:…" in sandbox.run("index", "list").ok().out
    sandbox.run("add", "text-tools").failed(
        2, "this project has no index to find the plugin", "tarkpm index add NAME URL"
    )
    sandbox.run("search", "text").failed(2, "this project has no index to search")
    sandbox.run("index", "add", "community", indexed.server.url, "--root", "sha256:" + "0" * 64).failed(3)
    assert "[index" not in project(sandbox)
    for data in (b"", b"\xff", b"[1]", b'{"signed": 1}', b'{"signed": ' + b"[" * 100_000):
        (tmp_path / "other.json").write_bytes(data)
        given = ("--root", tmp_path / "other.json")
        sandbox.run("index", "add", "x", indexed.server.url, *given).failed(
            2, "expected the first root of an"
        )
    (tmp_path / "root.json").write_bytes(indexed.repo.first_root)
    sandbox.run("index", "add", "community", indexed.server.url, "--root", tmp_path / "root.json").ok()
    listed = sandbox.run("index", "list", "--json").ok().json["indexes"]
    assert listed == [{"name": "community", "url": indexed.server.url, "root": root, "plugins": []}]
    sandbox.run("index", "add", "community", "https://elsewhere.example", "--root", root).failed(
        2, "the project already has another index named 'community'", "tarkpm index remove community"
    )
    indexed.release("text-tools")
    sandbox.run("add", "community:text-tools", "--accept-capabilities").ok()
    sandbox.run("index", "remove", "community").failed(2, "plugins come from 'community': 'text-tools'")
    sandbox.run("remove", "text-tools").ok()
    sandbox.run("index", "remove", "community").ok()
    assert "[index" not in project(sandbox)
    sandbox.run("index", "remove", "community").failed(2, "this project has no index 'community'")


def test_an_index_in_a_folder(indexed: IndexedProject) -> None:
    sandbox = indexed.sandbox
    indexed.release("text-tools")
    sandbox.run("index", "add", "local", "../index", "--root", indexed.repo.root_digest).ok()
    assert 'url = "../index"' in project(sandbox)
    sandbox.run("add", "text-tools", "--accept-capabilities").ok()
    assert indexed.server.paths == []


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("nosuch", "nosuch"),
        ("text-tools@^9", "text-tools"),
        ("text-tools@latest", "expected a range like ^1.2, found 'latest'"),
        ("other:text-tools", "this project has no index 'other'"),
        ("text_tools", "'text_tools' is spelled 'text-tools' in index community"),
    ],
)
def test_a_name_that_is_not_to_be_had(indexed: IndexedProject, typed: str, sentence: str) -> None:
    indexed.release("text-tools")
    indexed.use()
    before = project(indexed.sandbox)
    indexed.sandbox.run("add", typed, "--accept-capabilities").failed(2, sentence)
    assert project(indexed.sandbox) == before
    assert list(indexed.sandbox.plugins.iterdir()) == []


def test_with_two_indexes_a_name_alone_is_not_guessed(indexed: IndexedProject, tmp_path: Path) -> None:
    sandbox = indexed.sandbox
    indexed.release("text-tools")
    indexed.use()
    sandbox.run("add", "text-tools", "--accept-capabilities").ok()
    other = IndexRepo(tmp_path / "corporate")
    other.release("text-tools", "9.0.0", other.claim("text-tools"), wasm=WASM)
    other.publish()
    sandbox.run("index", "add", "corporate", "../corporate", "--root", other.root_digest).ok()
    assert 'text-tools = { index = "community", version = "^1.0.0" }' in project(sandbox)
    sandbox.run("add", "text-tools").failed(
        2,
        "'text-tools' is ambiguous: this project has several indexes: community, corporate",
        "tarkpm add community:text-tools",
    )
    sandbox.run("update").ok()
    assert 'version = "1.0.0"' in lock(sandbox), "another index's higher version is nobody's update"
    sandbox.run("sync").ok()
    sandbox.run("verify").ok()


def test_what_comes_from_elsewhere_is_added_and_updated_without_asking_the_index(
    indexed: IndexedProject, tmp_path: Path
) -> None:
    sandbox = indexed.sandbox
    indexed.release("json-core")
    indexed.release("text-tools", "1.0.0", '[dependencies]\njson-core = "^1"')
    indexed.use()
    sandbox.run("add", "text-tools").ok()
    asked = len(indexed.server.paths)
    sandbox.plugin(tmp_path / "mine", name="mine", capabilities="")
    sandbox.run("add", "../mine", "--offline").ok()
    sandbox.run("update", "mine", "--offline").ok()
    sandbox.run("lock", "--offline").ok()
    assert len(indexed.server.paths) == asked
    assert lock(sandbox).count("[[plugin]]") == 3
    sandbox.run("update", "--offline").failed(5, "--offline forbids network requests")


def test_a_folder_that_takes_the_name_of_a_dependency_takes_its_place(
    indexed: IndexedProject, tmp_path: Path
) -> None:
    sandbox = indexed.sandbox
    indexed.release("json-core")
    indexed.release("text-tools", "1.0.0", '[dependencies]\njson-core = "^1"')
    indexed.use()
    sandbox.run("add", "text-tools").ok()
    sandbox.plugin(tmp_path / "json-core", name="json-core", version="1.5.0", capabilities="")
    sandbox.run("add", "../json-core").ok()
    assert 'source = { path = "../json-core" }' in lock(sandbox)
    sandbox.run("sync").ok()
    sandbox.run("verify").ok()
    sandbox.plugin(tmp_path / "json-core", name="json-core", version="2.0.0", capabilities="")
    before = lock(sandbox)
    sandbox.run("update", "json-core").failed(2, "json-core")
    assert lock(sandbox) == before


def test_a_claim_that_is_gone_is_named_by_a_new_machine(indexed: IndexedProject, tmp_path: Path) -> None:
    """It was asked for, so a hint to ask again would lead in a circle."""
    indexed.release("text-tools", "1.0.0", "[capabilities]\nstorage = true")
    indexed.use()
    indexed.sandbox.run("add", "text-tools", "--accept-capabilities").ok()
    other = Sandbox(tmp_path / "colleague")
    for name in ("tark.toml", "tark.lock"):
        (other.cwd / name).write_bytes((indexed.sandbox.cwd / name).read_bytes())
    claim = claim_path(PluginName("text-tools"))
    indexed.repo.edit(indexed.repo.bin(claim), {claim: None})
    indexed.repo.publish()
    other.run("sync", "--accept-project").failed(
        2, "index community does not say who may publish 'text-tools'", "tarkpm remove text-tools"
    )
