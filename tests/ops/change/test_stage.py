"""Staging: nothing is installed that is not the locked release, wherever its bytes come from."""

import msgspec
import pytest
from support.indexrepo import public
from support.releases import (
    COMMUNITY,
    EVIL,
    GOOD,
    INDEX_TOML,
    OTHER_WASM,
    documents,
    entry_of,
    git,
    make_release,
)
from support.workspaces import Open

from tarkpm.core.lockfile import LockEntry, StatementEntry, fingerprint
from tarkpm.core.names import MANIFEST, STATEMENT
from tarkpm.core.release import GitSource, PathSource
from tarkpm.errors import BlobMissing, DigestMismatch, LockStale, SignatureInvalid, TarkError
from tarkpm.ops.change.fetch_locked import check_same, fetch_missing, verify_documents
from tarkpm.ops.change.stage import stage
from tarkpm.ops.project.workspace import Workspace
from tarkpm.ops.release.fetch import Release, stored_files
from tarkpm.store.origins import Origins

CALC = make_release()
ENTRY = entry_of(CALC)


def offline(opened: Open, *releases: Release) -> Workspace:
    return opened(*documents(*releases, toml=INDEX_TOML), offline=True)


def keep(workspace: Workspace, release: Release, *, known: bool = True) -> None:
    """Put a release into the store, as an earlier installation did."""
    for file in stored_files(entry_of(release)):
        workspace.store.put(file, release.contents[file.name])
    if known:
        Origins(workspace.settings.paths.cache).remember(entry_of(release))


# -- is it the locked release?


@pytest.mark.parametrize(
    ("other", "error", "text"),
    [
        (
            make_release(key=EVIL),
            SignatureInvalid,
            f"signed by {public(EVIL)}, but tark.lock names {public(GOOD)}",
        ),
        (make_release(key=None), SignatureInvalid, f"signed by nobody, but tark.lock names {public(GOOD)}"),
        (make_release(wasm=OTHER_WASM), DigestMismatch, "source contents of 'calc' differ"),
    ],
)
def test_a_fetched_release_must_be_the_locked_one(other: Release, error: type[TarkError], text: str) -> None:
    check_same(ENTRY, CALC.candidate)
    with pytest.raises(error) as caught:
        check_same(ENTRY, other.candidate)
    assert text in caught.value.message
    assert caught.value.hint == "tarkpm update calc"


def test_an_unsigned_entry_is_not_served_by_a_signed_release() -> None:
    with pytest.raises(SignatureInvalid, match="tark.lock names nobody"):
        check_same(entry_of(make_release(key=None)), CALC.candidate)


def edited(**changes: object) -> LockEntry:
    return msgspec.structs.replace(ENTRY, **changes)


@pytest.mark.parametrize(
    ("entry", "error"),
    [
        (edited(signer=public(EVIL)), SignatureInvalid),
        (edited(files=ENTRY.files[:1]), DigestMismatch),
        (edited(files=(*ENTRY.files, ENTRY.files[0])), DigestMismatch),
        (edited(type="hook"), LockStale),
    ],
)
def test_stored_documents_must_say_what_the_lock_says(entry: LockEntry, error: type[TarkError]) -> None:
    verify_documents(ENTRY, CALC.contents, where="x")
    with pytest.raises(error):
        verify_documents(entry, CALC.contents, where="x")


def test_a_statement_of_another_version_is_not_replayed() -> None:
    new = make_release(version="1.1.0")
    contents = {MANIFEST: new.contents[MANIFEST], STATEMENT: CALC.contents[STATEMENT]}
    with pytest.raises(SignatureInvalid, match="is for 'calc' 1.0.0, expected 'calc' 1.1.0"):
        verify_documents(entry_of(new), contents, where="x")


def test_an_unsigned_entry_has_no_statement_to_check() -> None:
    release = make_release(key=None)
    assert verify_documents(entry_of(release), release.contents, where="x") == release.candidate.manifest


# -- what is missing


def test_a_release_acquired_just_now_is_stored_and_remembered(opened: Open) -> None:
    workspace = offline(opened, CALC)
    assert fetch_missing(workspace, [ENTRY], [CALC]) == [CALC]
    assert not workspace.store.missing(stored_files(ENTRY))
    assert Origins(workspace.settings.paths.cache).saw(ENTRY)


def test_what_is_stored_is_not_fetched_again(opened: Open) -> None:
    workspace = offline(opened, CALC)
    keep(workspace, CALC)
    assert fetch_missing(workspace, [ENTRY], []) == []


def test_offline_what_is_missing_is_named(opened: Open) -> None:
    workspace = offline(opened, CALC, make_release("memo"))
    keep(workspace, CALC)
    with pytest.raises(BlobMissing, match="forbids downloads: memo$"):
        fetch_missing(workspace, workspace.lock.entries, [])


def test_stored_bytes_say_nothing_of_the_commit_they_are_locked_at(opened: Open) -> None:
    """Otherwise a lock could pair a commit of one repository with the stored files of another."""
    workspace = offline(opened, CALC)
    keep(workspace, CALC, known=False)
    with pytest.raises(BlobMissing):
        fetch_missing(workspace, [ENTRY], [])
    workspace.verified = {fingerprint(ENTRY)}  # installed before, from where it is locked
    assert fetch_missing(workspace, [ENTRY], []) == []


@pytest.mark.parametrize(
    "source",
    [
        git(commit="b" * 40),
        git(tag="v2"),
        GitSource("https://git.example/fork.git", tag="v1", commit="a" * 40),
    ],
)
def test_another_commit_ref_or_repository_was_not_seen(opened: Open, source: GitSource) -> None:
    workspace = offline(opened, CALC)
    keep(workspace, CALC)
    with pytest.raises(BlobMissing):
        fetch_missing(workspace, [edited(source=source)], [])


def test_an_entry_of_an_index_needs_no_commit(opened: Open) -> None:
    release = make_release(source=COMMUNITY)
    workspace = offline(opened, release)
    keep(workspace, release, known=False)
    assert fetch_missing(workspace, [entry_of(release)], []) == []


def test_a_forged_entry_is_called_forged_even_offline(opened: Open) -> None:
    """To call it missing would send the user to the network for what no network has (rule 10)."""
    workspace = offline(opened, CALC)
    keep(workspace, CALC)
    forged = edited(source=git(commit="b" * 40), signer=public(EVIL))
    with pytest.raises(SignatureInvalid, match="tark.lock names"):
        fetch_missing(workspace, [forged], [])


# -- staging


def staged(workspace: Workspace, name: str = "calc") -> dict[str, bytes]:
    folder = workspace.environment.staging / name
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def ready(workspace: Workspace) -> Workspace:
    workspace.prepare()
    return workspace


@pytest.mark.parametrize("held", [True, False])
def test_a_release_is_staged_from_memory_or_from_the_store(opened: Open, held: bool) -> None:
    workspace = ready(offline(opened, CALC))
    keep(workspace, CALC)
    installed = stage(workspace, ENTRY, CALC if held else None)
    assert installed.fingerprint == fingerprint(ENTRY)
    assert {file.name: file.sha256 for file in installed.files} == {
        file.name: file.sha256 for file in stored_files(ENTRY)
    }
    assert staged(workspace) == CALC.contents


def test_a_release_in_memory_that_is_not_the_locked_one_is_left_aside(opened: Open) -> None:
    workspace = ready(offline(opened, CALC))
    keep(workspace, CALC)
    stage(workspace, ENTRY, make_release(wasm=OTHER_WASM))
    assert staged(workspace) == CALC.contents


def test_what_the_store_has_is_verified_before_it_is_staged(opened: Open) -> None:
    """The store is a cache that anybody who can write it can fill; digests alone name no signer."""
    evil = make_release(key=EVIL)
    workspace = ready(offline(opened, CALC))
    keep(workspace, evil)
    entry = msgspec.structs.replace(entry_of(evil), signer=public(GOOD))
    with pytest.raises(SignatureInvalid):
        stage(workspace, entry, None)


@pytest.mark.parametrize("name", ["plugin.toml", "plugin.wasm", "plugin.dsse.json"])
def test_a_damaged_blob_counts_as_missing(opened: Open, name: str) -> None:
    workspace = ready(offline(opened, CALC))
    keep(workspace, CALC)
    (file,) = (file for file in stored_files(ENTRY) if file.name == name)
    path = workspace.store.path(file.sha256)
    path.chmod(0o644)
    path.write_bytes(bytes(file.size))
    with pytest.raises(BlobMissing):
        stage(workspace, ENTRY, None)
    assert not path.exists()


def test_a_disabled_plugin_is_staged_disabled(opened: Open) -> None:
    workspace = ready(offline(opened, CALC))
    keep(workspace, CALC)
    workspace.environment.folder("calc").mkdir()
    workspace.environment.set_enabled("calc", enabled=False)
    stage(workspace, ENTRY, CALC)
    assert ".disabled" in staged(workspace)


def test_an_unsigned_entry_is_recorded_without_a_statement() -> None:
    entry = entry_of(make_release(key=None))
    assert stored_files(entry) == entry.files
    assert [file.name for file in stored_files(ENTRY)] == ["plugin.toml", "plugin.wasm", "plugin.dsse.json"]
    assert ENTRY.statement == StatementEntry(stored_files(ENTRY)[-1].sha256, stored_files(ENTRY)[-1].size)


@pytest.mark.parametrize("renamed", [True, False])
def test_a_working_copy_is_staged_as_it_is_now(opened: Open, renamed: bool) -> None:
    copy = make_release(key=None, source=PathSource("./calc"))
    workspace = ready(offline(opened, copy))
    folder = workspace.location.folder / "calc"
    folder.mkdir()
    now = make_release("memo" if renamed else "calc", key=None, wasm=OTHER_WASM)
    for name, data in now.contents.items():
        (folder / name).write_bytes(data)
    if renamed:
        with pytest.raises(LockStale, match="name 'memo' in plugin.toml"):
            stage(workspace, entry_of(copy), None)
        return
    stage(workspace, entry_of(copy), None)
    assert staged(workspace)["plugin.wasm"] == OTHER_WASM
