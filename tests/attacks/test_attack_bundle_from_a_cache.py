"""Another program of this user writes to the cache from which a bundle takes what its index still lists."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.bundling import Carrying, carrying, sync
from support.indexrepo import edited, signer

from tarkpm.core.layout import CLAIMS


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Carrying]:
    """A project, and a bundle of it: its cache has all that the bundle needs of the index."""
    with carrying(tmp_path / "made") as found:
        yield found


def cache_of(made: Carrying) -> Path:
    """The folder of the index in the cache."""
    (folder,) = (made.project.sandbox.store / "index").glob("?" * 64)
    return folder


def made_again(made: Carrying) -> bytes:
    """A second bundle."""
    made.project.sandbox.run("bundle", "create", "-o", "again.tar").ok()
    return (made.project.sandbox.cwd / "again.tar").read_bytes()


def test_only_what_is_new_is_asked_for(made: Carrying) -> None:
    """The index says what is new, and all that it still lists comes out of the cache; with none, all is fetched."""
    made.project.server.requests.clear()
    assert made_again(made) == made.bundle.read_bytes()
    assert made.project.server.paths == ["metadata/2.root.json", "metadata/timestamp.json"]
    shutil.rmtree(cache_of(made))
    assert made_again(made) == made.bundle.read_bytes()
    assert len(made.project.server.paths) > 12


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-20],
        lambda data: data.replace(b"text-tools", b"text-tOOls").replace(b'"version":1', b'"version":9'),
        lambda _: b"{}",
    ],
    ids=["shorter", "edited", "empty"],
)
def test_a_changed_file_is_not_in_the_bundle(made: Carrying, damage: Callable[[bytes], bytes]) -> None:
    """Each file at a time: the bundle is the one of an untouched cache."""
    files = [file for file in cache_of(made).rglob("*.json") if not file.is_symlink()]
    assert len(files) > 10
    for file in files:
        before = file.read_bytes()
        file.write_bytes(damage(before))
        assert made_again(made) == made.bundle.read_bytes(), file.name


def test_what_no_signature_covers_leaves_the_bundle_intact(made: Carrying, tmp_path: Path) -> None:
    """Blanks after the metadata are in its bytes, and in none that was signed."""
    for file in cache_of(made).rglob("*.json"):
        if not file.is_symlink():
            file.write_bytes(file.read_bytes() + b" ")
    made_again(made)
    far = made.machine(tmp_path / "far", made.project.sandbox.cwd / "again.tar")
    far.run("bundle", "verify", "plugins.tar").ok()
    sync(far).ok()


def test_metadata_of_another_key_is_not_in_the_bundle(made: Carrying) -> None:
    """Well formed, in the signed form, newer than the index's, and signed: by the online key, not by maintainers."""
    for role in ("targets", CLAIMS, *(f"{CLAIMS}-{number}" for number in range(4))):
        metadata = made.repo.load(role)
        metadata.signatures.clear()
        metadata.sign(signer(made.repo.online))
        (cache_of(made) / f"{role}.json").write_bytes(metadata.to_bytes())
    assert made_again(made) == made.bundle.read_bytes()


def test_a_root_that_its_maintainers_did_not_sign_is_not_in_the_bundle(made: Carrying) -> None:
    """Nor is the root before it called another number, though the keys of the first one signed that."""
    first = cache_of(made) / "root_history" / "1.root.json"
    second = first.with_name("2.root.json")
    for forged in (edited(first.read_bytes(), version=2), first.read_bytes(), _skipping(made)):
        second.write_bytes(forged)
        assert made_again(made) == made.bundle.read_bytes()


def _skipping(made: Carrying) -> bytes:
    """A root in the place of the second whose own number is 3."""
    made.repo.root_version = 2
    data = made.repo.write_root()
    (made.repo.folder / "metadata" / "3.root.json").unlink()
    return data


def test_a_second_timestamp_of_one_version_is_not_in_the_bundle(made: Carrying) -> None:
    """A thief of the online key signs it: clients keep the first one, which names the snapshot that they use."""
    metadata = made.repo.load("timestamp")
    metadata.signed.snapshot_meta.hashes = {"sha256": "0" * 64}
    metadata.sign(signer(made.repo.online))
    (made.repo.folder / "metadata" / "timestamp.json").write_bytes(metadata.to_bytes())
    assert made_again(made) == made.bundle.read_bytes()


def test_an_older_timestamp_in_the_cache_hides_no_revocation(made: Carrying) -> None:
    made.revoke("text-tools")
    made.project.sandbox.run("bundle", "create", "-o", "again.tar").failed(3, "revoked", "text-tools")
    assert not (made.project.sandbox.cwd / "again.tar").exists()


def test_an_index_that_is_older_than_the_cache_is_refused(made: Carrying, tmp_path: Path) -> None:
    """A mirror that withholds what is new gets into no bundle."""
    older = tmp_path / "older"
    shutil.copytree(made.repo.folder, older)
    made.repo.claim("text-tools", made.project.keys["text-tools"])
    made.repo.publish()
    made.make()
    made.project.server.serve(older)
    made.project.sandbox.run("bundle", "create", "-o", "again.tar").failed(5, "stale mirror")
    assert not (made.project.sandbox.cwd / "again.tar").exists()
