"""A server that is never late by any single byte, and never done."""

import time

import pytest
from support.index_fixtures import Victim
from support.indexserver import Handler

from tarkpm.errors import Unreachable
from tarkpm.sources.index.places import Patience

HURRY = Patience(file=1.0, question=2.0, release=1.0)


def slow_head(handler: Handler) -> None:
    for letter in b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 100:
        handler.send(bytes([letter]))
        time.sleep(0.1)


def slow_body(handler: Handler) -> None:
    handler.begin(200, {"content-length": "100000"})
    for _ in range(300):
        handler.send(b" ")
        time.sleep(0.1)


@pytest.mark.parametrize("answer", [slow_head, slow_body])
@pytest.mark.parametrize("path", ["metadata/1.root", "metadata/2.root", "metadata/timestamp", "BIN"])
def test_metadata(victim: Victim, path: str, answer: object) -> None:
    role = victim.index.bin("publishers/text-tools.json")
    path = path.replace("BIN", f"metadata/{victim.index.version(role)}.{role}.json")
    victim.server.answers[path] = answer  # type: ignore[assignment]
    problem = victim.meets(
        Unreachable, "could not check the index: the server did not respond in time", patience=HURRY
    )
    assert problem.exit_status == 5


@pytest.mark.parametrize("answer", [slow_head, slow_body])
def test_a_release(victim: Victim, answer: object) -> None:
    victim.server.answers["files/"] = answer  # type: ignore[assignment]
    victim.meets(
        Unreachable,
        "could not check the index: the server did not respond in time",
        ask=victim.installs,
        patience=HURRY,
    )


def test_many_files_each_in_time(victim: Victim) -> None:
    """A new root for ever, each a little slow: the question ends."""

    def late(handler: Handler) -> None:
        time.sleep(0.4)
        handler.file(victim.index.folder / handler.path.lstrip("/"))

    for _ in range(12):
        victim.index.write_root()
    victim.server.answers["metadata/"] = late
    victim.meets(Unreachable, "could not check the index: the server did not respond", patience=HURRY)
