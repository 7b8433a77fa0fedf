"""``tarkpm key``."""

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tarkpm.cli.complete import all_key_names, key_names
from tarkpm.cli.copyable import copyable
from tarkpm.cli.lazy_group import Group
from tarkpm.cli.options import Invocation, anywhere, common
from tarkpm.cli.passphrase import ask_passphrase
from tarkpm.core.text import neutral
from tarkpm.errors import StoreError, TarkError

if TYPE_CHECKING:
    from tarkpm.ops.key import KeyRow

STDIN = "standard input"


@click.group("key", cls=Group)
def key_command() -> None:
    """Manage signing keys, and the public keys of other people.

    A private key is never printed.
    """


@key_command.command("generate")
@click.option("--name", required=True, metavar="NAME", help="Name of the key.")
@click.option("--passphrase", is_flag=True, help="Encrypt the key with a passphrase.")
@anywhere
def generate_command(invocation: Invocation, name: str, passphrase: bool) -> int:
    """Generate an ed25519 signing key and print its public key."""
    from tarkpm.ops.key import generate_key

    secret = b""
    if passphrase:
        secret = ask_passphrase(new=True)
    report = generate_key(invocation.settings, name, secret)
    invocation.report(report, lambda: [report.public_key])
    return 0


@key_command.command("list")
@anywhere
def list_command(invocation: Invocation) -> int:
    """List the keys on this machine, by name."""
    from tarkpm.ops.key import list_keys

    report = list_keys(invocation.settings)
    invocation.report(report, lambda: _list_lines(report.keys))
    return 0


def _list_lines(keys: "tuple[KeyRow, ...]") -> list[str]:
    if not keys:
        return ["There are no keys.", "", "Make one with:", "  tarkpm key generate --name NAME"]
    return copyable(
        ("Name", "Kind", "Public key"), [(key.name, key.kind, key.public_key or "?") for key in keys]
    )


@key_command.command("show")
@click.argument("name", shell_complete=all_key_names)
@anywhere
def show_command(invocation: Invocation, name: str) -> int:
    """Show a key: its public half, and where it is kept."""
    from tarkpm.ops.key import show_key

    report = show_key(invocation.settings, name, partial(ask_passphrase, name))
    kinds = {
        "private": "private key without a passphrase",
        "encrypted": "private key with a passphrase",
        "public": "public key of another person",
    }
    rows = (("kind", kinds[report.kind]), ("path", neutral(report.path)))
    invocation.report(report, lambda: [report.public_key, *(f"  {label}  {text}" for label, text in rows)])
    return 0


@key_command.command("export")
@click.argument("name", shell_complete=key_names)
@click.option(
    "--to",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="New file for the private key. Only you can read it.",
)
@click.option("--passphrase", is_flag=True, help="Encrypt a key that has no passphrase.")
@common
def export_command(invocation: Invocation, name: str, to: Path, passphrase: bool) -> int:
    """Write a private key to a new file.

    The file is a backup of the key, or takes it to another machine.
    """
    from tarkpm.ops.key import export_key

    report = export_key(invocation.settings, name, to, _new_passphrase(passphrase))
    if report.kind == "private" and not passphrase:
        invocation.ui.note("the file is not encrypted: anybody who can read it can sign as you")
    invocation.report(report, lambda: [f"exported {report.name} to {neutral(report.path)}"])
    return 0


@key_command.command("import")
@click.argument("source", metavar="FILE|-|ed25519:KEY")
@click.option("--name", required=True, metavar="NAME", help="Name of the key.")
@click.option("--passphrase", is_flag=True, help="Encrypt a key that has no passphrase.")
@common
def import_command(invocation: Invocation, source: str, name: str, passphrase: bool) -> int:
    """Import a private key, or the public key of another person.

    FILE is a PKCS#8 PEM file of an ed25519 key, as `key export` writes it; - is standard input. ed25519:KEY
    is the public key of another person.
    """
    from tarkpm.core.key import PREFIX
    from tarkpm.ops.key import import_private, import_public

    settings = invocation.settings
    if source.startswith(PREFIX):
        if passphrase:
            raise TarkError("a public key has no passphrase", where=source, hint="omit --passphrase")
        report = import_public(settings, name, source)
    else:
        pem, where = _read_key(source)
        ask, new = partial(ask_passphrase, name), _new_passphrase(passphrase)
        report = import_private(settings, name, pem, ask, new, where=where)
    invocation.report(report, lambda: [f"imported {report.name}: {report.public_key}"])
    return 0


def _new_passphrase(wanted: bool) -> "partial[bytes] | None":
    return partial(ask_passphrase, new=True) if wanted else None


def _read_key(source: str) -> tuple[bytes, str]:
    """Return the bytes of a key's file, and its name for errors. Raises `TarkError`."""
    from tarkpm.io.files import read_file
    from tarkpm.store.keys import MAX_BYTES

    if source == "-":
        data = sys.stdin.buffer.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise StoreError(f"the key has more than {MAX_BYTES:,} bytes", where=STDIN)
        return data, STDIN
    try:
        return read_file(Path(source), MAX_BYTES), source
    except FileNotFoundError:
        raise StoreError("the file does not exist", where=source) from None
