"""Read arguments: a plugin or its folder; text, standard input (``-``) or a file (``@FILE``)."""

import sys
from pathlib import Path

import click

from tarkpm.errors import TarkError, TooLarge

MAX_TEXT = 1 << 20
"""Bytes of a text: the most that a host takes (`Limits.arguments`)."""
STDIN = "standard input"


def target(text: str) -> str:
    """Read a plugin argument: a folder, also ``plugins/mine``, or a name, which is checked.

    No name contains a slash, so a folder cannot be taken for one. Raises `TarkError`.
    """
    from tarkpm.cli.options import read_name
    from tarkpm.core.release import names_folder

    if names_folder(text) or ("/" in text and "://" not in text):
        return folder(text)
    return read_name(text)


def folder(text: str) -> str:
    """Return a path to a folder as one that cannot be taken for a name."""
    from tarkpm.core.release import names_folder

    return text if names_folder(text) else f"./{text}"


def read_text(text: str, what: str) -> str:
    """Return the text of an argument; ``what`` begins an error's message. Raises `TarkError`."""
    return _read(text, what)[0]


def read_json(text: str, what: str) -> str:
    """Return the text of an argument. Raises `TarkError` for a file or input that is not JSON."""
    from tarkpm.ops.run.json_text import check_json

    found, where = _read(text, what)
    if where:
        check_json(found, what, where=where)
    return found


def read_prompt(text: str) -> str:
    """Return the prompt: the argument itself, or standard input for ``-``. Raises `TarkError`."""
    if text != "-":
        return text
    found = read_text(text, "the prompt is").strip()
    if not found:
        raise TarkError("expected a prompt, found nothing", where=STDIN)
    return found


def _read(text: str, what: str) -> tuple[str, str]:
    """Return the text and its origin ("" if it was typed). Raises `TooLarge` over `MAX_TEXT`."""
    if text == "-":
        # One byte more than allowed, to tell a text that is too long: none is cut in silence.
        data, where = sys.stdin.buffer.read(MAX_TEXT + 1), STDIN
        if len(data) > MAX_TEXT:
            raise TooLarge(f"the input has more than {MAX_TEXT:,} bytes", where=STDIN, hint=_hint())
    elif text.startswith("@"):
        data, where = _read_file(text[1:]), text[1:]
    else:
        return text, ""
    try:
        return data.decode("utf-8"), where
    except UnicodeDecodeError:
        raise TarkError(f"{what} not UTF-8 text", where=where) from None


def _read_file(name: str) -> bytes:
    from tarkpm.io.files import read_file
    from tarkpm.io.paths import resolved

    if not name:
        raise TarkError("expected a file name after @, found nothing", where="@")
    path = Path(name)
    try:
        return read_file(resolved(path) if path.is_symlink() else path, MAX_TEXT)
    except TooLarge as problem:
        raise TooLarge(problem.message, where=problem.where, hint=_hint()) from None
    except TarkError as problem:  # a device or a folder: what `ls` shows of it does not help
        problem.hint = problem.hint or "name a regular file, or pass - to read standard input"
        raise
    except FileNotFoundError:
        raise TarkError("there is no such file", where=name, hint=_hint()) from None


def _hint() -> str:
    """Return the help of this command: the usual hint about a source that is too large is about plugins."""
    context = click.get_current_context(silent=True)
    return f"{context.command_path} --help" if context else ""
