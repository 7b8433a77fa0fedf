"""``tarkpm index serve``."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tarkpm.cli.checked import CheckedCommand
from tarkpm.cli.options import Invocation, common

if TYPE_CHECKING:
    pass


@click.command("serve", cls=CheckedCommand)
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False), metavar="DIR")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    metavar="PORT",
    help="Port to listen on. [default: a free port]",
)
@common
def serve_command(invocation: Invocation, folder: Path, port: int) -> int:
    """Serve the index in DIR on 127.0.0.1 until interrupted."""
    from tarkpm.ops.registry.serve import server

    running = server(folder.absolute(), port)
    url = f"http://127.0.0.1:{running.server_port}/"
    invocation.report({"url": url}, lambda: [url])
    sys.stdout.flush()
    with running:
        running.serve_forever()
    return 0
