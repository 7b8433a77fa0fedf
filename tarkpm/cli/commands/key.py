"""``tarkpm key``."""

import click

from tarkpm.cli.lazy_group import Group
from tarkpm.cli.options import Invocation, common
from tarkpm.cli.passphrase import ask_passphrase


@click.group("key", cls=Group)
def key_command() -> None:
    """Manage signing keys."""


@key_command.command("generate")
@click.option("--name", required=True, metavar="NAME", help="Name of the key.")
@click.option("--passphrase", is_flag=True, help="Encrypt the key with a passphrase.")
@common
def generate_command(invocation: Invocation, name: str, passphrase: bool) -> int:
    """Generate an ed25519 signing key and print its public key."""
    from tarkpm.ops.key import generate_key

    secret = b""
    if passphrase:
        secret = ask_passphrase(new=True)
    report = generate_key(invocation.settings, name, secret)
    invocation.report(report, lambda: [report.public_key])
    return 0
