"""The passphrase of a signing key."""

import os
import sys

import click

from tarkpm.core import variables
from tarkpm.errors import TarkError


def ask_passphrase(name: str = "", *, new: bool = False) -> bytes:
    """Return a key's passphrase from TARKPM_KEY_PASSPHRASE, or from a prompt, twice for a ``new`` key.

    Raises `TarkError` for an empty variable, and without a terminal.
    """
    if secret := variables.text(os.environ, "TARKPM_KEY_PASSPHRASE"):
        return secret.encode()
    if not sys.stdin.isatty():
        what = f"the key '{name}'" if name else "the key"
        raise TarkError(
            f"{what} {'needs' if new else 'has'} a passphrase, and there is no terminal to prompt for it",
            hint="set TARKPM_KEY_PASSPHRASE and run the command again",
        )
    text = f"Passphrase of {name}" if name else "Passphrase"
    answer: str = click.prompt(text, hide_input=True, confirmation_prompt=new, err=True)
    return answer.encode()
