"""A mirror: a folder that serves an index with the same root, old or new and never between."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.bundling import Carrying, carrying
from support.indexserver import IndexServer
from support.sandbox import Sandbox


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Carrying]:
    with carrying(tmp_path / "made", "word-count") as found:
        yield found


def reader(made: Carrying, root: Path, url: str | Path) -> Sandbox:
    """A machine whose project takes plugins from the mirror, with the root of the index."""
    machine = Sandbox(root)
    machine.init()
    machine.run("index", "add", "community", url, "--root", made.repo.root_digest).ok()
    return machine


def files(folder: Path) -> dict[str, bytes]:
    return {str(one.relative_to(folder)): one.read_bytes() for one in folder.rglob("*") if one.is_file()}


def test_the_errand(made: Carrying, tmp_path: Path) -> None:
    sandbox, copy = made.project.sandbox, tmp_path / "copy"
    out = sandbox.run("mirror", copy).ok().out
    assert out.startswith(f"✓ {copy} mirrors community: 3 plugins, 3 releases (")
    assert f"  root {made.repo.root_digest}" in out
    asked = len(made.project.server.paths)
    # From the folder, and from any web server.
    near = reader(made, tmp_path / "near", copy)
    near.run("add", "text-tools", "--accept-capabilities").ok()
    with IndexServer(copy) as server:
        far = reader(made, tmp_path / "far", server.url)
        far.run("add", "word-count", "--accept-capabilities").ok()
    assert len(made.project.server.paths) == asked
    # Nothing new: the timestamp and the next root are asked for.
    assert "(nothing new)" in sandbox.run("mirror", copy).ok().out
    assert len(made.project.server.paths) - asked <= 3
    # One release more.
    made.project.release("text-tools", "1.1.0", '[dependencies]\njson-core = "^1"')
    report = sandbox.run("mirror", copy, "--json").ok().json
    assert (report["plugins"], report["releases"]) == (3, 4)
    assert report["files"] < 10
    assert "text-tools 1.1.0" in near.run("update", "--accept-capabilities").ok().out


def test_only_what_the_lock_uses(made: Carrying, tmp_path: Path) -> None:
    made.project.release("left-out")
    sandbox, copy = made.project.sandbox, tmp_path / "copy"
    assert "3 plugins, 3 releases" in sandbox.run("mirror", copy, "--only-locked").ok().out
    assert len(list((copy / "files").iterdir())) == 3
    far = Sandbox(tmp_path / "far")
    for name in ("tark.toml", "tark.lock"):
        shutil.copy(sandbox.cwd / name, far.cwd)
    toml = far.cwd / "tark.toml"
    toml.write_text(toml.read_text().replace(made.project.server.url, str(copy)))
    asked = len(made.project.server.paths)
    far.run("sync", "--accept-project").ok()
    far.run("audit").ok()
    assert len(made.project.server.paths) == asked
    assert "3 plugins, 3 releases (nothing new)" in sandbox.run("mirror", copy, "--only-locked").ok().out


def test_an_interrupted_copy_goes_on(made: Carrying, tmp_path: Path) -> None:
    """Its clients see the index as it was; a copy that never was complete is no index yet."""
    sandbox, copy = made.project.sandbox, tmp_path / "copy"
    lost = made.repo.folder / "files" / made.repo.listings["word-count"].rows[0].statement.sha256
    kept = lost.read_bytes()
    lost.unlink()
    sandbox.run("mirror", copy).failed(5, "the index does not have this release of word-count")
    assert not (copy / "metadata" / "timestamp.json").exists()
    lost.write_bytes(kept)
    sandbox.run("mirror", copy).ok()
    before = files(copy)
    made.project.release("word-count", "1.1.0")
    lost = made.repo.folder / "files" / made.repo.listings["word-count"].rows[1].statement.sha256
    kept = lost.read_bytes()
    lost.unlink()
    sandbox.run("mirror", copy).failed(5, "does not have this release")
    near = reader(made, tmp_path / "near", copy)
    near.run("add", "word-count", "--accept-capabilities").ok()
    assert "1.0.0" in near.run("list").out
    assert all(files(copy)[name] == data for name, data in before.items())
    lost.write_bytes(kept)
    sandbox.run("mirror", copy).ok()
    assert "word-count 1.1.0" in near.run("update", "--accept-capabilities").ok().out


def test_a_copy_that_was_killed_is_cleaned_up(made: Carrying, tmp_path: Path) -> None:
    """What it was writing stays under a hidden name: the folder is a mirror, or still as good as empty."""
    sandbox, copy = made.project.sandbox, tmp_path / "copy"
    (copy / "metadata").mkdir(parents=True)
    first = copy / "metadata" / ".1.root.json.0123456789abcdef.tmp"
    first.write_bytes(b"{")
    sandbox.run("mirror", copy).ok()
    assert not first.exists()
    later = copy / "files" / f".{'1' * 64}.0123456789abcdef.tmp"
    later.write_bytes(b"half")
    assert "(nothing new)" in sandbox.run("mirror", copy).ok().out
    assert not later.exists()


def test_damaged_files_of_the_copy_are_replaced(made: Carrying, tmp_path: Path) -> None:
    sandbox, copy = made.project.sandbox, tmp_path / "copy"
    sandbox.run("mirror", copy).ok()
    before = files(copy)
    for name in before:
        if not name.startswith(("files/", "metadata/1.root.")):
            (copy / name).write_bytes(before[name].replace(b"a", b"b"))
    sandbox.run("mirror", copy).ok()
    assert files(copy) == before


def test_a_folder_of_something_else(made: Carrying, tmp_path: Path) -> None:
    sandbox, copy = made.project.sandbox, tmp_path / "copy"
    (copy / "metadata").mkdir(parents=True)
    strange = copy / ".notes.0123456789abcdef.tmp.txt"
    strange.write_text("mine")
    sandbox.run("mirror", copy).failed(2, "expected a new or empty folder, or a mirror of the index")
    assert strange.read_text() == "mine"
    strange.unlink()
    link = copy / "files"
    link.symlink_to(tmp_path)
    sandbox.run("mirror", copy).failed(2, "expected a new or empty folder")
    link.unlink()
    (copy / "metadata" / "1.root.json").write_text("{}")
    sandbox.run("mirror", copy).failed(2, "the folder is a mirror of another index")
    sandbox.run("mirror", copy, "--index", "other").failed(2, "no index named 'other'")
    stranger = Sandbox(tmp_path / "stranger")
    stranger.init()
    stranger.run("mirror", copy).failed(2, "this project has no index", "help: tarkpm index add NAME URL")
