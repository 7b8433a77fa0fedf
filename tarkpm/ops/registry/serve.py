"""``tarkpm index serve``: an index over HTTP on this machine alone, for trying it out."""

from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tarkpm.core.layout import FILES, METADATA, TARGETS
from tarkpm.errors import NotFound

_SERVED = (METADATA, TARGETS, FILES)


class _Handler(SimpleHTTPRequestHandler):
    """Serves an index's own files, no listing of folders, and nothing else that lies beside them."""

    server_version = "tarkpm"
    sys_version = ""
    protocol_version = "HTTP/1.1"

    def send_head(self):  # type: ignore[no-untyped-def]
        path = Path(self.translate_path(self.path))
        inside = path.relative_to(self.directory).parts if path.is_relative_to(self.directory) else ()
        if not inside or inside[0] not in _SERVED or not path.is_file() or path.is_symlink():
            self.send_error(404)
            return None
        return super().send_head()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing: who serves is not who asks."""


def server(folder: Path, port: int) -> ThreadingHTTPServer:
    """A server on 127.0.0.1; port 0 takes a free one. Raises `NotFound` where there is no index."""
    if not (folder / METADATA).is_dir():
        raise NotFound("there is no index here", where=str(folder), hint="tarkpm index create DIR")
    return ThreadingHTTPServer(("127.0.0.1", port), partial(_Handler, directory=str(folder)))
