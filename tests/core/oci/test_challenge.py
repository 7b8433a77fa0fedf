"""WWW-Authenticate, as registries write it."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tarkpm.core import urls
from tarkpm.core.oci.challenge import Challenge, read_challenge, token_server

REALM = "https://auth.example/token"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (f'Bearer realm="{REALM}",service="s"', Challenge("bearer", REALM, "s")),
        (f'bearer  Realm = "{REALM}" , scope="repository:a:pull,push"', Challenge("bearer", REALM)),
        (f'Bearer realm="{REALM}",service="a \\"b\\", c"', Challenge("bearer", REALM, 'a "b", c')),
        (f'Basic realm="x", Bearer realm="{REALM}"', Challenge("bearer", REALM)),
        (f'Bearer realm="{REALM}", Basic realm="x"', Challenge("bearer", REALM)),
        (f'Bearer realm="{REALM}",realm="https://evil.example"', Challenge("bearer", REALM)),
        ('Basic realm="Registry Realm"', Challenge("basic")),
        ("BASIC", Challenge("basic")),
        ('Negotiate, Basic realm="x"', Challenge("basic")),
        ('Bearer service="s", Basic realm="x"', Challenge("basic")),
        ('Bearer service="s"', None),
        ("Negotiate", None),
        ("", None),
        ('"', None),
    ],
)
def test_what_is_offered(header: str, expected: Challenge | None) -> None:
    assert read_challenge(header) == expected


@given(st.text(alphabet='Bearer aliscv="\\,; \t'))
def test_any_header_is_read(header: str) -> None:
    found = read_challenge(header)
    assert found is None or found.scheme in ("bearer", "basic")


@pytest.mark.parametrize("piece", [" ", ",", '"', "a=", 'a="', "\\", 'a="\\', "a "])
def test_no_header_takes_long(piece: str) -> None:
    start = time.process_time()
    read_challenge("Bearer" + piece * 100_000 + '"')
    assert time.process_time() - start < 0.2


@pytest.mark.parametrize(
    ("registry", "realm", "is_loopback", "allowed"),
    [
        ("https://r.example", "https://auth.example/t", False, True),
        ("http://127.0.0.1:5000", "https://auth.example/t", False, True),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5001/t", True, True),
        ("http://127.0.0.1:5000", "http://auth.example/t", False, False),
        ("https://r.example", "http://auth.example/t", False, False),
        ("https://r.example", "http://127.0.0.1:5001/t", True, False),
    ],
)
def test_who_may_have_the_login(registry: str, realm: str, is_loopback: bool, allowed: bool) -> None:
    challenge, place = Challenge("bearer", realm), urls.parse(registry)
    if allowed:
        assert token_server(challenge, place, is_loopback=is_loopback).url == realm
    else:
        with pytest.raises(ValueError, match="token server without https"):
            token_server(challenge, place, is_loopback=is_loopback)
