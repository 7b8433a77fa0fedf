"""Which authorities vouch for servers: one answer for every stack that speaks TLS."""

import functools
import ssl
import sys
from pathlib import Path

from tarkpm.errors import Refused


@functools.lru_cache(maxsize=8)
def trusted(authorities: str = "") -> ssl.SSLContext:
    """What certificates are checked against: the authorities of a file, or this machine's own.

    Its own are OpenSSL's, which ``SSL_CERT_FILE`` moves; where there are none, as on macOS, the system's.
    Raises `Refused` for a file that holds none.
    """
    if authorities:
        try:
            return ssl.create_default_context(cafile=authorities)
        except OSError as problem:  # an SSLError is one, too
            reason = (problem.strerror or "it holds none").lower()
            raise Refused(f"expected a file of certificates: {reason}", where=authorities) from None
    if sys.platform != "darwin" and _has_authorities():
        return ssl.create_default_context()
    import truststore

    return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _has_authorities() -> bool:
    """Whether OpenSSL finds authorities where it was built to look."""
    cafile, capath, *_ = ssl.get_default_verify_paths()
    return bool(cafile) or bool(capath and any(Path(capath).iterdir()))
