"""The options ``--identity`` and ``--keyless`` of commands that take releases."""

import click

from tarkpm.errors import TarkError


def _read(_context: click.Context, _option: click.Parameter, text: str) -> object:
    from tarkpm.core.ci_identity import CiIdentity

    try:
        return CiIdentity.parse(text) if text else None
    except ValueError as problem:
        raise TarkError(str(problem), where="--identity") from None


keyless_option = click.option(
    "--keyless",
    is_flag=True,
    help="Trust whatever key a release is signed with, because --identity proves who made it.",
)
identity_option = click.option(
    "--identity",
    default="",
    metavar="IDENTITY",
    callback=_read,
    help="Take only releases that the CI workflow github:OWNER/REPO/PATH@REF proves to have made.",
)
