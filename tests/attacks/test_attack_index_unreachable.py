"""A server that is not there, or answers with anything but an index: that is not an absence (rule 12)."""

import pytest
from support.index_fixtures import Victim
from support.indexserver import Handler

from tarkpm.errors import Unreachable


def test_nobody_listens(victim: Victim) -> None:
    problem = victim.meets(Unreachable, "could not check the index: cannot connect", url="http://127.0.0.1:1")
    assert problem.exit_status == 5


@pytest.mark.parametrize("status", [403, 404, 500, 503, 429])
def test_a_status(victim: Victim, status: int) -> None:
    victim.server.answers["metadata/timestamp"] = lambda handler: handler.reply(status)
    victim.meets(Unreachable, "could not check the index: ", f"{status}")


@pytest.mark.parametrize(
    ("status", "sentence"),
    [(429, "limits the rate of requests (HTTP 429)"), (503, "failed with HTTP status 503")],
)
def test_a_server_that_asks_to_wait(victim: Victim, status: int, sentence: str) -> None:
    victim.server.answers["metadata/timestamp"] = lambda handler: handler.reply(
        status, b"", {"retry-after": "7"}
    )
    said = f"could not check the index: the server {sentence} and asks to wait 7 seconds"
    assert victim.meets(Unreachable, said).hint == "wait 7 seconds, then run the command again"


def test_a_redirect_to_nowhere(victim: Victim) -> None:
    victim.server.answers["metadata/timestamp"] = lambda handler: handler.reply(302)
    victim.meets(Unreachable, "could not check the index: the server redirects (HTTP 302) without a Location")


def test_a_connection_that_breaks(victim: Victim) -> None:
    def broken(handler: Handler) -> None:
        handler.begin(200, {"content-length": "1000"})
        handler.send(b"{")
        handler.close_connection = True

    victim.server.answers["metadata/timestamp"] = broken
    victim.meets(Unreachable, "could not check the index: ")


@pytest.mark.parametrize("path", ["metadata/1.claims", "targets/publishers"])
def test_only_what_is_about_the_plugin(victim: Victim, path: str) -> None:
    """Hidden by a server, a plugin is not one that does not exist."""
    victim.server.answers[path] = lambda handler: handler.reply(404)
    victim.meets(Unreachable, "could not check the index: a listed file is missing (HTTP 404)")


def test_a_release_that_is_not_there(victim: Victim) -> None:
    victim.server.answers["files/"] = lambda handler: handler.reply(404)
    victim.meets(
        Unreachable, "the index does not have this release of text-tools (HTTP 404)", ask=victim.installs
    )
