"""The certificate authorities to trust, the same for every part of tarkpm that uses TLS."""

import functools
import os
import socket
import ssl
import sys
from pathlib import Path

from tarkpm.errors import Refused


@functools.lru_cache(maxsize=8)
def trusted(authorities: str = "", folder: str = "") -> ssl.SSLContext:
    """Return a context that trusts the authorities in a file, or else those of this machine.

    These are OpenSSL's, which ``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` override. Where OpenSSL has none, as on
    macOS, they are the system's. ``folder`` holds further authorities, one a file, named by the hash of their
    subject (SSL_CTX_load_verify_locations(3)). Raises `Refused` for a file without certificates, and for a
    folder that does not exist.
    """
    # OpenSSL ignores a folder that does not exist, and then trusts no server.
    if folder and not any(Path(part).is_dir() for part in folder.split(os.pathsep)):
        raise Refused("expected a folder of certificates", where=folder)
    # A named file replaces the system's authorities, so that a user can trust fewer.
    if authorities or folder:
        try:
            context = ssl.create_default_context(cafile=authorities or None, capath=folder or None)
            if not authorities:
                context.load_default_certs()
            return context
        except OSError as problem:  # SSLError is a subclass
            reason = (problem.strerror or "it contains none").lower()
            raise Refused(f"expected a file of certificates: {reason}", where=authorities) from None
    if sys.platform != "darwin" and _has_authorities():
        return ssl.create_default_context()
    import truststore

    return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _has_authorities() -> bool:
    """Return whether OpenSSL finds authorities in its default locations."""
    cafile, capath, *_ = ssl.get_default_verify_paths()
    return bool(cafile) or bool(capath and any(Path(capath).iterdir()))


def speaks_tls(host: str, port: int, seconds: float = 1.0) -> bool:
    """Return whether a server of this machine answers with TLS; also True if it cannot be reached.

    It only says how to connect. Whether a certificate is valid is checked by the connection itself.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with socket.create_connection((host, port), timeout=seconds) as plain:
            plain.settimeout(seconds)
            with context.wrap_socket(plain):
                return True
    except (ssl.SSLError, ConnectionResetError, BrokenPipeError, EOFError, TimeoutError):
        return False
    except OSError:
        return True
