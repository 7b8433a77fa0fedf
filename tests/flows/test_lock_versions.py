"""A tark.lock of version 1 works as it is; `lock`, and an update of everything, make it one of version 2."""

import re
import shutil
from pathlib import Path

import pytest
from conftest import Publisher
from support.sandbox import Sandbox

NOW = "tark.lock becomes version 2: it names what each plugin asks for"


@pytest.fixture
def locked(sandbox: Sandbox, publisher: Publisher) -> Path:
    """The lock of a project, as tarkpm wrote it before version 2."""
    publisher.release()
    sandbox.init()
    sandbox.run("add", publisher.url, "-b", "main", "--trust", publisher.key, "--accept-capabilities").ok()
    file = sandbox.cwd / "tark.lock"
    file.with_name("new").write_bytes(file.read_bytes())
    text = re.sub(r"\ncapabilities = .*", "", file.read_text()).replace("\nversion = 2\n", "\nversion = 1\n")
    file.write_text(text)
    assert "\nversion = 1\n" in text
    return file


def test_version_1_works_and_stays_what_it_is(sandbox: Sandbox, locked: Path) -> None:
    text = locked.read_bytes()
    for command in (
        "sync",
        "verify",
        "list",
        "lock --check",
        "outdated",
        "update --dry-run",
        "sync --frozen",
    ):
        sandbox.run(*command.split()).ok()
    assert sandbox.run("outdated", "--json").ok().json["plugins"] == []
    assert locked.read_bytes() == text


@pytest.mark.parametrize("command", ["lock", "update"])
def test_lock_and_update_write_version_2(sandbox: Sandbox, locked: Path, command: str) -> None:
    sandbox.run("sync").ok()
    assert NOW in sandbox.run(command).ok().out
    assert locked.read_bytes() == locked.with_name("new").read_bytes()
    assert NOW not in sandbox.run(command).ok().out
    sandbox.run("sync").ok()
    sandbox.run("verify").ok()


def test_what_is_not_known_here_is_not_written(sandbox: Sandbox, locked: Path) -> None:
    shutil.rmtree(sandbox.store)
    shutil.rmtree(sandbox.plugins)
    text = locked.read_bytes()
    sandbox.run("lock").ok()
    assert locked.read_bytes() == text
