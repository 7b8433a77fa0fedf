"""A flipped byte in an installed file: verify finds it, call refuses to run it, sync repairs it."""

import os
import shutil

import pytest
from conftest import Publisher
from support.sandbox import Sandbox

from attacks.tampering import call, flip, help_of, install, installed_files, unchanged

FILES = ["LICENSE", "plugin.dsse.json", "plugin.toml", "plugin.wasm"]


@pytest.fixture
def victim(sandbox: Sandbox, publisher: Publisher) -> Sandbox:
    """Somebody with text-tools installed, its licence included."""
    publisher.folder.mkdir(exist_ok=True, parents=True)
    (publisher.folder / "LICENSE").write_bytes(b"MIT, for tests\n")
    publisher.release()
    install(sandbox, publisher)
    assert sorted(installed_files(sandbox)) == FILES
    return sandbox


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("at", [0, -1])
def test_it_is_found_refused_and_repaired(victim: Sandbox, file: str, at: int) -> None:
    good = installed_files(victim)
    flip(victim.plugins / "text-tools" / file, at)
    with unchanged(victim):
        found = victim.run("verify").failed(3, f"'{file}' has sha256", "expected", "1 finding")
        if file in ("plugin.toml", "plugin.wasm"):
            call(victim).failed(3, f"'{file}' has sha256", "help: tarkpm sync")
    victim.run(*help_of(found)).ok()
    assert installed_files(victim) == good
    victim.run("verify").ok()
    call(victim).ok()


def test_a_flip_that_restores_the_time_is_repaired_too(victim: Sandbox) -> None:
    """As a disk that rots, or `cp --preserve` and `touch -r`, leave it: the hint must still help."""
    path = victim.plugins / "text-tools" / "plugin.wasm"
    status, good = path.stat(), path.read_bytes()
    flip(path)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    found = victim.run("verify").failed(3, "'plugin.wasm' has sha256")
    call(victim).failed(3)
    victim.run(*help_of(found)).ok()
    assert path.read_bytes() == good


def test_a_flip_that_restores_the_time_never_runs(victim: Sandbox) -> None:
    path = victim.plugins / "text-tools" / "plugin.wasm"
    status = path.stat()
    flip(path)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    call(victim).failed(3, "'plugin.wasm' has sha256")
    victim.run("verify").failed(3)


@pytest.mark.parametrize("file", FILES)
def test_a_missing_file(victim: Sandbox, file: str) -> None:
    good = installed_files(victim)
    (victim.plugins / "text-tools" / file).unlink()
    found = victim.run("verify").failed(3, f"'{file}' is missing")
    if file in ("plugin.toml", "plugin.wasm"):
        call(victim).failed(2, f"'{file}' of 'text-tools' is missing", "help: tarkpm sync")
    victim.run(*help_of(found)).ok()
    assert installed_files(victim) == good


@pytest.mark.parametrize("file", FILES)
def test_a_file_replaced_by_a_link_to_the_same_bytes(victim: Sandbox, file: str) -> None:
    path = victim.plugins / "text-tools" / file
    elsewhere = victim.root / "elsewhere"
    shutil.copy2(path, elsewhere)
    path.unlink()
    path.symlink_to(elsewhere)
    found = victim.run("verify")
    found.failed(found.status, "found a symbolic link")
    assert found.status in (1, 3)
    if file in ("plugin.toml", "plugin.wasm"):
        refused = call(victim)
        refused.failed(refused.status, "found a symbolic link")
    victim.run(*help_of(found)).ok()
    assert not path.is_symlink()
    assert elsewhere.exists()
    victim.run("verify").ok()


def test_the_folder_is_gone(victim: Sandbox) -> None:
    shutil.rmtree(victim.plugins / "text-tools")
    found = victim.run("verify").failed(1, "locked but not installed")
    refused = call(victim)
    refused.failed(refused.status, "text-tools", "tarkpm sync")
    assert victim.run("list").ok().out.count("missing") == 1
    victim.run(*help_of(found)).ok()
    call(victim).ok()


def test_a_file_beside_the_released_ones(victim: Sandbox) -> None:
    (victim.plugins / "text-tools" / "extra.wasm").write_bytes(b"\0asm")
    victim.run("verify").failed(1, "text-tools: not part of the release", "extra.wasm")


def test_the_data_link_led_elsewhere(victim: Sandbox) -> None:
    """tark keeps a plugin's data behind this link: led to ~/.ssh, a plugin's own files are yours."""
    link = victim.plugins / "text-tools" / "data"
    link.unlink()
    link.symlink_to(victim.home)
    victim.run("verify").failed(1, "data")
