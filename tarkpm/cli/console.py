"""Terminal output: cards and prompts on stderr, results on stdout, all of it safe to show."""

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import click
import msgspec

from tarkpm.core.text import cut, masked, neutral
from tarkpm.errors import BuildError, TarkError
from tarkpm.ops.project.ui import Card


class Console:
    """The `Ui` of a terminal, or of a pipe."""

    def __init__(self) -> None:
        self._busy = False
        # Decided once, for stderr: stdout may be piped while the user watches progress.
        self._live = _is_terminal(sys.stderr)

    @property
    def interactive(self) -> bool:
        """Return whether a user can be prompted: stdin and stderr are terminals."""
        return _is_terminal(sys.stdin) and _is_terminal(sys.stderr)

    def show(self, cards: list[Card]) -> None:
        """Print cards on stderr."""
        from tarkpm.cli.cards import card_lines

        width, height = _size() if self._live else (None, None)
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
            shown = f"{neutral(text)[: _size()[0] - 3]} …" if text else ""
            shown = style(shown, dim=True) if shown and _color(sys.stderr) else shown
            sys.stderr.write(f"\r\x1b[2K{shown}")
            sys.stderr.flush()
        self._busy = bool(text)

    def say(self, text: str) -> None:
        """Print a line on stderr; the caller has made it safe to show."""
        self.busy("")
        click.echo(text, err=True, color=_color(sys.stderr))


def _size(stream: Any = None) -> tuple[int, int]:
    """Return columns and lines of the terminal on ``stream``, by default stderr."""
    try:
        size = os.get_terminal_size((stream or sys.stderr).fileno())
    except (OSError, ValueError):
        return 80, 24
    return size.columns or 80, size.lines or 24


def _is_terminal(stream: Any) -> bool:
    return stream is not None and bool(stream.isatty())  # None: it was closed before the program started


def _color(stream: Any) -> bool:
    has_none = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return _is_terminal(stream) and not has_none


def style(text: str, **styles: Any) -> str:
    """Style text; `echo` removes the styles where there is no terminal."""
    return click.style(text, **styles)


def echo(text: str) -> None:
    """Print a line of a result on stdout."""
    click.echo(text, color=_color(sys.stdout))


def echo_output(text: str) -> None:
    """Print a plugin's output on stdout: neutralized at a terminal, unchanged in a pipe or file."""
    # A plugin could otherwise control the terminal with escape sequences; a pipe gets what it wrote.
    if _is_terminal(sys.stdout):
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
    if _is_terminal(sys.stderr):
        sys.stderr.write("\r\x1b[2K")
        sys.stderr.flush()


def print_error(error: TarkError, *, as_json: bool = False) -> int:
    """Print an error with its place and hint; returns the exit status."""
    clear_line()
    # a password typed where no URL is expected is not repeated (docs/trust-rules.md, rule 11)
    error.message, error.where, error.hint = map(masked, (error.message, error.where, error.hint))
    lines = [style("error: ", fg="red", bold=True) + neutral(error.message)]
    if error.where:
        lines.append(f"  where: {neutral(error.where)}")
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
    more = {"output": error.output} if isinstance(error, BuildError) else {}
    return {
        "code": error.code,
        "message": error.message,
        "where": error.where,
        "hint": error.hint,
        "exit_status": error.exit_status,
        **more,
    }


def table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Return rows as aligned columns under a header; the last column is not padded.

    At a terminal, the widest columns are cut until a row fits. ``--json`` and pipes get everything.
    """
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    if _is_terminal(sys.stdout):
        widths = fitted(widths, _size(sys.stdout)[0] - 1)
    lines = []
    for row in (header, *rows):
        cells = [_cell(cell, width) for cell, width in zip(row, widths, strict=True)]
        lines.append("  ".join(cells).rstrip())
    return _one_line_each(lines)


def fitted(widths: Sequence[int], room: int) -> list[int]:
    """Return the widths of columns, of which the widest are cut so that all fit into ``room``.

    The first column names the row: it gets up to half of the room before the others.
    """
    left = room - 2 * (len(widths) - 1)
    if sum(widths) <= left:
        return list(widths)
    fits = {0: min(widths[0], max(left // 2, 1))} if widths[1:] else {}
    left -= sum(fits.values())
    # From the narrowest: a column gets what it needs, as long as the others can have as much.
    for place, width in sorted(enumerate(widths), key=lambda item: item[1]):
        if place not in fits:
            fits[place] = min(width, max(left // (len(widths) - len(fits)), 1))
            left -= fits[place]
    return [fits[place] for place in range(len(widths))]


def _cell(text: str, width: int) -> str:
    return (text if len(text) <= width else cut(text, width)).ljust(width)


def _one_line_each(lines: Sequence[str]) -> list[str]:
    """Return lines that end with a plugin's own words, cut to the width of the terminal, if there is one.

    A line that the terminal wraps would continue at the left edge, where it reads as a line of tarkpm.
    """
    if not _is_terminal(sys.stdout):
        return list(lines)
    return [cut(line, _size(sys.stdout)[0] - 1) for line in lines]
