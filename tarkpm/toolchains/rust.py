"""Rust without WASI: ``rustc`` for one file, ``cargo`` for a package, target ``wasm32-unknown-unknown``."""

import os
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Final

from tarkpm.core.recipe import CARGO
from tarkpm.errors import BuildError
from tarkpm.io.programs import find_program
from tarkpm.toolchains.job import Job, checked_version
from tarkpm.toolchains.programs import Compiler, compiler, find, find_all, missing, ziglang
from tarkpm.toolchains.reads import SourceReads

TARGET: Final = "wasm32-unknown-unknown"
LEAST: Final = (1, 56)
"""The first with edition 2021."""
_ADD: Final = f"rustup target add {TARGET}"
_APT: Final = "apt install rustc libstd-rust-dev-wasm32 lld"
_LINKERS: Final = (
    "wasm-ld",
    "wasm-ld-19",
    "wasm-ld-18",
    "wasm-ld-17",
    "wasm-ld-16",
    "wasm-ld-15",
    "wasm-ld-14",
)
_FLAGS: Final = ("-Cstrip=symbols", "-Clink-arg=-zstack-size=65536")
_PROFILE: Final = ("-Copt-level=s", "-Cpanic=abort", "-Clto", "-Ccodegen-units=1")
"""Not for cargo: there, Cargo.toml has the profile."""
# rustc passes -flavor to every linker, and wants warnings to be errors; linkers newer than rustc
# warn of the metadata in its libraries.
_WRAPPER: Final = """#!/bin/sh
for argument; do
  shift
  case $argument in -flavor|wasm|--fatal-warnings) ;; *) set -- "$@" "$argument" ;; esac
done
exec {linker} "$@"
"""


class Rust:
    """The compiler is the first on PATH that has the target: rustup's and Debian's may be side by side."""

    name: str = "rustc"
    language: str = "Rust"
    steady: bool = True
    least: tuple[int, int] = LEAST
    advice: Mapping[str, str] = MappingProxyType(
        {
            "export": "implement what the bindings of your type export: keep `mod tark;` and its macro",
            "import": "use the functions of tark.rs; a crate that needs WASI or JavaScript cannot run here",
            "signature": "use tark.rs of this tarkpm: tarkpm new has it",
            "failed": "fix the source, then: tarkpm build",
        }
    )

    def find(self, folder: Path, search_path: str) -> Compiler:
        """Return rustc."""
        del folder
        for path in find_all("rustc", search_path):
            if _libraries(path):
                return compiler(path)
        hint = _ADD
        if not find_program("rustup", search_path):
            hint = (
                _APT
                if find_program("apt", search_path)
                else f"install Rust (https://rustup.rs), then: {_ADD}"
            )
        if find_program("rustc", search_path):
            raise missing(f"target {TARGET}", "Rust", hint)
        raise missing("rustc", "Rust", hint)

    def version(self, job: Job, program: Compiler) -> str:
        """Return the version of rustc."""
        has_rustup = find_program("rustup", job.environment.get("PATH", ""))
        hint = "rustup update" if has_rustup else f"install Rust (https://rustup.rs), then: {_ADD}"
        return checked_version(job.run(program, ["--version"]), self.name, LEAST, hint)

    def build(self, job: Job, program: Compiler) -> bytes:
        """Return a core module."""
        flags = [*_FLAGS, *_linker(job, program), f"--remap-path-prefix={job.stage}=."]
        if PurePosixPath(job.source).name == CARGO:
            return _cargo(job, program, flags)
        flags += _PROFILE
        options = ["--target", TARGET, "--crate-type", "cdylib", "--edition", "2021"]
        reads = SourceReads(job)
        with reads.checked():
            job.run(program, [*options, f"--emit=dep-info={reads.rules},link={job.out}", *flags, job.source])
        return job.result(program)


def _libraries(rustc: str) -> bool:
    """Return whether a rustc has the target's libraries."""
    query = [rustc, "--print", "target-libdir", "--target", TARGET]
    # Not in the current folder: rustup would run the compiler that a rust-toolchain.toml there names.
    done = subprocess.run(query, capture_output=True, text=True, check=False, cwd=os.sep)
    return done.returncode == 0 and any(Path(done.stdout.strip()).glob("libcore-*"))


def _linker(job: Job, program: Compiler) -> list[str]:
    """Return the options for a linker, if rustc has none of its own; Debian's has none."""
    root = Path(job.run(program, ["--print", "sysroot"]).strip())
    search_path = job.environment.get("PATH", "")
    if any(root.glob("lib/rustlib/*/bin/rust-lld")) or find_program("rust-lld", search_path):
        return []
    if zig := ziglang() or find(("python-zig", "zig"), search_path):
        command = shlex.join([*zig.command, "wasm-ld"])
    elif found := find(_LINKERS, search_path):
        command = shlex.join(found.command)
    else:
        raise missing("wasm-ld", "Rust", "apt install lld")
    wrapper = job.scratch / "linker"
    wrapper.write_text(_WRAPPER.format(linker=command))
    wrapper.chmod(0o700)
    return [f"-Clinker={wrapper}", "-Clinker-flavor=wasm-ld"]


def _cargo(job: Job, rustc: Compiler, flags: list[str]) -> bytes:
    # The one beside rustc: another installation's may be too new for it, or too old.
    path = find_program("cargo", str(Path(rustc.command[0]).parent))
    if path is None:
        has_rustup = find_program("rustup", job.environment.get("PATH", ""))
        raise missing("cargo", "Rust", f"rustup target add {TARGET}" if has_rustup else "apt install cargo")
    target = job.scratch / "target"
    # Not RUSTFLAGS, which splits a path with a space.
    encoded = "\x1f".join(flags)
    more = {"RUSTC": rustc.command[0], "CARGO_ENCODED_RUSTFLAGS": encoded, "CARGO_TARGET_DIR": str(target)}
    arguments = ["build", "--release", "--target", TARGET, "--manifest-path", job.source]
    job.run(compiler(path), arguments, **more)
    found = sorted((target / TARGET / "release").glob("*.wasm"))
    if len(found) != 1:
        names = ", ".join(file.name for file in found) or "none"
        text = f'expected one module of a library of crate-type ["cdylib"], found {names}'
        raise BuildError(text, where=job.source)
    return found[0].read_bytes()
