"""JavaScript: QuickJS with npm's ``componentize-qjs``, or SpiderMonkey with ``componentize-js``."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from tarkpm.toolchains.job import Job, checked_version
from tarkpm.toolchains.programs import Compiler, find, install_from_npm, missing, npm_version

_ADVICE: Final = MappingProxyType(
    {
        "export": "export the interface of your type as an object: export const toolPlugin = { … }",
        "import": 'import only "tark:plugin/…" interfaces, and declare them under [capabilities]',
        "signature": "return the values that the WIT describes: tarkpm wit",
        "failed": 'fix the source; it can import the "tark:plugin/…" interfaces that [capabilities] declares',
    }
)


_CONSOLE: Final = (
    'import * as $tarkLog from "tark:plugin/log"; globalThis.console ??= (() => { '
    'const text = (one) => { if (typeof one === "string") return one; '
    "if (one instanceof Error) return `${one}`; "
    "try { return JSON.stringify(one) ?? String(one); } catch { return String(one); } }; "
    'const to = (level) => (...parts) => $tarkLog[level](parts.map(text).join(" ")); '
    'return { log: to("info"), info: to("info"), debug: to("debug"), trace: to("debug"), warn: to("warn"), '
    'error: to("error") }; })(); '
)
"""QuickJS has no console. One line, and before the first line of the source, so that line numbers stay."""


class QuickJs:
    """The default: a build takes a second, a plugin 1 MB.

    The snapshot of the engine's memory holds random seeds, so no two builds are equal.
    """

    name: str = "componentize-qjs"
    package: str = "componentize-qjs"
    language: str = "JavaScript"
    steady: bool = False
    least: tuple[int, int] = (0, 4)
    """The oldest version whose options are known to be these."""
    advice: Mapping[str, str] = _ADVICE

    def find(self, folder: Path, search_path: str) -> Compiler:
        """Return the program that npm installs."""
        found = find((self.name,), search_path)
        if found is None:
            hint = install_from_npm(self.package, self.name, folder, search_path)
            raise missing(self.name, self.language, hint)
        return found

    def version(self, job: Job, program: Compiler) -> str:
        """Return the version of the npm package, which QuickJS's program does not print."""
        del job
        found = npm_version(Path(program.command[0]).resolve())
        return checked_version(found, self.name, self.least, f"npm install --global {self.package}")

    def build(self, job: Job, program: Compiler) -> bytes:
        """Return a component. Its console writes to the plugin's log, which every plugin may use."""
        source = job.stage / job.source
        source.write_bytes(_CONSOLE.encode() + source.read_bytes())
        options = ["--sync", "--opt-size", "-w", job.wit, "-n", job.world, "--module-root", "."]
        job.run(program, [*options, "-j", job.source, "-o", job.out])
        return job.result(program)


class SpiderMonkey(QuickJs):
    """A faster engine in a plugin of 12 MB."""

    name = "componentize-js"
    package = "@bytecodealliance/componentize-js"
    least = (0, 19)

    def build(self, job: Job, program: Compiler) -> bytes:
        """Return a component. Without the options it would import wasi:http, which no plugin gets."""
        options = ["-w", job.wit, "-n", job.world, "--disable", "http", "fetch-event", "-o", job.out]
        job.run(program, [job.source, *options])
        return job.result(program)
