"""A server that never stops sending."""

import pytest
from support.index_fixtures import Victim
from support.indexserver import Handler

from tarkpm.errors import DigestMismatch, IndexUntrusted, Unreachable

ENOUGH = 16 << 20
"""What the longest file may have, and what the sockets of two processes hold."""


def endless(handler: Handler) -> None:
    """Spaces, which JSON allows everywhere, up to 200 MiB."""
    handler.begin(200, {"transfer-encoding": "chunked"})
    piece = b" " * 65536
    for _ in range(200 * 16):
        handler.send(b"10000\r\n" + piece + b"\r\n")


@pytest.mark.parametrize(
    "path",
    [
        *("metadata/1.root.json", "metadata/2.root.json", "metadata/timestamp.json"),
        *("metadata/1.snapshot.json", "metadata/1.targets.json", "metadata/1.claims.json", "BIN"),
    ],
)
def test_metadata(victim: Victim, path: str) -> None:
    role = victim.index.bin("publishers/text-tools.json")
    path = path.replace("BIN", f"metadata/{victim.index.version(role)}.{role}.json")
    victim.server.answers[path] = endless
    first = path == "metadata/1.root.json"
    problem = victim.meets(IndexUntrusted, "the metadata has more than ", " bytes")
    assert problem.where.endswith(path) or first
    assert problem.exit_status == 3
    assert sum(request.sent for request in victim.server.requests) < ENOUGH


def test_a_claim(victim: Victim) -> None:
    victim.server.answers["targets/publishers"] = endless
    victim.meets(IndexUntrusted, "the file has more than the signed ")
    assert sum(request.sent for request in victim.server.requests) < ENOUGH


def test_a_release(victim: Victim) -> None:
    victim.server.answers["files/"] = endless
    victim.meets(DigestMismatch, "the release of text-tools has more than ", ask=victim.installs)
    assert sum(request.sent for request in victim.server.requests) < ENOUGH


def test_redirects(victim: Victim) -> None:
    victim.server.answers["metadata/timestamp.json"] = lambda handler: handler.reply(
        302, b"", {"location": f"/metadata/timestamp.json?{len(victim.server.requests)}"}
    )
    victim.meets(Unreachable, "could not check the index: the index redirects more than 3 times")
