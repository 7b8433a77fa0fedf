"""Fetching: what is asked for, in how many sessions, and what is refused of what comes."""

from pathlib import Path

import msgspec
import pytest
from support.gitrepo import GitRepo
from support.releases import COMMUNITY, INDEX_TOML, OTHER_WASM, entry_of, git, make_release
from support.silent_ui import SilentUi
from support.wat import core_module
from support.workspaces import Open

from tarkpm.core.lockfile import Pin
from tarkpm.core.release import GitSource, PathSource, PluginName
from tarkpm.errors import CommitUnreached, DigestMismatch, ModuleInvalid, NotFound, TooLarge, Unreachable
from tarkpm.ops.release.fetch import (
    Release,
    acquire,
    acquire_pinned,
    check_reached,
    open_remote,
    read_folder,
    release_of,
    resolve,
)
from tarkpm.sources.folder import ReleaseFiles


def write(folder: Path, release: Release) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in release.contents.items():
        (folder / name).write_bytes(data)
    return folder


class Repository:
    """A real repository on this disk, with several plugins and a fork's commit."""

    def __init__(self, root: Path) -> None:
        self.repo = GitRepo(root / "work")
        self.url = f"file://{root}/srv/plugins.git"
        write(root / "work" / "calc", make_release())
        write(root / "work" / "memo", make_release("memo"))
        self.repo.git("add", "--all")
        self.first = self.repo.commit("1.0.0")
        self.repo.tag("v1")
        write(root / "work" / "calc", make_release(version="1.1.0"))
        self.repo.git("add", "--all")
        self.second = self.repo.commit("1.1.0")
        self.repo.git("checkout", "--quiet", "-b", "fork")
        write(root / "work" / "calc", make_release(version="9.0.0"))
        self.repo.git("add", "--all")
        self.fork = self.repo.commit("9.0.0")
        self.repo.git("checkout", "--quiet", "main")
        self.repo.publish(root / "srv", "plugins")

    def source(self, path: str = "calc", **more: str) -> GitSource:
        return GitSource(self.url, path=path, **more)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """Only read by the tests of this file."""
    root = tmp_path_factory.mktemp("repository")
    (root / "srv").mkdir()
    return Repository(root)


def found(releases: list[Release]) -> list[tuple[str, str, str]]:
    return [
        (
            one.candidate.manifest.name,
            str(one.candidate.manifest.version),
            getattr(one.candidate.source, "commit", ""),
        )
        for one in releases
    ]


def test_several_of_one_repository_come_in_one_session_in_the_order_asked(
    opened: Open, ui: SilentUi, repository: Repository
) -> None:
    workspace = opened(offline=True)  # a repository on this disk is no network
    folder = write(workspace.location.folder / "mine", make_release("mine"))
    releases = acquire(
        workspace,
        [
            repository.source(),
            PathSource(f"./{folder.name}"),
            repository.source("memo"),
            repository.source(tag="v1"),
        ],
    )
    assert found(releases) == [
        ("calc", "1.1.0", repository.second),
        ("mine", "1.0.0", ""),
        ("memo", "1.0.0", repository.second),
        ("calc", "1.0.0", repository.first),
    ]
    assert ui.shown_busy.count(f"fetching {repository.url}") == 1
    assert sorted(text for text in ui.shown_busy if text.startswith("fetched")) == [
        "fetched 1 of 2",
        "fetched 2 of 2",
    ]


def test_a_locked_commit_is_fetched_and_not_what_its_tag_is_at_now(
    opened: Open, repository: Repository
) -> None:
    locked = repository.source(branch="main", commit=repository.first)
    assert found(acquire(opened(), [locked])) == [("calc", "1.0.0", repository.first)]


def test_a_locked_commit_must_be_reached_from_what_was_asked_for(
    opened: Open, repository: Repository
) -> None:
    locked = repository.source(tag="v1", commit=repository.second)
    with pytest.raises(CommitUnreached, match="not in the history of tag v1") as caught:
        acquire(opened(), [locked], {locked: PluginName("calc")})
    assert caught.value.hint == "tarkpm update calc"


@pytest.mark.parametrize("locked", [True, False])
def test_a_revision_typed_by_the_user_need_not_be_reached(
    opened: Open, repository: Repository, locked: bool
) -> None:
    """The user named this very commit, on whatever branch it is."""
    source = repository.source(rev=repository.fork, commit=repository.fork if locked else "")
    assert found(acquire(opened(), [source])) == [("calc", "9.0.0", repository.fork)]


def test_the_signature_of_a_working_copy_is_not_looked_at(opened: Open) -> None:
    """It is out of date with the first edit, and nothing is decided by it."""
    workspace = opened()
    folder = write(workspace.location.folder / "calc", make_release())
    (folder / "plugin.wasm").write_bytes(OTHER_WASM)
    (release,) = acquire(workspace, [PathSource("./calc")])
    assert (release.candidate.signer, release.candidate.statement) == (None, None)
    assert set(release.contents) == {"plugin.toml", "plugin.wasm"}


@pytest.mark.parametrize("below_home", [True, False])
def test_a_folder_is_found_from_the_project_or_home(
    opened: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, below_home: bool
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    base = tmp_path / "home" if below_home else opened().location.folder
    write(base / "calc", make_release())
    source = PathSource("~/calc" if below_home else "./calc")
    assert set(read_folder(opened().location.folder, source).files) == {"plugin.toml", "plugin.wasm"}


# -- offline


def test_offline_no_server_is_asked(opened: Open) -> None:
    with (
        pytest.raises(Unreachable, match="--offline forbids network requests") as caught,
        open_remote(opened(offline=True), "https://git.example/calc.git"),
    ):
        pass
    assert caught.value.where == "https://git.example/calc.git"


def test_offline_no_index_is_asked(opened: Open) -> None:
    release = make_release(source=COMMUNITY)
    entry = entry_of(release)
    assert entry.statement is not None
    with pytest.raises(Unreachable, match="--offline"):
        acquire_pinned(
            opened(INDEX_TOML, offline=True), [(COMMUNITY, Pin(entry.name, entry.statement, entry.files))]
        )


# -- whose commit is it?


class Refs:
    """A repository as its refs are asked about."""

    def __init__(self, answer: bool | Exception = True) -> None:
        self.answer = answer
        self.asked: list[tuple[str, ...]] = []

    def reaches(self, commit: str, *, tag: str, branch: str) -> bool:
        self.asked.append((commit, tag, branch))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def resolve(self, *, tag: str = "", branch: str = "", rev: str = "") -> str:
        return f"{tag}|{branch}|{rev}"


@pytest.mark.parametrize(
    ("answer", "error", "text"),
    [
        (True, None, ""),
        (False, CommitUnreached, "it may be a fork's"),
        (TooLarge("it has no end"), TooLarge, "the history of tag v1 is too large to check: it has no end"),
        (NotFound("there is no tag v1"), NotFound, "there is no tag v1"),
    ],
)
def test_a_commit_counts_only_if_the_repositorys_own_refs_lead_to_it(
    answer: bool | Exception, error: type[Exception] | None, text: str
) -> None:
    refs = Refs(answer)
    if error is None:
        check_reached(refs, git(), hint="tarkpm update calc")  # type: ignore[arg-type]
        assert refs.asked == [("a" * 40, "v1", "")]
        return
    with pytest.raises(error, match=text) as caught:
        check_reached(refs, git(), hint="tarkpm update calc")  # type: ignore[arg-type]
    assert caught.value.hint == "tarkpm update calc"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("source", "resolved"),
    [
        (git(), f"||{'a' * 40}"),  # locked: the commit, whatever the tag says
        (git(commit=""), "v1||"),
        (GitSource("https://x.example/y", branch="main"), "|main|"),
        (GitSource("https://x.example/y"), "||"),
    ],
)
def test_which_commit_is_resolved(source: GitSource, resolved: str) -> None:
    assert resolve(Refs(), source) == source.at(resolved)  # type: ignore[arg-type]


# -- what came


def test_a_signature_that_does_not_cover_the_files_is_refused(opened: Open, tmp_path: Path) -> None:
    (tmp_path / "srv").mkdir()
    repository = Repository(tmp_path)
    (tmp_path / "work" / "calc" / "plugin.wasm").write_bytes(OTHER_WASM)
    repository.repo.git("add", "--all")
    repository.repo.commit("edited")
    repository.repo.publish(tmp_path / "srv", "plugins")
    with pytest.raises(DigestMismatch, match="plugin.wasm"):
        acquire(opened(), [repository.source()])


@pytest.mark.parametrize("wasm", [b"", b"not wasm", core_module()])
def test_a_module_that_cannot_run_is_refused_before_anything_is_asked(wasm: bytes) -> None:
    release = make_release()
    files = {**release.contents, "plugin.wasm": wasm}
    with pytest.raises(ModuleInvalid) as caught:
        release_of(ReleaseFiles("", files, None), PathSource("here"), hint="look")
    assert (caught.value.where, caught.value.hint) == ("here: plugin.wasm", "look")


def test_a_release_holds_an_entry_only_if_every_byte_is_the_same() -> None:
    release = make_release()
    entry = entry_of(release)
    assert release.holds(entry)
    assert release.holds(msgspec.structs.replace(entry, source=git("elsewhere")))  # bytes have no source
    assert not make_release(wasm=OTHER_WASM).holds(entry)
    assert not make_release(key=None).holds(entry)
