"""JavaScript: QuickJS with npm's ``componentize-qjs``, or SpiderMonkey with ``componentize-js``."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from tarkpm.core.text import camel_case
from tarkpm.errors import BuildError
from tarkpm.toolchains.component.wit import Compound, Type, WitInterface, read_package
from tarkpm.toolchains.job import Job, checked_version
from tarkpm.toolchains.programs import Compiler, find, install_from_npm, missing, npm_version
from tarkpm.toolchains.resources import wit_files
from tarkpm.toolchains.undeclared import called, undeclared

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
    'error: to("error") }; })();\n'
)
"""QuickJS has no console."""
_CONSOLE_FILE: Final = "tark-console.js"
"""A file of its own, imported at the end of the source, so that the lines and columns of the source stay."""
_MISSING: Final = "$tarkMissing:"
"""Marks what a source does not export, in the output of a build that `ending` ended."""
_FOUND: Final = re.compile(rf"{re.escape(_MISSING)}([A-Za-z.]{{1,100}})")
_IMPORT: Final = re.compile(r'resolve JavaScript import "tark:plugin/([a-z-]{1,40})"')
"""How componentize-qjs 0.4 says that the world of the plugin has no such interface."""
_ASKED: Final = re.compile(r"componentize-qjs$|\s+(WIT|JS|Output): ")
"""What it was asked to do, which it repeats."""

_REPORT: Final = (
    "const $tarkReport = (own, isPlain) => function $tarkCall(...all) { "
    "try { return own.apply(this, all); } catch (error) { try { if (error instanceof Error) { "
    'const lines = error.stack.split("\\n"); '
    'const end = lines.findIndex((line) => line.includes("$tarkCall")); '
    'error.stack = [error.constructor.name, ...lines.slice(0, end - 1)].join("\\n"); } '
    'else if (isPlain && typeof error === "object") error = JSON.stringify(error); } catch {} '
    "throw error; } }; "
)
"""QuickJS prints an exception without its class, so its stack gets it as a first line (`host.exceptions`).

The two last frames, of this function and of ``apply``, say nothing to the author. Another object is printed
as an address, so it becomes JSON, unless the function returns a ``result``: there it is the error's value.
"""


def ending(name: str, plugin_type: str) -> str:
    """Return the end of a source ``name``: it ends the build unless what its type requires is exported.

    The engine runs the file once while it builds, but looks for the exports only at each call of one.
    """
    interface = camel_case(f"{plugin_type}-plugin")
    package = read_package(text.decode() for text in wit_files().values())
    functions = package.interfaces.get(f"{plugin_type}-plugin", WitInterface({}, {})).functions
    wanted = json.dumps({camel_case(one): not _is_result(made.result) for one, made in functions.items()})
    return (
        f"\nimport * as $tarkOwn from {json.dumps(f'./{name}')}; {_REPORT}"
        f'if (!$tarkOwn.{interface}) throw new Error("{_MISSING}{interface}"); '
        f"for (const [name, isPlain] of Object.entries({wanted})) {{ const own = $tarkOwn.{interface}[name]; "
        f'if (typeof own !== "function") throw new Error("{_MISSING}{interface}." + name); '
        # A frozen object stays as it is: its exceptions only lack their class.
        f"try {{ $tarkOwn.{interface}[name] = $tarkReport(own, isPlain); }} catch {{}} }}\n"
    )


def _is_result(made: Type | None) -> bool:
    return isinstance(made, Compound) and made.kind == "result"


def unexported(name: str) -> tuple[str, str]:
    """Return message and hint for a missing export, such as ``toolPlugin`` or ``toolPlugin.execute``."""
    interface, _, function = name.partition(".")
    inside = f"{function}: …" if function else "…"
    return f"the source does not export '{name}'", f"export const {interface} = {{ {inside} }}"


def _explained(output: str) -> tuple[str, str] | None:
    """Return message and hint for what ended a build; None for anything but these three."""
    if found := _FOUND.search(output):
        return unexported(found[1])
    if found := _IMPORT.search(output):
        return undeclared(found[1])
    return called(output)


class QuickJs:
    """The default: a build takes a second, a plugin 1 MB.

    The snapshot of the engine's memory holds random seeds, so no two builds are equal.
    """

    name: str = "componentize-qjs"
    package: str = "componentize-qjs"
    language: str = "JavaScript"
    steady: bool = False
    least: tuple[int, int] = (0, 4)
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
        """Return a component. Its console writes to the plugin's log, which every plugin may use.

        Raises `BuildError`.
        """
        source = job.stage / job.source
        end = ending(source.name, job.plugin_type) + f'import "./{_CONSOLE_FILE}";\n'
        source.write_bytes(source.read_bytes() + end.encode())
        source.with_name(_CONSOLE_FILE).write_text(_CONSOLE)
        options = ["--sync", "--opt-size", "-w", job.wit, "-n", job.world, "--module-root", "."]
        try:
            job.run(program, [*options, "-j", job.source, "-o", job.out])
        except BuildError as problem:
            if told := _explained("\n".join(problem.output)):
                raise BuildError(told[0], where=job.source, hint=told[1]) from None
            problem.output = tuple(line for line in problem.output if not _ASKED.match(line))
            raise
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
