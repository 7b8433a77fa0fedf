"""A mirror of an index that is not what its maintainers signed: the folder serves what it served before."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.bundling import Carrying, carrying
from tuf.api.metadata import TargetFile


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Carrying]:
    with carrying(tmp_path / "made") as found:
        found.project.sandbox.run("mirror", tmp_path / "copy").ok()
        yield found


def tampered_claim(made: Carrying) -> None:
    made.repo.claim("text-tools")
    made.repo.publish()
    newest = max(
        (made.repo.folder / "targets" / "publishers").glob("*.text-tools.json"),
        key=lambda f: f.stat().st_mtime_ns,
    )
    newest.write_bytes(newest.read_bytes().replace(b"ed25519:", b"ed25519;"))


def tampered_release(made: Carrying) -> None:
    made.project.release("text-tools", "1.1.0")
    file = made.repo.folder / "files" / made.repo.listings["text-tools"].rows[1].statement.sha256
    data = file.read_bytes()
    file.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))


def forged_bin(made: Carrying) -> None:
    repo = made.repo
    repo.maintainers.reverse()
    repo.threshold = 1
    repo.claim("text-tools")
    repo.publish()


def older(made: Carrying) -> None:
    """Validly signed by the online key, with an older timestamp."""
    made.repo.serial -= 2
    made.repo.publish()


def leads_elsewhere(made: Carrying) -> None:
    """By somebody who holds the online key, which signs what the index lists."""
    path = "index/../../../escaped.json"
    role = made.repo.bin("index/text-tools.json")
    made.repo.edit(role, {path: TargetFile.from_data(path, b"x", ["sha256"])})
    made.repo.publish()


@pytest.mark.parametrize(
    ("attack", "status", "text"),
    [
        (tampered_claim, 3, "does not have the signed digest"),
        (tampered_release, 3, "has sha256"),
        (forged_bin, 3, ""),
        (older, 5, "older than"),
        (leads_elsewhere, 3, "which is no document of an index"),
    ],
)
def test_nothing_changes_for_clients(
    made: Carrying, tmp_path: Path, attack: Callable[[Carrying], None], status: int, text: str
) -> None:
    copy = tmp_path / "copy"
    before = (copy / "metadata" / "timestamp.json").read_bytes()
    attack(made)
    made.project.sandbox.run("mirror", copy).failed(status, text)
    assert (copy / "metadata" / "timestamp.json").read_bytes() == before
    assert not list(tmp_path.rglob("*escaped*"))
    reader = made.machine(tmp_path / "reader")
    toml = reader.cwd / "tark.toml"
    toml.write_text(toml.read_text().replace(made.project.server.url, str(copy)))
    reader.run("sync", "--accept-project").ok()


def test_nothing_is_copied_without_consent(made: Carrying, tmp_path: Path) -> None:
    """A clone's index is asked only once its user accepted the project."""
    far = made.machine(tmp_path / "far")
    asked = len(made.project.server.paths)
    far.run("mirror", "copy").failed(4, "you have not accepted this project's decisions")
    assert len(made.project.server.paths) == asked
    assert not (far.cwd / "copy").exists()
