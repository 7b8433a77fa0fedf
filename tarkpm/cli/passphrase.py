"""The passphrase of a signing key."""

import os
import sys

import click

from tarkpm.errors import TarkError


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
