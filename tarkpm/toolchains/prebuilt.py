"""A core module that another toolchain built for tark:plugin: Zig, TinyGo, wasm32-wasip1 and others."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from tarkpm.toolchains.job import Job
from tarkpm.toolchains.programs import Compiler


class Prebuilt:
    """Nothing is compiled."""

    name: str = "none"
    language: str = "WebAssembly"
    steady: bool = True
    least: tuple[int, int] = (0, 0)
    advice: Mapping[str, str] = MappingProxyType(
        {
            "export": "build it for the world of the plugin's type, with the WIT of tark: tarkpm wit",
            "import": "build it without WASI or for WASI preview 1, with the WIT of tark: tarkpm wit",
            "signature": "build it with the WIT of tark: tarkpm wit",
        }
    )

    def find(self, folder: Path, search_path: str) -> Compiler:
        """Return no program."""
        del folder, search_path
        return Compiler((), "")

    def version(self, job: Job, program: Compiler) -> str:
        """Return no version."""
        del job, program
        return ""

    def build(self, job: Job, program: Compiler) -> bytes:
        """Return the module as it is."""
        del program
        return (job.stage / job.source).read_bytes()
