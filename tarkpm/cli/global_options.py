"""Options of every command, accepted before the command as well: ``tarkpm --project app list``."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from tarkpm.core.patterns import lazy_pattern

_EVERYWHERE = (
    (("--json",), {"is_flag": True, "help": "Print the result as JSON."}),
    (
        ("--project",),
        {
            "type": click.Path(path_type=Path, file_okay=False),
            "metavar": "DIR",
            "help": "Use the project in DIR. [default: the nearest tark.toml here or above]",
        },
    ),
    (("--user",), {"is_flag": True, "help": "Use your own plugins instead of a project's."}),
    (
        ("--accept-project",),
        {
            "default": "",
            "metavar": "[=sha256:…]",
            "help": "Accept the project's decisions; with a digest, only exactly those.",
        },
    ),
    (
        ("-v", "--verbose"),
        {"count": True, "help": "Print plugins' output; with -vv, tarkpm's tracebacks too."},
    ),
)
_OFFLINE = (("--offline",), {"is_flag": True, "help": "Make no network requests."})


def everywhere(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that every command takes."""
    return _with(function, _EVERYWHERE)


def anywhere(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that the program accepts before a command."""
    return _with(function, (*_EVERYWHERE, _OFFLINE))


def _with(function: Callable[..., Any], options: Any) -> Callable[..., Any]:
    for names, settings in reversed(options):
        function = click.option(*names, **settings)(function)
    return function


_BARE = {"--accept-project": "any", "--http": "127.0.0.1:0"}
_ADDRESS = lazy_pattern(r"[\d.\[\]:]+|localhost(:\d+)?")


def with_explicit_values(arguments: list[str]) -> list[str]:
    """Return the arguments with a bare ``--accept-project`` or ``--http`` given its value.

    click would take the next word as the value of an option whose value is optional. After ``--http`` an
    address may follow as a word of its own: no command's name looks like one.
    """
    end = arguments.index("--") if "--" in arguments else len(arguments)
    spelled = []
    for place, one in enumerate(arguments[:end]):
        following = arguments[place + 1 : place + 2]
        # An empty word is a value, too: that of a variable which is not set. It is refused as such.
        is_given = one == "--http" and (following == [""] or _ADDRESS.fullmatch("".join(following)))
        spelled.append(f"{one}={_BARE[one]}" if one in _BARE and not is_given else one)
    return spelled + arguments[end:]


def said_before() -> dict[str, Any]:
    """Return the options given before the command, by name."""
    context = click.get_current_context(silent=True)
    return dict(context.find_root().params) if context else {}
