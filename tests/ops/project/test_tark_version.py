"""The version of the installed tark, whatever its program does."""

import os
from pathlib import Path

import pytest

from tarkpm.core.version import Version
from tarkpm.ops.project import tark_version as module
from tarkpm.ops.project.tark_version import tark_version


@pytest.fixture
def bin_(tmp_path: Path) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    return folder


def program(folder: Path, script: str) -> str:
    """A ``tark`` that does this; returns the PATH to it."""
    file = folder / "tark"
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return str(folder)


@pytest.mark.parametrize(
    ("script", "version"),
    [
        ("echo tark 0.12.6", "0.12.6"),
        ("echo tark 0.12.6-rc.1 built yesterday", "0.12.6-rc.1"),
        ("echo 1.2.3; exit 1", "1.2.3"),
        ("echo tark 0.12", None),
        ("echo version one", None),
        ("exit 1", None),
        ("echo 01.2.3", None),
        ("printf '\\377\\376 1.2.3'", None),
        ("yes x | head -c 2000; echo 1.2.3", None),  # not far into a long story
    ],
)
def test_what_it_prints(bin_: Path, script: str, version: str | None) -> None:
    found = tark_version(program(bin_, script))
    assert found == (Version.parse(version) if version else None)


def test_a_program_that_hangs_is_not_waited_for(bin_: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TIMEOUT_SECONDS", 0.1)
    assert tark_version(program(bin_, "exec sleep 60")) is None


@pytest.mark.parametrize("path", ["", ".", "/nowhere"])
def test_no_tark_on_the_path(bin_: Path, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    """A relative entry of PATH is the current folder's, which may be anybody's."""
    program(bin_, "echo 1.2.3")
    monkeypatch.chdir(bin_)
    assert tark_version(path) is None


def test_it_runs_outside_of_the_project(bin_: Path) -> None:
    script = f"pwd > {bin_}/where; echo 1.2.3"
    assert tark_version(program(bin_, script) + f"{os.pathsep}/usr/bin{os.pathsep}/bin") == Version(1, 2, 3)
    assert (bin_ / "where").read_text() == "/\n"
