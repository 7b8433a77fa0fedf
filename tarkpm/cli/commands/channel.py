"""``tarkpm channel``."""

from typing import TYPE_CHECKING

import click

from tarkpm.cli.complete import channel_names
from tarkpm.cli.lazy_group import Group
from tarkpm.cli.options import Invocation, Seconds, running_folders
from tarkpm.cli.rendering import print_call_log
from tarkpm.cli.text_args import read_text, target
from tarkpm.core.text import neutral

if TYPE_CHECKING:
    from tarkpm.host.channel_plugin import Inbound
    from tarkpm.ops.run.sign_in import AuthReport


@click.group("channel", cls=Group)
def channel_command() -> None:
    """Use a channel plugin by hand. Nothing keeps running after a command ends."""


def _line(message: "Inbound") -> str:
    who = f"{neutral(message.conversation_id, limit=200)} {neutral(message.user_id, limit=200)}"
    text = neutral(message.text, keep="\n\t")
    return f"{who}: {text}"


def _standing(report: "AuthReport") -> list[str]:
    return [f"{neutral(report.display_name)}: {report.status}"]


@channel_command.command("info")
@click.argument("plugin", shell_complete=channel_names)
@running_folders
def info_command(invocation: Invocation, plugin: str) -> int:
    """Show what a channel is and whether it is signed in."""
    from tarkpm.ops.channel import info

    report = info(invocation.settings, invocation.ui, target(plugin), print_call_log)
    can = [
        name
        for name, does in (("streaming", report.supports_streaming), ("edits", report.supports_edits))
        if does
    ]
    fields = [
        ("Name", report.display_name),
        ("Id", report.id),
        ("Description", report.description),
        ("Can", ", ".join(can)),
        ("Status", report.status),
    ]
    invocation.report(
        report, lambda: [f"{label + ':':<13} {neutral(value)}" for label, value in fields if value]
    )
    return 0


@channel_command.command("status")
@click.argument("plugin", shell_complete=channel_names)
@running_folders
def status_command(invocation: Invocation, plugin: str) -> int:
    """Show whether a channel is signed in."""
    from tarkpm.ops.channel import status

    report = status(invocation.settings, invocation.ui, target(plugin), print_call_log)
    invocation.report(report, lambda: _standing(report))
    return 0


@channel_command.command("auth")
@click.argument("plugin", shell_complete=channel_names)
@click.argument("credentials", metavar="JSON | - | @FILE")
@running_folders
def auth_command(invocation: Invocation, plugin: str, credentials: str) -> int:
    """Give a channel its credentials.

    With - or @FILE they stay out of the shell history.
    """
    from tarkpm.ops.channel import authenticate

    text = read_text(credentials, "the credentials are")
    report = authenticate(invocation.settings, invocation.ui, target(plugin), text, print_call_log)
    invocation.report(report, lambda: _standing(report))
    return 0


@channel_command.command("start")
@click.argument("plugin", shell_complete=channel_names)
@click.option(
    "--seconds",
    type=Seconds(),
    metavar="SECONDS",
    help="Stop after SECONDS. [default: until Ctrl-C]",
)
@running_folders
def start_command(invocation: Invocation, plugin: str, seconds: float | None) -> int:
    """Start a channel and print every incoming message."""
    from tarkpm.ops.channel import listen

    def show(message: "Inbound") -> None:
        if not invocation.json:
            click.echo(_line(message))

    report = listen(
        invocation.settings, invocation.ui, target(plugin), print_call_log, seconds=seconds, show=show
    )
    invocation.report(report, list)
    return 0


@channel_command.command("poll")
@click.argument("plugin", shell_complete=channel_names)
@click.option(
    "--seconds",
    type=Seconds(),
    default=0.0,
    metavar="SECONDS",
    help="Wait up to SECONDS for a message. [default: 0]",
)
@running_folders
def poll_command(invocation: Invocation, plugin: str, seconds: float) -> int:
    """Start a channel, print its messages and stop it."""
    from tarkpm.ops.channel import poll

    report = poll(invocation.settings, invocation.ui, target(plugin), print_call_log, seconds=seconds)
    invocation.report(report, lambda: [_line(message) for message in report.messages])
    return 0


@channel_command.command("send")
@click.argument("plugin", shell_complete=channel_names)
@click.argument("conversation")
@click.argument("text", metavar="TEXT | - | @FILE")
@click.option("--replace", "message_id", metavar="ID", help="Replace the sent message ID.")
@running_folders
def send_command(
    invocation: Invocation, plugin: str, conversation: str, text: str, message_id: str | None
) -> int:
    """Send a message and print its id."""
    from tarkpm.host.channel_plugin import Outbound
    from tarkpm.ops.channel import send

    message = Outbound(conversation, read_text(text, "the message is"), message_id)
    report = send(invocation.settings, invocation.ui, target(plugin), message, print_call_log)
    invocation.report(report, lambda: [neutral(report.message_id)] if report.message_id else ["sent"])
    return 0


@channel_command.command("stop")
@click.argument("plugin", shell_complete=channel_names)
@running_folders
def stop_command(invocation: Invocation, plugin: str) -> int:
    """Tell a channel to clean up what it keeps outside its process."""
    from tarkpm.ops.channel import stop

    report = stop(invocation.settings, invocation.ui, target(plugin), print_call_log)
    invocation.report(report, lambda: _standing(report))
    return 0
