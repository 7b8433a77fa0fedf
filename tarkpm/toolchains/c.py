"""C, with the clang and the linker in the PyPI package ``ziglang``."""

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from tarkpm.toolchains.job import Job, checked_version
from tarkpm.toolchains.programs import Compiler, find, install_from_pypi, missing, ziglang
from tarkpm.toolchains.reads import SourceReads

LEAST: Final = (0, 12)
_COMPILE: Final = (
    "-std=c11", "-Oz", "-nostdlib", "-Wall", "-Wextra", "-Wno-unused-function",
    # The assembler's .incbin reads any file, and no rule of a Makefile shows it.
    "-fno-gnu-inline-asm",
)  # fmt: skip
_LINK: Final = ("-Wl,--no-entry", "-Wl,--strip-all", "-Wl,-z,stack-size=32768")
_LIBRARIES: Final = re.compile(r'\blib_dir"? ?[:=] ?"([^"\\]+)"')
"""In what ``zig env`` prints: JSON, and since 0.15 ZON."""


class C:
    """Freestanding C11 with tark.h: no libc and no WASI."""

    name: str = "ziglang"
    language: str = "C"
    steady: bool = True
    least: tuple[int, int] = LEAST
    advice: Mapping[str, str] = MappingProxyType(
        {
            "export": "define the macro of the plugin's type, such as TARK_TOOL, before including tark.h",
            "import": "use the functions of tark.h, and no others: tarkpm wit --c",
            "signature": "use tark.h of this tarkpm: tarkpm wit --c",
            "failed": "fix the source; there is no libc, only what tark.h has: tarkpm wit --c",
        }
    )

    def find(self, folder: Path, search_path: str) -> Compiler:
        """Return zig."""
        del folder
        found = ziglang() or find(("python-zig", "zig"), search_path)
        if found is None:
            raise missing(self.name, self.language, install_from_pypi(self.name, search_path))
        return found

    def version(self, job: Job, program: Compiler) -> str:
        """Return the version of zig."""
        said = job.run(program, ["version"], **_caches(job))
        hint = install_from_pypi(self.name, job.environment.get("PATH", ""), upgrade=True)
        return checked_version(said, self.name, LEAST, hint)

    def build(self, job: Job, program: Compiler) -> bytes:
        """Return a core module."""
        target = ("cc", "-target", "wasm32-freestanding")
        places = ("-I", job.headers, "-o", job.out, job.source)
        reads = SourceReads(job, (job.headers, *_libraries(job, program)))
        with reads.checked():
            options = (*_COMPILE, *_LINK, "-MD", "-MF", reads.rules, *places)
            job.run(program, [*target, *options], **_caches(job))
        return job.result(program)


def _libraries(job: Job, program: Compiler) -> list[Path]:
    """Return the folder of zig's own headers."""
    found = _LIBRARIES.search(job.run(program, ["env"], **_caches(job)))
    return [job.stage / found[1]] if found else []


def _caches(job: Job) -> dict[str, str]:
    return {
        "ZIG_GLOBAL_CACHE_DIR": str(job.caches / "zig"),
        "ZIG_LOCAL_CACHE_DIR": str(job.scratch / "zig"),
    }
