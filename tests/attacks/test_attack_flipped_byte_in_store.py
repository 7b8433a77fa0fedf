"""A flipped byte in the store: healed from the source, or refused; never installed."""

import shutil
from pathlib import Path

import pytest
from conftest import Publisher
from support.sandbox import Sandbox

from attacks.tampering import call, flip, install, installed_files, write
from tarkpm.core import lockfile
from tarkpm.core.digest import sha256

FILES = ["plugin.dsse.json", "plugin.toml", "plugin.wasm"]


@pytest.fixture
def good(sandbox: Sandbox, publisher: Publisher) -> dict[str, bytes]:
    """What was installed once; the store has it, the environment does not any more."""
    publisher.release()
    install(sandbox, publisher)
    files = installed_files(sandbox)
    shutil.rmtree(sandbox.plugins / "text-tools")
    return files


def _blob(sandbox: Sandbox, data: bytes) -> Path:
    digest = sha256(data)
    return sandbox.store / "blobs" / digest


@pytest.mark.parametrize("file", FILES)
def test_offline_it_is_refused(sandbox: Sandbox, good: dict[str, bytes], file: str) -> None:
    flip(_blob(sandbox, good[file]))
    sandbox.run("sync", "--offline").failed(5, f"'{file}'", "is not in the store", "help: tarkpm sync")
    assert not (sandbox.plugins / "text-tools").exists()
    sandbox.run("sync", "--offline").failed(5, "not in the store, and --offline forbids downloads")
    sandbox.run("sync").ok()
    assert installed_files(sandbox) == good


@pytest.mark.parametrize("file", FILES)
def test_online_it_is_refused_and_then_healed(sandbox: Sandbox, good: dict[str, bytes], file: str) -> None:
    flip(_blob(sandbox, good[file]))
    first = sandbox.run("sync")
    if first.status:
        first.failed(5, f"'{file}'", "help: tarkpm sync")
        assert not (sandbox.plugins / "text-tools").exists()
        sandbox.run("sync").ok()
    assert installed_files(sandbox) == good
    assert _blob(sandbox, good[file]).read_bytes() == good[file]
    call(sandbox).ok()


def test_online_it_is_healed_at_once(sandbox: Sandbox, good: dict[str, bytes]) -> None:
    """The store is a cache: with the source at hand nobody should have to run sync twice."""
    flip(_blob(sandbox, good["plugin.wasm"]))
    sandbox.run("sync").ok()
    assert installed_files(sandbox) == good


def test_every_blob_at_once(sandbox: Sandbox, good: dict[str, bytes]) -> None:
    for data in good.values():
        flip(_blob(sandbox, data))
    for _ in range(4):
        if sandbox.run("sync").status == 0:
            break
    assert installed_files(sandbox) == good
    call(sandbox).ok()


@pytest.mark.parametrize("data", [b"", b"short"])
def test_a_truncated_blob_is_fetched_again(sandbox: Sandbox, good: dict[str, bytes], data: bytes) -> None:
    write(_blob(sandbox, good["plugin.wasm"]), data)
    sandbox.run("sync", "--offline").failed(5, "text-tools", "--offline forbids downloads")
    sandbox.run("sync").ok()
    assert installed_files(sandbox) == good


def test_a_blob_replaced_by_a_link(sandbox: Sandbox, good: dict[str, bytes]) -> None:
    path = _blob(sandbox, good["plugin.wasm"])
    path.unlink()
    path.symlink_to("/etc/passwd")
    sandbox.run("sync", "--offline").failed(5)
    sandbox.run("sync").ok()
    assert installed_files(sandbox) == good


def test_a_store_full_of_lies_cannot_be_vouched_for_by_the_lock(
    sandbox: Sandbox, good: dict[str, bytes]
) -> None:
    """Other bytes under their own right digest, and a lock that names them: the signature says no."""
    evil = good["plugin.wasm"] + b"\0\x01\0"
    path = _blob(sandbox, evil)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(evil)
    text = (sandbox.cwd / "tark.lock").read_text()
    lock = lockfile.parse(text.encode())
    wasm = next(file for file in lock.entries[0].files if file.name == "plugin.wasm")
    text = text.replace(wasm.sha256, sha256(evil)).replace(f"size = {wasm.size}", f"size = {len(evil)}")
    (sandbox.cwd / "tark.lock").write_text(text)
    sandbox.run("sync", "--offline").failed(3, "the locked files of 'text-tools' differ from the signed ones")
    assert not (sandbox.plugins / "text-tools").exists()


def test_add_does_not_install_from_a_flipped_blob(
    sandbox: Sandbox, publisher: Publisher, good: dict[str, bytes]
) -> None:
    for data in good.values():
        flip(_blob(sandbox, data))
    other = Sandbox.__new__(Sandbox)
    other.root, other.home, other.cwd = sandbox.root, sandbox.home, sandbox.root / "other"
    other.cwd.mkdir()
    install(other, publisher)
    assert installed_files(other) == good
