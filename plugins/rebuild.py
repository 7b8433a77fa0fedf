"""Rebuild the example plugins, and the tests' plugins of the older ABI, and compare them with what is here.

    python plugins/rebuild.py            # exit 1 and name every plugin.wasm that its source does not give
    python plugins/rebuild.py --write    # update them

The tools are the `rebuild` extra of pyproject.toml, at exactly the versions pinned there, and the rustc named
below: another compiler gives other bytes, and that would look like a changed plugin.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
OLDER = ROOT / "tests" / "guests" / "older"
CFLAGS = ("-target", "wasm32-freestanding", "-std=c11", "-Oz", "-nostdlib")
WARNINGS = ("-Wall", "-Wextra", "-Werror", "-Wno-unused-function")
LDFLAGS = ("-Wl,--no-entry", "-Wl,--strip-all", "-Wl,-z,stack-size=32768")


class RebuildError(Exception):
    """A message for the person at the keyboard."""


class OtherCompilerError(Exception):
    """The compiler that gave the bytes is not here."""


@dataclass(frozen=True)
class Example:
    """A plugin: what `tarkpm build` makes of it; with a ``source``, a module of the older ABI.

    ``compiler`` is the version that `tarkpm build` must find.
    """

    name: str
    source: str = ""
    wasm_name: str = "plugin.wasm"
    compiler: str = ""

    @property
    def folder(self) -> Path:
        return (OLDER if self.source else HERE) / self.name

    @property
    def wasm(self) -> Path:
        return self.folder / self.wasm_name


EXAMPLES = (
    Example("device-auth"),
    Example("git-helper"),
    Example("json-tools"),
    Example("openai-compat"),
    Example("session-guard"),
    Example("text-tools"),
    Example("redact", compiler="1.63.0"),
    Example("chatgpt", "plugin.c"),
    Example("gemini-oauth", "plugin.c"),
    Example("discord", "plugin.c", wasm_name="dist/plugin.wasm"),
    Example("probe", "plugin.c"),
)


def check_tools() -> None:
    """Raise unless the pinned versions of the `rebuild` extra are installed here."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    for pin in project["optional-dependencies"]["rebuild"]:
        name, _, wanted = pin.partition("==")
        try:
            found = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found = "none"
        if found != wanted:
            raise RebuildError(f"expected {name} {wanted}, found {found}; run: pip install -e '.[rebuild]'")


def execute(arguments: list[str | Path], temp: Path) -> subprocess.CompletedProcess[str]:
    """Run one tool with nothing of this machine's settings but where programs and temporary files are."""
    caches = {
        "ZIG_GLOBAL_CACHE_DIR": str(temp / "zig-global"),
        "ZIG_LOCAL_CACHE_DIR": str(temp / "zig-local"),
    }
    env = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(temp), "TMPDIR": str(temp), **caches}
    return subprocess.run(arguments, cwd=temp, env=env, capture_output=True, text=True, check=False)


def run(arguments: list[str | Path], temp: Path) -> None:
    """Run one tool that must succeed."""
    done = execute(arguments, temp)
    if done.returncode:
        raise RebuildError(f"{Path(arguments[0]).name} failed:\n{done.stderr.strip()}")


def build_with_tarkpm(example: Example, temp: Path) -> bytes:
    """Build a copy: `tarkpm build` writes into the folder."""
    copy = temp / example.name
    shutil.copytree(example.folder, copy, ignore=shutil.ignore_patterns("*.wasm"))
    done = execute([sys.executable, "-m", "tarkpm", "build", copy, "--json"], temp)
    report = json.loads(done.stdout)
    if example.compiler and report.get("error", {}).get("code") == "ToolchainMissing":
        raise OtherCompilerError(report["error"]["message"])
    if done.returncode:
        raise RebuildError(f"tarkpm build failed:\n{done.stderr.strip()}")
    if example.compiler not in ("", report["version"]):
        found = f"{report['toolchain']} {report['version']}"
        raise OtherCompilerError(f"expected {report['toolchain']} {example.compiler}, found {found}")
    return (copy / example.wasm_name).read_bytes()


def build(example: Example, temp: Path) -> bytes:
    """Build a component with tarkpm, or compile a module of the older ABI."""
    if not example.source:
        return build_with_tarkpm(example, temp)
    core, source = temp / f"{example.name}.wasm", example.folder / example.source
    zig: list[str | Path] = [sys.executable, "-m", "ziglang", "cc", *CFLAGS, *WARNINGS, *LDFLAGS]
    run([*zig, "-I", OLDER, "-o", core, source], temp)
    return core.read_bytes()


def rebuild(example: Example, temp: Path, *, write: bool) -> bool:
    """Build one example and compare or write it; False if the checked-in bytes differ."""
    shown = example.wasm.relative_to(ROOT)
    try:
        built = build(example, temp)
    except OtherCompilerError as problem:
        sys.stdout.write(f"skipped {shown}: {problem}\n")
        return True
    facts = f"{len(built)} bytes, sha256 {hashlib.sha256(built).hexdigest()}"
    if write:
        example.wasm.parent.mkdir(exist_ok=True)
        example.wasm.write_bytes(built)
    same = example.wasm.is_file() and example.wasm.read_bytes() == built
    word = "wrote" if write else "same" if same else "DIFFERS"
    sys.stdout.write(f"{word:8}{shown}: {facts}\n")
    return same


def main() -> int:
    parser = argparse.ArgumentParser(description="Rebuild the example plugins and compare the bytes.")
    parser.add_argument("--write", action="store_true", help="update the checked-in files")
    write = parser.parse_args().write
    try:
        check_tools()
        with tempfile.TemporaryDirectory(prefix="tarkpm-rebuild-") as temp:
            results = [rebuild(example, Path(temp), write=write) for example in EXAMPLES]
    except RebuildError as error:
        sys.stderr.write(f"rebuild: {error}\n")
        return 2
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
