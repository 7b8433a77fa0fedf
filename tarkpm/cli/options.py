"""Options that commands share, and the settings made of them and of the environment variables."""

import functools
import math
import os
import shlex
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import msgspec

from tarkpm.cli.complete import locked_names, plugin_names
from tarkpm.cli.console import Console, echo, echo_json, echo_output
from tarkpm.cli.global_options import everywhere, said_before
from tarkpm.cli.identity_option import identity_option, keyless_option
from tarkpm.core import variables
from tarkpm.core.patterns import lazy_pattern
from tarkpm.core.text import without_login
from tarkpm.errors import TarkError
from tarkpm.ops.project.settings import ANY_DECISIONS, Settings, user_paths

if TYPE_CHECKING:  # parsers are imported when an argument needs one: start-up time
    from tarkpm.core.capability import Capability
    from tarkpm.core.release import PluginName
    from tarkpm.core.version import Version

T = TypeVar("T")


class Seconds(click.FloatRange):
    """A number of seconds: finite, and not negative."""

    def __init__(self) -> None:
        super().__init__(min=0)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Convert the text. ``nan`` passes every comparison of `click.FloatRange`."""
        found = super().convert(value, param, ctx)
        return found if math.isfinite(found) else self.fail(f"{value!r} is not a finite number", param, ctx)


class Invocation(msgspec.Struct, frozen=True):
    """One run of a command: its settings, its console, and whether the result is JSON."""

    settings: Settings
    ui: Console
    json: bool

    def report(self, value: Any, lines: Callable[[], list[str]]) -> None:
        """Print a result: ``value`` as JSON, or the lines that ``lines`` returns."""
        self.ui.busy("")
        if self.json:
            echo_json(value)
            return
        if text := lines():
            echo("\n".join(text))  # in one call, because each `echo` flushes

    def output(self, value: Any, text: str) -> None:
        """Print the output of a plugin: ``value`` as JSON, or its ``text``."""
        self.ui.busy("")
        if self.json:
            echo_json(value)
        else:
            echo_output(text)


def common(function: Callable[..., Any], *, anywhere: bool = False) -> Callable[..., Any]:
    """Add the options of every command; the command receives an `Invocation` first.

    A command that runs ``anywhere`` does not use the current folder, which may have been deleted.
    """

    @functools.wraps(function)
    def wrapper(
        json: bool, project: Path | None, user: bool, accept_project: str, verbose: int, **rest: Any
    ) -> Any:
        del verbose  # `group.run` reads it from the arguments: it must know it even when parsing fails
        before = said_before()
        special = {key: rest.pop(key) for key in _SPECIAL if key in rest}
        settings = make_settings(
            os.environ,
            project=project or before.get("project"),
            user=user or before.get("user", False),
            accept_project=accept_project or before.get("accept_project", ""),
            cwd=Path(os.sep) if anywhere else Path.cwd(),
        )
        if special.pop("offline", False) or before.get("offline", False):
            settings = settings.made_offline("--offline")
        settings = msgspec.structs.replace(settings, **special)
        return function(Invocation(settings, Console(), json or before.get("json", False)), **rest)

    return everywhere(wrapper)


_SPECIAL = (
    "offline",
    "allow_http",
    "dry_run",
    "yes",
    "accept_unmanaged",
    "keep_data",
    "accept_folder",
    "folder_grants",
)
"""Options that are settings; a command does not receive them."""

anywhere = functools.partial(common, anywhere=True)
offline = click.option("--offline", is_flag=True, help="Make no network requests.")
dry_run = click.option("--dry-run", is_flag=True, help="Show what would happen and change nothing.")
yes = click.option(
    "-y", "--yes", is_flag=True, help='Skip the "Proceed?" prompt. Other prompts still appear.'
)
allow_http = click.option(
    "--allow-http", is_flag=True, help="Allow unencrypted http:// and git:// to other machines."
)
keep_data = click.option(
    "--keep-data", is_flag=True, help="When a plugin's publisher changes, hand over the stored data."
)

accept_unmanaged = click.option(
    "--accept-unmanaged",
    shell_complete=plugin_names,
    multiple=True,
    metavar="NAME",
    callback=lambda _context, _option, names: frozenset(map(read_name, names)),
    help="Run plugin NAME although tarkpm did not install it.",
)


def running(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of `common`, and the consent to unmanaged plugins."""
    return accept_unmanaged(common(function))


_FOLDER = [
    click.option(
        "--grant",
        "folder_grants",
        multiple=True,
        metavar="CAPABILITY",
        callback=lambda _context, _option, texts: tuple(map(read_capability, texts)),
        help="Grant the plugin in a folder only this part of what it declares, for this run.",
    ),
    click.option(
        "--accept-capabilities",
        "accept_folder",
        is_flag=True,
        help="Agree to run a folder with the capabilities it declares.",
    ),
]


def running_folders(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of `running`, and the consent to run a working copy."""
    wrapper = running(function)
    for option in reversed(_FOLDER):
        wrapper = option(wrapper)
    return wrapper


_FLAGS = (
    *("accept_capabilities", "accept_tools", "allow_downgrade", "allow_republished"),
    *("adopt", "identity", "keyless"),
)
"""Answers that are options of the same name."""
_CONSENT = [
    click.option("--trust", multiple=True, metavar="KEY", help="Trust releases signed by KEY."),
    identity_option,
    keyless_option,
    click.option("--accept-capabilities", is_flag=True, help="Grant the declared capabilities."),
    click.option("--accept-tools", is_flag=True, help="Accept changed definitions of tools."),
    click.option(
        "--allow-unsigned",
        shell_complete=locked_names,
        multiple=True,
        metavar="NAME",
        help="Accept NAME without a signature.",
    ),
    click.option("--allow-downgrade", is_flag=True, help="Accept a version lower than the locked one."),
    click.option("--allow-republished", is_flag=True, help="Accept changed contents for a locked version."),
    click.option(
        "--no-minimum-age",
        shell_complete=locked_names,
        multiple=True,
        metavar="NAME",
        help="Exclude NAME from the minimum release age, in tark.toml.",
    ),
]


def consent(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that answer consent questions; the command receives them as ``answers``."""

    @functools.wraps(function)
    def wrapper(
        *args: Any,
        trust: tuple[str, ...],
        allow_unsigned: tuple[str, ...],
        no_minimum_age: tuple[str, ...],
        **rest: Any,
    ) -> Any:
        from tarkpm.core.consent import Answers
        from tarkpm.core.key import public_key

        flags = {key: rest.pop(key) for key in _FLAGS if key in rest}
        if trust and flags.get("keyless"):
            raise TarkError("expected --trust or --keyless, found both")
        answers = Answers(
            trust=tuple(read(public_key, text, "--trust") for text in trust),
            allow_unsigned=frozenset(read_name(text) for text in allow_unsigned),
            no_minimum_age=frozenset(read_name(text) for text in no_minimum_age),
            **flags,
        )
        return function(*args, answers=answers, **rest)

    for option in reversed(_CONSENT):
        wrapper = option(wrapper)
    return wrapper


def make_settings(
    environ: Mapping[str, str], *, project: Path | None, user: bool, accept_project: str, cwd: Path
) -> Settings:
    """Return the settings made of the options and of a snapshot of the environment variables.

    Only the command line reads the process's environment; verbs see `Settings.environment`. Raises
    `TarkError` for options or variables that do not fit.
    """
    if project is not None and user:
        raise TarkError("expected --project or --user, found both")
    # An option takes precedence over the variable, which is checked all the same.
    named = variables.text(environ, "TARKPM_PROJECT")
    if project is None and not user and named:
        project = Path(named)
    accepted = _accepted(variables.text(environ, "TARKPM_ACCEPT_PROJECT"), "TARKPM_ACCEPT_PROJECT")
    return Settings(
        cwd=cwd,
        paths=user_paths(environ),
        environment=dict(environ),
        project=project,
        user=user,
        offline=variables.flag(environ, "TARKPM_OFFLINE"),
        offline_by="TARKPM_OFFLINE",
        accept_project=_accepted(accept_project, "--accept-project") if accept_project else accepted,
        lock_seconds=variables.seconds(environ, "TARKPM_LOCK_TIMEOUT", 60.0),
        command=shlex.join(["tarkpm", *map(without_login, sys.argv[1:])]),
    )


def _accepted(text: str, where: str) -> str:
    """Return which decisions are accepted in advance: "" for none, `ANY_DECISIONS`, or a digest."""
    if not text or text.lower() in variables.NO:
        return ""
    if text.lower() in (*variables.YES, ANY_DECISIONS):
        return ANY_DECISIONS
    # A mistyped digest must not be taken for consent to any decisions.
    if not _DIGEST.fullmatch(text):
        raise TarkError(f"expected sha256: and 64 hexadecimal digits, found '{text[:80]}'", where=where)
    return text


_DIGEST = lazy_pattern(r"sha256:[0-9a-f]{64}")


def read(reader: Callable[[str], T], text: str, where: str) -> T:
    """Apply a parser of `core` to an argument; a `ValueError` becomes a `TarkError` at ``where``."""
    try:
        return reader(text)
    except ValueError as problem:
        raise TarkError(str(problem), where=where) from None


def read_name(text: str) -> "PluginName":
    """Read a plugin name. Raises `TarkError`."""
    from tarkpm.core.release import plugin_name

    return read(plugin_name, text, text)


def read_capability(text: str) -> "Capability":
    """Read a capability: ``storage``, ``http:api.example.com``. Raises `TarkError`."""
    from tarkpm.core.capability import Capability

    return read(Capability.parse, text, text)


def read_version(text: str) -> "Version":
    """Read the value of ``--tark-version``. Raises `TarkError`."""
    from tarkpm.core.version import Version

    return read(Version.parse, text, "--tark-version")
