"""``tarkpm secret``."""

import sys
from typing import TYPE_CHECKING

import click

from tarkpm.cli.complete import secret_names
from tarkpm.cli.console import style
from tarkpm.cli.lazy_group import Group
from tarkpm.cli.options import Invocation, common, read
from tarkpm.cli.rendering import CHECK, CROSS
from tarkpm.cli.tables import table
from tarkpm.core.text import neutral

if TYPE_CHECKING:
    from tarkpm.ops.secret import BoundPlugin, SecretList

_WHERE = {
    "keyring": "the system's keyring",
    "file": "a file of yours (mode 0600)",
    "sign-in": "tarkpm auth login",
    "missing": "not set",
}


@click.group("secret", cls=Group)
def secret_command() -> None:
    """Manage secrets that plugins use and never see."""


@secret_command.command("set")
@click.argument("name", nargs=-1, metavar="NAME", shell_complete=secret_names)
@common
def set_command(invocation: Invocation, name: tuple[str, ...]) -> int:
    """Keep a secret. The value is asked for, or read from stdin."""
    from tarkpm.core.secret import secret_value
    from tarkpm.ops.secret import set_secret

    checked = _name(name)
    value = read(secret_value, _asked(checked), "the value")
    report = set_secret(invocation.settings, checked, value)
    done = "replaced" if report.replaced else "set"
    lines = [f"{style(CHECK, fg='green')} {done} {checked}, kept in {_WHERE[report.kept]}"]
    lines += [f"{style('note:', fg='cyan')} {note}" for note in report.notes]
    invocation.report(report, lambda: lines)
    return 0


@secret_command.command("list")
@common
def list_command(invocation: Invocation) -> int:
    """List secrets and what they are bound to, without values."""
    from tarkpm.ops.secret import list_secrets

    report = list_secrets(invocation.settings)
    invocation.report(report, lambda: list_lines(report))
    return 0


@secret_command.command("remove")
@click.argument("name", nargs=-1, metavar="NAME", shell_complete=secret_names)
@common
def remove_command(invocation: Invocation, name: tuple[str, ...]) -> int:
    """Delete a secret."""
    from tarkpm.ops.secret import remove_secret

    report = remove_secret(invocation.settings, _name(name, ""))
    lines = [f"{style(CROSS, fg='red')} removed {report.name}"]
    lines += [f"{style('note:', fg='cyan')} {_bound_text(one)} no longer gets it" for one in report.bound]
    invocation.report(report, lambda: lines)
    return 0


def list_lines(report: "SecretList") -> list[str]:
    """Return the output of `tarkpm secret list`."""
    if not report.secrets:
        return ["no secrets; set one with: tarkpm secret set NAME"]
    rows = []
    for one in report.secrets:
        first, *more = [*map(_bound_text, one.bound)] or ["no plugin"]
        rows += [(one.name, _WHERE[one.kept], first), *(("", "", text) for text in more)]
    return table(("Name", "Kept in", "Bound to"), rows)


def _bound_text(one: "BoundPlugin") -> str:
    return neutral(f"{one.plugin} ({one.secret}) for {one.host} in {one.project}")


def _name(
    typed: tuple[str, ...], about: str = "; the value is asked for, or read from standard input"
) -> str:
    """Return the name of a secret. What else was typed may be the secret itself, so it is not repeated."""
    from tarkpm.core.secret import secret_name

    if len(typed) != 1:
        raise click.UsageError(f"expected one NAME, found {len(typed)} arguments{about}")
    return read(secret_name, typed[0], "NAME")


def _asked(name: str) -> str:
    """Return the value, typed without echo at a terminal, else from standard input."""
    from tarkpm.core.secret import MAX_VALUE

    if sys.stdin.isatty():
        answer: str = click.prompt(f"Value of {name}", hide_input=True, err=True)
        return answer.strip()
    # One line break at the end is the pipe's, not the secret's.
    return sys.stdin.read(MAX_VALUE + 3).removesuffix("\n").removesuffix("\r")
