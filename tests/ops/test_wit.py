"""``tarkpm wit``: the interface files, as the repository has them."""

import subprocess
import sys
from pathlib import Path

import pytest
from support.sandbox import Sandbox

ROOT = Path(__file__).resolve().parents[2]
FILES = {path.name: path.read_bytes() for path in (ROOT / "wit").iterdir()}
HEADER_FOLDER = ROOT / "plugins" / "c"
HEADER = (HEADER_FOLDER / "tark.h").read_bytes()


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_package_is_written_and_kept_up_to_date(sandbox: Sandbox) -> None:
    first = sandbox.run("wit").ok()
    assert first.out.splitlines() == [f"wrote wit/{name}" for name in sorted(FILES)]
    assert contents(sandbox.cwd / "wit") == FILES
    (sandbox.cwd / "wit" / "clock.wit").write_text("old")
    (sandbox.cwd / "wit" / "mine.txt").write_text("mine")
    again = sandbox.run("wit").ok()
    assert again.out.splitlines() == ["wrote wit/clock.wit", f"{len(FILES) - 1} unchanged in wit"]
    assert contents(sandbox.cwd / "wit") == FILES | {"mine.txt": b"mine"}


def test_the_header_is_written_on_request(sandbox: Sandbox) -> None:
    report = sandbox.run("wit", "a/b", "--c", "--json").ok().json
    assert report == {"folder": "a/b", "written": [*sorted(FILES), "tark.h"], "unchanged": []}
    assert contents(sandbox.cwd / "a" / "b") == FILES | {"tark.h": HEADER}


def test_a_dry_run_writes_nothing(sandbox: Sandbox) -> None:
    assert sandbox.run("wit", "--dry-run").ok().out.startswith("would write wit/clock.wit\n")
    assert not (sandbox.cwd / "wit").exists()


def test_a_file_in_the_way_stays(sandbox: Sandbox) -> None:
    (sandbox.cwd / "wit").write_text("mine")
    sandbox.run("wit").failed(2, "expected a folder, found a file", "where: wit")
    assert (sandbox.cwd / "wit").read_text() == "mine"


@pytest.mark.parametrize("world", ["TARK_TOOL", "TARK_AUTH", "TARK_PROVIDER", "TARK_HOOK"])
def test_the_header_compiles_without_a_warning(world: str, tmp_path: Path) -> None:
    source = tmp_path / "plugin.c"
    source.write_text(f'#define {world}\n#include "tark.h"\n')
    # Not -fsyntax-only, about which zig complains.
    warnings = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-Wno-unused-function"]
    flags = ["-target", "wasm32-freestanding", *warnings, "-c", "-o", "out.o"]
    command = [sys.executable, "-m", "ziglang", "cc", *flags, "-I", str(HEADER_FOLDER), str(source)]
    env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=env)
    assert (done.returncode, done.stderr) == (0, "")
