"""Terminal output: cards and prompts on stderr, results on stdout, all of it safe to show."""

import os
import sys
from contextlib import suppress
from typing import Any, Final

import click
import msgspec

from tarkpm.core.text import masked, neutral
from tarkpm.errors import BuildError, PluginRaised, TarkError
from tarkpm.ops.project.ui import Card


class Console:
    """The `Ui` of a terminal, or of a pipe."""

    def __init__(self) -> None:
        self._busy = False
        # Decided once, for stderr: stdout may be piped while the user watches progress.
        self._live = is_terminal(sys.stderr)

    @property
    def interactive(self) -> bool:
        """Return whether a user can be prompted: stdin and stderr are terminals."""
        return is_terminal(sys.stdin) and is_terminal(sys.stderr)

    def show(self, cards: list[Card]) -> None:
        """Print cards on stderr."""
        from tarkpm.cli.cards import card_lines

        width, height = size() if self._live else (None, None)
        for line in card_lines(cards, width, height):
            shown = style(line.text, fg="yellow") if line.loud else line.text
            self.say(line.before + (style(shown, bold=True) if line.bold else shown))
        self.say("")

    def confirm(self, question: str) -> bool:
        """Prompt on stderr; anything but yes is no. Ctrl-C and Ctrl-D end the program."""
        # The prompt must not be written behind a progress line.
        self.busy("")
        return click.confirm(question, default=False, err=True)

    def read(self, prompt: str) -> str:
        """Read a line that the user types, stripped; "" at the end of input."""
        self.busy("")
        sys.stderr.write(style(prompt, bold=True) if _color(sys.stderr) else prompt)
        sys.stderr.flush()
        line = sys.stdin.readline()
        if not line:
            self.say("")
        return line.strip()

    def note(self, text: str) -> None:
        """Print a note on stderr."""
        self.say(style("note: ", fg="cyan") + neutral(text))

    def busy(self, text: str) -> None:
        """Show what is in progress, at a terminal only; the next line replaces it."""
        if not self._live:
            return
        if self._busy or text:
            # a line that wraps could not be cleared again
            shown = f"{neutral(text)[: size()[0] - 3]} …" if text else ""
            shown = style(shown, dim=True) if shown and _color(sys.stderr) else shown
            sys.stderr.write(f"\r\x1b[2K{shown}")
            sys.stderr.flush()
        self._busy = bool(text)

    def say(self, text: str) -> None:
        """Print a line on stderr; the caller has made it safe to show."""
        self.busy("")
        click.echo(text, err=True, color=_color(sys.stderr))


def size(stream: Any = None) -> tuple[int, int]:
    """Return columns and lines of the terminal on ``stream``, by default stderr."""
    try:
        size = os.get_terminal_size((stream or sys.stderr).fileno())
    except (OSError, ValueError):
        return 80, 24
    return size.columns or 80, size.lines or 24


def is_terminal(stream: Any) -> bool:
    """Return whether a stream is a terminal."""
    return stream is not None and bool(stream.isatty())  # None: it was closed before the program started


def _color(stream: Any) -> bool:
    has_none = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return is_terminal(stream) and not has_none


def style(text: str, **styles: Any) -> str:
    """Style text; `echo` removes the styles where there is no terminal."""
    return click.style(text, **styles)


def echo(text: str) -> None:
    """Print a line of a result on stdout."""
    click.echo(text, color=_color(sys.stdout))


def echo_output(text: str) -> None:
    """Print a plugin's output on stdout: neutralized at a terminal, unchanged in a pipe or file."""
    # A plugin could otherwise control the terminal with escape sequences; a pipe gets what it wrote.
    if is_terminal(sys.stdout):
        echo(neutral(text, keep="\n\t"))
    else:
        click.echo(text, color=True)  # color=True stops click from stripping escape sequences


def echo_json(value: Any, *, one_line: bool = False) -> None:
    """Print a report as one JSON document on stdout."""
    import json

    # ASCII only: no control or bidi character of a plugin reaches a terminal, and surrogates can be encoded
    text = json.dumps(msgspec.to_builtins(value), ensure_ascii=True, indent=None if one_line else 2)
    click.echo(text, color=False)


def clear_line() -> None:
    """Clear the progress line or prompt, at a terminal."""
    if is_terminal(sys.stderr):
        sys.stderr.write("\r\x1b[2K")
        sys.stderr.flush()


class _Verbosity:
    """Whether this process was started with ``-v``."""

    is_on = False


def set_verbose(on: bool) -> None:
    """Print, or not, what plugins write for their authors: debug messages, output, tracebacks."""
    _Verbosity.is_on = on


def is_verbose() -> bool:
    """Return whether `set_verbose` asked for that. Off by default."""
    return _Verbosity.is_on


MAX_WHERE: Final = 8_192
"""Characters of an error's place that are shown: two paths of Linux's limit. JSON has all of them."""


def print_error(error: TarkError, *, as_json: bool = False) -> int:
    """Print an error with its place and hint; returns the exit status."""
    clear_line()
    # a password typed where no URL is expected is not repeated (docs/trust-rules.md, rule 11)
    error.message, error.where, error.hint = map(masked, (error.message, error.where, error.hint))
    lines = [style("error: ", fg="red", bold=True) + neutral(error.message)]
    if error.where:
        lines.append(f"  where: {neutral(error.where, limit=MAX_WHERE)}")
    if isinstance(error, PluginRaised) and is_verbose() and error.traceback:
        lines.append("  traceback, as the plugin reports it:")
        lines += (f"    | {neutral(line)}" for line in error.traceback.split("\n"))
    if isinstance(error, BuildError):
        lines += (f"    | {neutral(line)}" for line in error.output)
    if error.hint:
        lines.append(f"  help: {neutral(error.hint)}")
    with suppress(OSError):  # the reader is gone: the exit status still reports the error
        click.echo("\n".join(lines), err=True, color=_color(sys.stderr))
        if as_json:
            echo_json({"error": error_table(error)})
    return error.exit_status


def error_table(error: TarkError) -> dict[str, Any]:
    """Return an error as JSON shows it."""
    found: dict[str, Any] = {
        "code": error.code,
        "message": error.message,
        "where": error.where,
        "hint": error.hint,
        "exit_status": error.exit_status,
    }
    if isinstance(error, BuildError):
        found["output"] = error.output
    if isinstance(error, PluginRaised):
        found |= {"exception": error.exception, "traceback": error.traceback}
    return found
