"""`index/pin.py`: what the jobs of an index install is decided by hashes that somebody reviewed."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
INSTALL = ("install", "--quiet", "--require-hashes", "--only-binary", ":all:", "--no-index", "--dry-run")


def run(*words: str | Path, cwd: Path) -> "subprocess.CompletedProcess[str]":
    """Run a program with this Python, and no package index: whatever is needed is on disk."""
    command = [sys.executable, *map(str, words)]
    env = os.environ | {
        "PIP_NO_INDEX": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_CONFIG_FILE": os.devnull,
    }
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)


def wheel(folder: Path, name: str, *requires: str) -> Path:
    """Write a wheel of a package without any code."""
    folder.mkdir(exist_ok=True)
    file = folder / f"{name}-1.0-py3-none-any.whl"
    info = f"{name}-1.0.dist-info"
    needs = "".join(f"Requires-Dist: {one}\n" for one in requires)
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{needs}")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return file


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository whose jobs install a pinned wheel and what it needs; `found` is a package index."""
    wheel(tmp_path / "found", "needed")
    wheel(tmp_path / ".github", "tarkpm", "needed>=1")
    os.environ["PIP_FIND_LINKS"] = str(tmp_path / "found")
    try:
        pinned = run(ROOT / "index" / "pin.py", ".github/tarkpm-1.0-py3-none-any.whl", cwd=tmp_path)
    finally:
        del os.environ["PIP_FIND_LINKS"]
    assert pinned.returncode == 0, pinned.stderr
    (tmp_path / ".github" / "tarkpm.txt").write_text(pinned.stdout)
    return tmp_path


def install(repository: Path) -> "subprocess.CompletedProcess[str]":
    """What the jobs do, without keeping it."""
    found = ("--find-links", repository / "found")
    return run(
        "-m",
        "pip",
        *INSTALL,
        "--target",
        repository / "to",
        *found,
        "-r",
        ".github/tarkpm.txt",
        cwd=repository,
    )


def test_a_job_installs_what_was_pinned(repository: Path) -> None:
    lines = [line for line in (repository / ".github/tarkpm.txt").read_text().splitlines() if line[0] != "#"]
    assert [line.split(" --hash=sha256:")[0] for line in lines] == [
        "./.github/tarkpm-1.0-py3-none-any.whl",
        "needed==1.0",
    ]
    done = install(repository)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", [".github/tarkpm-1.0-py3-none-any.whl", "found/needed-1.0-py3-none-any.whl"])
def test_a_job_installs_nothing_else_of_that_name_and_version(repository: Path, name: str) -> None:
    with zipfile.ZipFile(repository / name, "a") as archive:
        archive.writestr("evil.py", "")
    refused = install(repository)
    assert refused.returncode != 0
    assert "DO NOT MATCH THE HASHES" in refused.stderr


def test_a_repository_without_the_file_runs_no_job(repository: Path) -> None:
    (repository / ".github" / "tarkpm.txt").unlink()
    assert install(repository).returncode != 0


def test_what_cannot_be_pinned(tmp_path: Path) -> None:
    for words, said in (
        (("nothing.whl",), "nothing.whl is not a wheel"),
        ((wheel(tmp_path, "tarkpm"), "--url", "http://example.com/x.whl"), "expected an https URL"),
    ):
        refused = run(ROOT / "index" / "pin.py", *words, cwd=tmp_path)
        assert refused.returncode == 2
        assert said in refused.stderr
