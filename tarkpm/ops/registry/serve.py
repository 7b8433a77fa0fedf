"""``tarkpm index serve``: serve an index over HTTP on this machine only, to try it out."""

from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tarkpm.core.layout import FILES, LOG, METADATA, TARGETS
from tarkpm.errors import NotFound

_SERVED = (METADATA, TARGETS, FILES, LOG)


class _Handler(SimpleHTTPRequestHandler):
    """Serve the files of an index: no folder listings, and no other files beside them."""

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
        """Log nothing: requests are of no interest to the user who serves."""


def server(folder: Path, port: int) -> ThreadingHTTPServer:
    """Return a server on 127.0.0.1; port 0 means a free one. Raises `NotFound` if there is no index."""
    if not (folder / METADATA).is_dir():
        raise NotFound(
            "the folder does not contain an index",
            where=str(folder),
            hint="see how to create one: tarkpm index create --help",
        )
    return ThreadingHTTPServer(("127.0.0.1", port), partial(_Handler, directory=str(folder)))
