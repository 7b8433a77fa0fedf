"""The commands that begin a project and make releases: init, key, sign."""

import os
import shlex
import sys
from pathlib import Path

import click

from tarkpm.cli.options import Invocation, common, dry_run, read_version
from tarkpm.errors import TarkError


@click.command("init")
@click.option("--tark-version", default="", help="The tark these plugins are for, e.g. 0.12.6.")
@dry_run
@common
def init_command(invocation: Invocation, tark_version: str) -> int:
    """Begin a project: write a tark.toml."""
    from tarkpm.ops.init import init

    version = read_version(tark_version) if tark_version else None
    report = init(invocation.settings, version)
    suffix = f" for tark {report.tark_version}" if report.tark_version else ""
    if not suffix:
        invocation.ui.note(
            "no tark was found: what plugins need of it is not checked until [tark] version is set"
        )
    invocation.report(report, lambda: [f"created {report.path}{suffix}"])
    return 0


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


@click.command("sign")
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--key", required=True, help="The name of the key to sign with.")
@dry_run
@common
def sign_command(invocation: Invocation, folder: Path, key: str) -> int:
    """Sign the release in FOLDER: writes plugin.dsse.json beside its plugin.toml."""
    from tarkpm.ops.sign import sign

    report = sign(invocation.settings, folder, key, ask_passphrase)
    invocation.report(
        report,
        lambda: [
            f"signed {report.name} {report.version}: {', '.join(report.files)}",
            f"  statement  {report.statement}",
            f"  signer     {report.signer}",
        ],
    )
    return 0


@click.command("publish")
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--to", required=True, type=click.Path(path_type=Path, file_okay=False), help="Where to.")
@click.option("--key", default="", metavar="NAME", help="Sign with this key, whoever signed before.")
@dry_run
@common
def publish_command(invocation: Invocation, folder: Path, to: Path, key: str) -> int:
    """Write the release in FOLDER, signed, as a folder to hand in to an index: TO/NAME-VERSION."""
    from tarkpm.ops.publish import publish

    report = publish(invocation.settings, folder, to, key, ask_passphrase)
    accept = shlex.join(["tarkpm", "index", "accept", report.folder])
    state = "wrote" if report.written else "would write" if invocation.settings.dry_run else "was there:"
    invocation.report(
        report,
        lambda: [
            f"{state} {report.folder}: {', '.join(report.files)}",
            f"  release  {report.name} {report.version}",
            f"  signer   {report.signer}{' (signed now)' if report.signed_now else ''}",
            f"  next     hand the folder in; who keeps the index runs: {accept}",
        ],
    )
    return 0


def ask_passphrase(name: str = "", *, new: bool = False) -> bytes:
    """The passphrase of a key: from TARKPM_KEY_PASSPHRASE, else asked for, twice if it is ``new``."""
    if secret := os.environ.get("TARKPM_KEY_PASSPHRASE"):
        return secret.encode()
    if not sys.stdin.isatty():
        raise TarkError(
            f"the key {'is to have' if new else 'has'} a passphrase, and there is no terminal to ask for it",
            hint="set TARKPM_KEY_PASSPHRASE and run it again",
        )
    text = f"Passphrase of {name}" if name else "Passphrase"
    answer: str = click.prompt(text, hide_input=True, confirmation_prompt=new, err=True)
    return answer.encode()
