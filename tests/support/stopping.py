"""Servers in a thread that end at once."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from socketserver import TCPServer


def start(server: TCPServer) -> threading.Thread:
    """Serve in a thread, until `stop`."""
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    return thread


def stop(server: TCPServer, thread: threading.Thread) -> None:
    """End `serve_forever` without waiting for its next look at whether to end, which hundreds of tests would."""
    with contextlib.suppress(OSError):  # macOS does not shut down a socket that listens
        server.socket.shutdown(socket.SHUT_RDWR)
    server.shutdown()
    thread.join()


@contextlib.contextmanager
def running(server: TCPServer) -> Iterator[None]:
    """Serve in a thread while the block runs."""
    thread = start(server)
    try:
        yield
    finally:
        stop(server, thread)
