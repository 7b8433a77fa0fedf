"""Push a blob: begin an upload, send the bytes, and go on where it broke off.

A blob that the registry has already is found with the request that would begin its upload: mounting it from
its own repository (OCI Distribution Specification 1.1, "Mounting a blob from another repository") saves the
HEAD that would ask for it.
"""

import re
from typing import Final
from urllib.parse import quote

from tarkpm.core.digest import sha256
from tarkpm.core.retry_after import is_overloaded
from tarkpm.errors import TarkError, Unreachable
from tarkpm.sources.oci.authorization import TokenScope
from tarkpm.sources.oci.exchange import RegistryAnswer
from tarkpm.sources.oci.session import RegistrySession

ATTEMPTS: Final = 4
"""How often the bytes of one blob are sent, in whole or in part."""

_RANGE = re.compile(r"(?:bytes=)?0-([0-9]{1,15})")
_OCTETS = ("content-type", "application/octet-stream")


def push_blob(session: RegistrySession, scope: TokenScope, data: bytes) -> str:
    """Store ``data`` in the scope's repository unless it is there, and return its digest."""
    digest = f"sha256:{sha256(data)}"
    place = _begun(session, scope, digest)
    sent = 0
    last: TarkError | None = None
    for _ in range(ATTEMPTS):
        if place is None:
            return digest
        try:
            answer = _finished(session, scope, place, data, sent, digest)
        except Unreachable as problem:
            answer, last = None, problem
        if answer is not None and not is_overloaded(answer.status) and answer.status != 404:
            if answer.status in (201, 204):
                return digest
            raise session.failure(answer, scope, f"the blob {digest}")
        last = last if answer is None else session.failure(answer, scope, f"the blob {digest}")
        place, sent = _resumed(session, scope, place, len(data)) or (_begun(session, scope, digest), 0)
    assert last is not None
    raise last


def _begun(session: RegistrySession, scope: TokenScope, digest: str) -> str | None:
    """Begin an upload and return its URL; None if the repository has the blob."""
    place = f"/v2/{scope.repository}/blobs/uploads/"
    mount = f"?mount={quote(digest, safe='')}&from={quote(scope.repository, safe='')}"
    answer = session.request("POST", place + mount, scope, body=b"")
    if answer.status == 201:
        return None
    # A registry that cannot mount should answer 202 all the same; some refuse.
    if answer.status in (400, 404, 405, 501):
        answer = session.request("POST", place, scope, body=b"")
    if answer.status != 202:
        raise session.failure(answer, scope, "the upload")
    return session.named(answer)


def _finished(
    session: RegistrySession, scope: TokenScope, place: str, data: bytes, sent: int, digest: str
) -> RegistryAnswer:
    """Send what is left of the blob, and close the upload."""
    if sent:
        # A PUT that follows chunks has the rest as well, but registries differ in whether they append it.
        headers = [_OCTETS, ("content-range", f"{sent}-{len(data) - 1}")]
        answer = session.request("PATCH", place, scope, headers, data[sent:], again=False)
        if answer.status != 202:
            return answer
        place, data = session.named(answer), b""
    close = f"{place}{'&' if '?' in place else '?'}digest={quote(digest, safe='')}"
    return session.request("PUT", close, scope, [_OCTETS], data, again=False)


def _resumed(session: RegistrySession, scope: TokenScope, place: str, size: int) -> tuple[str, int] | None:
    """Return where an upload continues and how many bytes the registry has; None to begin another."""
    answer = session.request("GET", place, scope)
    found = _RANGE.fullmatch(answer.header("range").strip())
    # "0-0" is also what registries answer for no byte at all, and one byte is not worth the difference.
    if answer.status not in (202, 204) or not found or not 0 < int(found[1]) < size - 1:
        return None
    return session.named(answer) if answer.header("location") else place, int(found[1]) + 1
