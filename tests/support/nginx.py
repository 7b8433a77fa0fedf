"""Debian's nginx on loopback, with a server block of a page of the documentation."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from support.daemons import free_port, needed, running

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
MAIN = """\
daemon off;
pid {folder}/nginx.pid;
{user}
error_log {folder}/error.log;
events {{}}
http {{
    include {types};
    default_type application/octet-stream;
    log_format tests '$request_method $request_uri $status "$http_authorization"';
    access_log {folder}/access.log tests;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {server}
}}
"""


@contextmanager
def nginx(folder: Path, block: str, replaced: Mapping[str, str]) -> Iterator[str]:
    """nginx with a server block, on plain http and a free port; gives its URL.

    ``access.log`` in ``folder`` has method, path, status and login of each request.
    """
    program = needed("nginx", NGINX)
    types = needed("nginx's mime.types", next(iter(map(str, Path("/etc/nginx").glob("mime.types"))), None))
    folder.mkdir()
    port = free_port()
    for before, after in {"listen 443 ssl;": f"listen 127.0.0.1:{port};", **replaced}.items():
        assert before in block
        block = block.replace(before, after)
    user = "user root;" if os.geteuid() == 0 else ""  # its workers read the tests' folders
    (folder / "nginx.conf").write_text(MAIN.format(folder=folder, user=user, types=types, server=block))
    with running([program, "-e", f"{folder}/error.log", "-c", f"{folder}/nginx.conf"], port, {}):
        yield f"http://127.0.0.1:{port}"
