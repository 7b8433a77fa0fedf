"""Options every command takes, and that may also stand before it: ``tarkpm --project app list``."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

_EVERYWHERE = (
    (("--json",), {"is_flag": True, "help": "Print the result as JSON."}),
    (
        ("--project",),
        {
            "type": click.Path(path_type=Path, file_okay=False),
            "help": "Work on the project in this folder.",
        },
    ),
    (("--user",), {"is_flag": True, "help": "Work on your own plugins, not on a project's."}),
    (
        ("--accept-project",),
        {
            "default": "",
            "metavar": "[=sha256:…]",
            "help": "Accept what the project decides; with a digest, only those very decisions.",
        },
    ),
    (("-v", "--verbose"), {"count": True, "help": "-vv shows where an error came from."}),
)
_OFFLINE = (("--offline",), {"is_flag": True, "help": "Make no network call."})


def everywhere(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that every command takes."""
    return _with(function, _EVERYWHERE)


def anywhere(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give the program itself those that may stand before a command."""
    return _with(function, (*_EVERYWHERE, _OFFLINE))


def _with(function: Callable[..., Any], options: Any) -> Callable[..., Any]:
    for names, settings in reversed(options):
        function = click.option(*names, **settings)(function)
    return function


def with_explicit_values(arguments: list[str]) -> list[str]:
    """The arguments with ``--accept-project`` alone spelled out.

    click would take the next word for the value of an option that may go without one.
    """
    end = arguments.index("--") if "--" in arguments else len(arguments)
    spelled = ["--accept-project=any" if one == "--accept-project" else one for one in arguments[:end]]
    return spelled + arguments[end:]


def said_before() -> dict[str, Any]:
    """The values of those that stood before the command, by name."""
    context = click.get_current_context(silent=True)
    return dict(context.find_root().params) if context else {}


def complete_names(context: click.Context, _: click.Parameter, typed: str) -> list[str]:
    """The names of plugins here that begin so, for a shell that completes a command; never an error.

    A folder whose name no plugin can have is not offered: the name is text somebody else chose, and a shell
    would put it on the user's line.
    """
    import os

    from tarkpm.core.release import is_plugin_name
    from tarkpm.errors import TarkError
    from tarkpm.ops.project.location import checked_place
    from tarkpm.ops.project.settings import Settings, user_paths

    said = {**context.find_root().params, **{k: v for k, v in context.params.items() if v}}
    settings = Settings(
        cwd=Path.cwd(), paths=user_paths(os.environ), project=said.get("project"), user=bool(said.get("user"))
    )
    try:
        names = checked_place(settings, create=True).environment.names()
    except (TarkError, OSError):
        return []
    return [name for name in names if name.startswith(typed.lower()) and is_plugin_name(name)]
