"""``tarkpm dev``."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.collector import collect_garbage
from tarkpm.cli.commands.build import lines as build_lines
from tarkpm.cli.commands.call import print_trace
from tarkpm.cli.commands.check import check_lines
from tarkpm.cli.commands.test import case_lines
from tarkpm.cli.complete import tool_names
from tarkpm.cli.console import (
    clear_line,
    echo,
    echo_json,
    echo_output,
    error_table,
    print_error,
    set_verbose,
    style,
)
from tarkpm.cli.options import Invocation, running_folders
from tarkpm.cli.rendering import print_call_log
from tarkpm.cli.text_args import read_json
from tarkpm.core.text import some
from tarkpm.errors import StoreError, TarkError
from tarkpm.host import prestart

if TYPE_CHECKING:
    pass


@click.command("dev", cls=CheckedCommand)
@click.argument("folder", default=".", metavar="[DIR]", type=click.Path(path_type=Path))
@click.argument("tool", required=False, shell_complete=tool_names)
@click.argument("arguments", default="{}", metavar="[JSON | - | @FILE]")
@running_folders
def dev_command(invocation: Invocation, folder: Path, tool: str | None, arguments: str) -> int:
    """Build, test and check the plugin in DIR whenever a file is saved.

    With TOOL, it is called after each build; its log and its host calls are shown. It runs until it is
    interrupted. With --json, it prints one document for each change.
    """
    from tarkpm.ops.dev import changes, plugin_folder

    collect_garbage()
    set_verbose(True)  # the author is here: what the plugin prints, and tracebacks, are for them
    place = plugin_folder(invocation.settings, folder)
    text = read_json(arguments, "the arguments are")
    try:
        for changed in changes(place):
            if changed and not invocation.json:
                echo(style(f"── {time.strftime('%H:%M:%S')} changed: {some(changed)}", dim=True))
            _Round(invocation, place, changed).run(tool, text)
            invocation.ui.note(f"watching {place}; press Ctrl-C to stop")
    except KeyboardInterrupt:  # the ordinary end
        clear_line()
    return 0


class _Round:
    """What happens after one change: each step is shown at once.

    A failed build ends the round; a failed call, test or check does not hide the others.
    """

    def __init__(self, invocation: Invocation, folder: Path, changed: tuple[str, ...]) -> None:
        self._invocation = invocation
        self._folder = folder
        steps = ("build", "output", "test", "check", "error")
        self._found: dict[str, Any] = {"changed": changed, **dict.fromkeys(steps)}

    def run(self, tool: str | None, arguments: str) -> None:
        self._attempt(lambda: self._steps(tool, arguments))
        if self._invocation.json:
            echo_json(self._found, one_line=True)

    def _attempt(self, step: Callable[[], None]) -> None:
        """Run a step, and report its error."""
        try:
            step()
        except TarkError as problem:
            self._failed(problem)
        except OSError as problem:  # a file that was removed while it was read
            message = (problem.strerror or str(problem)).lower()
            self._failed(StoreError(message, where=str(problem.filename or "")))

    def _steps(self, tool: str | None, arguments: str) -> None:
        from tarkpm.ops.build import build
        from tarkpm.ops.dev import has_cases

        settings, ui = self._invocation.settings, self._invocation.ui
        if tool:
            prestart.start()  # it loads wasmtime while the compiler runs
        built = build(settings, ui, self._folder)
        for note in built.notes:
            ui.note(note)
        self._show("build", built, build_lines(built, dry_run=False))
        if tool:
            self._attempt(lambda: self._call(tool, arguments))
        if has_cases(self._folder):
            self._attempt(self._test)
        self._attempt(self._check)

    def _test(self) -> None:
        from tarkpm.ops.test import run_cases

        cases = run_cases(self._invocation.settings, self._invocation.ui, self._folder, only="")
        self._show("test", cases, list(case_lines(cases)))

    def _check(self) -> None:
        from tarkpm.ops.check import check

        checked = check(self._invocation.settings, self._invocation.ui, self._folder)
        self._show("check", checked, check_lines(checked))

    def _call(self, tool: str, arguments: str) -> None:
        from tarkpm.ops.call import call

        report = call(
            self._invocation.settings,
            self._invocation.ui,
            str(self._folder),
            tool,
            arguments,
            log=print_call_log,
            trace=print_trace,
        )
        self._found["output"] = report.output
        if not self._invocation.json:
            self._invocation.ui.busy("")
            echo_output(report.output)

    def _show(self, key: str, report: msgspec.Struct, lines: list[str]) -> None:
        self._found[key] = report
        if not self._invocation.json:
            self._invocation.ui.busy("")
            echo("\n".join(lines))

    def _failed(self, problem: TarkError) -> None:
        self._invocation.ui.busy("")
        # The first one: a call that fails is often why a case does.
        self._found["error"] = self._found["error"] or error_table(problem)
        print_error(problem)
