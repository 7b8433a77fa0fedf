"""``tarkpm key``."""

import click

from tarkpm.cli.options import Invocation, common
from tarkpm.cli.passphrase import ask_passphrase


@click.group("key")
def key_command() -> None:
    """Keys to sign releases with."""


@key_command.command("generate")
@click.option("--name", required=True, help="What to call the key.")
@click.option("--passphrase", is_flag=True, help="Ask for a passphrase and encrypt the key with it.")
@common
def generate_command(invocation: Invocation, name: str, passphrase: bool) -> int:
    """Make an ed25519 key; prints its public half, which others trust."""
    from tarkpm.ops.key import generate_key

    secret = b""
    if passphrase:
        secret = ask_passphrase(new=True)
    report = generate_key(invocation.settings, name, secret)
    invocation.report(report, lambda: [report.public_key])
    return 0
