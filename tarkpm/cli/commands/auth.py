"""``tarkpm auth``."""

import functools
from typing import TYPE_CHECKING, Any

import click

from tarkpm.cli.complete import auth_names
from tarkpm.cli.console import style
from tarkpm.cli.lazy_group import Group
from tarkpm.cli.options import Invocation, running_folders
from tarkpm.cli.rendering import print_call_log
from tarkpm.cli.text_args import target
from tarkpm.core.text import neutral

if TYPE_CHECKING:
    from collections.abc import Callable

    from tarkpm.ops.run.sign_in import AuthReport


@click.group("auth", cls=Group)
def auth_command() -> None:
    """Sign in and out through auth plugins."""


def about_a_plugin(group: click.Group, name: str) -> "Callable[[Callable[..., int]], click.Command]":
    """Turn a function that takes a plugin's name or folder into a command of ``group``."""

    def command(function: "Callable[..., int]") -> click.Command:
        @functools.wraps(function)
        def run(invocation: Invocation, plugin: str, **rest: Any) -> int:
            return function(invocation, target(plugin), **rest)

        named = click.argument("plugin", shell_complete=auth_names)
        return group.command(name)(named(running_folders(run)))

    return command


@about_a_plugin(auth_command, "login")
@click.option("--no-browser", is_flag=True, help="Print the address instead of opening a browser.")
@click.option("--client-id", default="", metavar="ID", help="OAuth client id. [default: the plugin's]")
@click.option("--credentials", default="", metavar="FILE", help="Also write the tokens to FILE (.json).")
def login_command(
    invocation: Invocation, plugin: str, no_browser: bool, client_id: str, credentials: str
) -> int:
    """Sign in through the browser, or with a code."""
    from tarkpm.cli.sign_in import Terminal
    from tarkpm.ops.auth import login

    settings, ui = invocation.settings, invocation.ui
    person = Terminal(ui, settings.environment, browser=not no_browser)
    report = login(
        settings, ui, plugin, log=print_call_log, person=person, client_id=client_id, credentials=credentials
    )
    invocation.report(
        report, lambda: [f"{style('✓', fg='green')} signed in with {neutral(report.display_name)}"]
    )
    return 0


@about_a_plugin(auth_command, "status")
def status_command(invocation: Invocation, plugin: str) -> int:
    """Show whether the plugin is signed in."""
    from tarkpm.ops.auth import status

    report = status(invocation.settings, invocation.ui, plugin, print_call_log)
    invocation.report(report, lambda: auth_lines(report))
    return 0


@about_a_plugin(auth_command, "token")
def token_command(invocation: Invocation, plugin: str) -> int:
    """Print the access token, for scripts. The output is a secret."""
    from tarkpm.ops.auth import token

    secret = token(invocation.settings, invocation.ui, plugin, print_call_log)
    invocation.report({"token": secret}, lambda: [neutral(secret)])
    return 0


@about_a_plugin(auth_command, "logout")
def logout_command(invocation: Invocation, plugin: str) -> int:
    """Sign out: the plugin forgets its credentials."""
    from tarkpm.ops.auth import logout

    report = logout(invocation.settings, invocation.ui, plugin, print_call_log)
    invocation.report(report, lambda: auth_lines(report))
    return 0


def auth_lines(report: "AuthReport") -> list[str]:
    """Return the line that shows an auth plugin's status."""
    return [f"{neutral(report.display_name)}: {report.status}"]
