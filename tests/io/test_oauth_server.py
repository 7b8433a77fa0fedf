"""Asking an authorization server: what is sent, what is believed, and servers that mean harm."""

import time
from typing import Any

import pytest
from support.authserver import CODE, AuthServer, authorizing, dripping, endless

from tarkpm.core.oauth import OAuth
from tarkpm.errors import Refused, SourceError, TooLarge, Unreachable
from tarkpm.io import oauth as client
from tarkpm.io.http import HttpClient
from tarkpm.io.http_request import RequestLimits
from tarkpm.io.oauth import AuthorizationServer, Rejected


@pytest.fixture
def server() -> Any:
    with authorizing() as running:
        yield running


def asking(
    server: AuthServer, *, limits: RequestLimits = client.LIMITS, **changes: Any
) -> AuthorizationServer:
    table: dict[str, Any] = {
        "flow": "pkce",
        "client_id": "app",
        "auth_url": server.url("/authorize?audience=x"),
        "token_url": server.url("/token"),
        "device_auth_url": server.url("/device"),
        "scopes": ("openid", "a:b"),
        "extra": (("prompt", "login"), ("url", "x"), ("state2", "&=")),
    }
    return AuthorizationServer(OAuth(**(table | changes)), HttpClient(limits=limits))


REDIRECT = "http://localhost:8888/callback"


def test_an_authorization_request_has_what_it_must_and_each_thing_once(server: AuthServer) -> None:
    asked = asking(server).authorization(REDIRECT)
    with HttpClient().open("GET", asked.url) as answer:
        assert answer.status == 302
    (_, sent) = server.requests[0]
    assert sent.pop("code_challenge")
    assert len(sent["state"]) >= 43
    assert len(asked.verifier) >= 43
    assert sent == {
        "audience": "x",
        "response_type": "code",
        "client_id": "app",
        "redirect_uri": REDIRECT,
        "scope": "openid a:b",
        "state": asked.state,
        "code_challenge_method": "S256",
        "prompt": "login",
        "url": "x",
        "state2": "&=",
    }
    again = asking(server).authorization(REDIRECT)
    assert (again.state, again.verifier) != (asked.state, asked.verifier)


def traded(server: AuthServer, **options: Any) -> Any:
    asked = asking(server, **options)
    authorization = asked.authorization(REDIRECT)
    with HttpClient().open("GET", authorization.url):
        pass
    return asked.exchange(CODE, REDIRECT, authorization.verifier)


def test_a_code_is_traded_for_tokens_with_the_verifier(server: AuthServer) -> None:
    tokens = traded(server)
    assert tokens.access_token == "access-s3cret"
    assert abs(tokens.expires_at - time.time() - 3600) < 60
    assert "client_secret" not in server.requests[-1][1]
    assert traded(server, client_secret="pub").access_token == "access-s3cret"
    assert server.requests[-1][1]["client_secret"] == "pub"


def test_a_code_that_somebody_put_in_is_worth_nothing_without_its_verifier(server: AuthServer) -> None:
    victim, attacker = asking(server), asking(server)
    with HttpClient().open("GET", attacker.authorization(REDIRECT).url):
        pass
    with pytest.raises(Rejected) as caught:
        victim.exchange(CODE, REDIRECT, victim.authorization(REDIRECT).verifier)
    assert caught.value.error == "invalid_grant"


def test_only_what_oauth_knows_is_taken_over(server: AuthServer) -> None:
    server.tokens |= {"expires_in": "60", "unknown": {"a": 1}, "id_token": None}
    tokens = traded(server)
    assert (tokens.expires_in, tokens.id_token) == (60, None)
    server.tokens |= {"expires_in": -5}
    assert traded(server).expires_at is None


@pytest.mark.parametrize(
    ("answer", "error", "says"),
    [
        ((302, {}), Refused, "the server redirects, which a sign-in does not follow"),
        ((307, {}), Refused, "the server redirects, which a sign-in does not follow"),
        ((200, b"<html>hello"), Refused, "the response is not valid OAuth 2.0"),
        ((200, b""), Refused, "the response is not valid OAuth 2.0"),
        ((200, b"[1]"), Refused, "the response is not valid OAuth 2.0"),
        ((200, b"[" * 100_000), Refused, "the response is not valid OAuth 2.0"),
        ((200, b"\xff\xfe"), Refused, "the response is not valid OAuth 2.0"),
        ((200, {}), Refused, "the response is not valid OAuth 2.0"),
        ((200, {"access_token": ""}), Refused, "the response is not valid OAuth 2.0"),
        ((200, {"access_token": 5}), Refused, "the response is not valid OAuth 2.0"),
        ((200, {"access_token": "a\r\nX: b"}), Refused, "the response is not valid OAuth 2.0"),
        (
            (200, {"access_token": "a", "refresh_token": {"b": 1}}),
            Refused,
            "the response is not valid OAuth 2.0",
        ),
        (
            (200, {"access_token": "a", "expires_in": "soon"}),
            Refused,
            "the response is not valid OAuth 2.0",
        ),
        ((500, b"oops"), Unreachable, "the server responded with status 500"),
        ((429, b"slow"), Unreachable, "the server limits the rate of requests (HTTP 429)"),
        ((200, endless), TooLarge, "the response has more than"),
    ],
    ids=lambda value: str(value).partition(" at 0x")[0][:40],
)
def test_what_is_no_answer_is_one_error(
    server: AuthServer, answer: Any, error: type[SourceError], says: str
) -> None:
    asked = asking(server)
    server.answers = [answer]
    with pytest.raises(error) as caught:
        asked.exchange(CODE, REDIRECT, asked.authorization(REDIRECT).verifier)
    assert says in caught.value.message
    assert CODE not in str(caught.value.__dict__)
    assert [path for path, _ in server.requests] == ["/token"]
    if answer[1] is not endless:
        server.answers = [answer]
        with pytest.raises((error, Rejected)):
            asked.start_device_flow()


def test_an_answer_that_drips_ends_in_time(server: AuthServer) -> None:
    server.answers = [(200, dripping)]
    start = time.monotonic()
    with pytest.raises(Unreachable, match="the server did not respond in time"):
        asking(server, limits=RequestLimits(total=0.5)).exchange(CODE, REDIRECT, "v" * 43)
    assert time.monotonic() - start < 5


def test_what_was_sent_in_confidence_is_in_no_error(server: AuthServer) -> None:
    asked = asking(server, client_secret="sup3rs3cret")
    verifier = asked.authorization(REDIRECT).verifier
    text = f"bad {CODE} {verifier} sup3rs3cret \x1b[2J" + "x" * 5000
    server.answers = [(400, {"error": "invalid_" + CODE, "error_description": text})]
    with pytest.raises(Rejected) as caught:
        asked.exchange(CODE, REDIRECT, verifier)
    said = caught.value.error + caught.value.description
    assert said.startswith("invalid_‹masked›bad ‹masked› ‹masked› ‹masked› \\x1b[2Jxxx")
    assert len(said) < 700
    server.answers = [(400, {"error": {"a": 1}, "error_description": ["x"]})]
    with pytest.raises(Rejected, match="unnamed error"):
        asked.exchange(CODE, REDIRECT, verifier)


def test_a_device_flow_is_asked_for_and_polled(server: AuthServer) -> None:
    asked = asking(server)
    grant = asked.start_device_flow()
    assert (grant.user_code, grant.interval, grant.expires_in) == ("ABCD-EFGH", 1, 60)
    server.answers = [(400, {"error": "authorization_pending"}), (400, {"error": "slow_down"})]
    for error in ("authorization_pending", "slow_down"):
        with pytest.raises(Rejected, match=error):
            asked.poll(grant.device_code)
    assert asked.poll(grant.device_code).access_token == "access-s3cret"
    assert server.requests[0] == ("/device", {"client_id": "app", "scope": "openid a:b"})
    server.answers = [(400, {"error": "x", "error_description": "for device-s3cret"})]
    with pytest.raises(Rejected) as caught:
        asked.poll(grant.device_code)
    assert caught.value.description == "for ‹masked›"


@pytest.mark.parametrize(
    "change", [{"device_code": None}, {"expires_in": "x"}, {"user_code": "\x1b[2J"}, {"interval": []}]
)
def test_a_device_answer_that_is_none_is_refused(server: AuthServer, change: dict[str, Any]) -> None:
    server.device |= change
    with pytest.raises(Refused, match="not valid OAuth"):
        asking(server).start_device_flow()
