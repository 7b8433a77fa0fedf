"""``tarkpm serve openai``."""

import re
import secrets
import sys
from typing import TYPE_CHECKING

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.collector import collect_garbage
from tarkpm.cli.options import Invocation, read, read_name, running
from tarkpm.cli.rendering import print_log
from tarkpm.core.local_access import read_address
from tarkpm.errors import TarkError

if TYPE_CHECKING:
    from tarkpm.ops.run.providers import TokenLink

_LINK = re.compile(r"([^:=]+):([A-Za-z_][A-Za-z0-9_]*)=([^:=]+)")


@click.command("openai", cls=CheckedCommand)
@click.argument("address", default="127.0.0.1:0", metavar="[[HOST:]PORT]")
@click.option(
    "--auth",
    multiple=True,
    metavar="PROVIDER:VARIABLE=PLUGIN",
    help="Give PROVIDER the token of the auth plugin PLUGIN as VARIABLE.",
)
@running
def openai_command(invocation: Invocation, address: str, auth: tuple[str, ...]) -> int:
    """Offer provider plugins as an OpenAI-compatible API.

    It serves until it is interrupted. The base URL is printed on standard output. Clients send the token of
    TARKPM_SERVE_TOKEN as their API key; without it, a new token is shown once on standard error. Without an
    address, a free port is used.
    """
    from tarkpm.ops.run.server_token import read_token
    from tarkpm.ops.serve import TOKEN, serve_openai

    collect_garbage()
    settings, ui = invocation.settings, invocation.ui
    place, links = read(read_address, address, "ADDRESS"), [_link(text) for text in auth]
    given = read_token(settings, TOKEN)
    token = given or secrets.token_urlsafe(32)
    with serve_openai(settings, ui, place, token=token, links=links, log=print_log) as (server, report):
        if not given:
            ui.say(f"token: {token}")
            ui.say("Clients send it as their API key. It is not shown again.")
        ui.note(f"serving {', '.join(report.providers)}; press Ctrl-C to stop")
        invocation.report(report, lambda: [report.url])
        sys.stdout.flush()
        server.serve_forever()
    return 0


def _link(text: str) -> "TokenLink":
    from tarkpm.ops.run.providers import TokenLink

    found = _LINK.fullmatch(text)
    if found is None:
        raise TarkError(f"expected PROVIDER:VARIABLE=PLUGIN, found '{text[:200]}'", where="--auth")
    return TokenLink(read_name(found[1]), found[2], read_name(found[3]))
