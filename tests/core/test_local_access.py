"""Who may use a server on loopback."""

import pytest

from tarkpm.core.local_access import (
    LoopbackAddress,
    check_token,
    has_token,
    is_addressed,
    is_of_a_page,
    read_address,
)

HERE = LoopbackAddress("127.0.0.1", 8080)
TOKEN = "0123456789abcdef"


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:0", "127.0.0.1", 0),
        ("localhost:65535", "127.0.0.1", 65535),
        ("127.1.2.3:80", "127.1.2.3", 80),
        ("[::1]:80", "::1", 80),
    ],
)
def test_an_address_of_this_machine(text: str, host: str, port: int) -> None:
    assert read_address(text) == LoopbackAddress(host, port)


@pytest.mark.parametrize(
    "text",
    [
        *("", "65536", ":80", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "127.0.0.1:-1"),
        *(
            "127.0.0.1:٣",
            "0.0.0.0:80",
            "[::]:80",
            "::1:80",
            "[127.0.0.1]:80",
            "10.0.0.1:80",
            "example.com:80",
        ),
        *("[::ffff:10.0.0.1]:80", "localhost.evil:80", "127.1:80", "0x7f000001:80", "127.0.0.1:80 "),
    ],
)
def test_any_other_address(text: str) -> None:
    with pytest.raises(ValueError, match="expected an address"):
        read_address(text)


def test_a_host_header_names_this_server_once() -> None:
    for name in ("127.0.0.1:8080", "localhost:8080", "LOCALHOST:8080"):
        assert is_addressed([("host", name)], HERE)
    for name in ("", "127.0.0.1", "localhost", "evil.example:8080", "127.0.0.1:80", "127.0.0.1:8080.evil"):
        assert not is_addressed([("host", name)], HERE)
    assert not is_addressed([], HERE)
    assert not is_addressed([("host", "localhost:8080")] * 2, HERE)
    assert is_addressed([("host", "[::1]:8080")], LoopbackAddress("::1", 8080))


def test_a_request_of_a_page() -> None:
    assert is_of_a_page([("origin", "http://127.0.0.1:8080")])
    assert is_of_a_page([("origin", "null")])
    assert is_of_a_page([("sec-fetch-site", "cross-site")])
    assert not is_of_a_page([("sec-fetch-site", "none"), ("sec-fetch-mode", "cors")])  # Node sends the mode


def test_a_bearer_token() -> None:
    assert has_token([("authorization", f"Bearer {TOKEN}")], TOKEN)
    assert has_token([("authorization", f"bearer  {TOKEN} ")], TOKEN)
    for value in (
        "",
        TOKEN,
        f"Basic {TOKEN}",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        "Bearer",
        "Bearer ä",
    ):
        assert not has_token([("authorization", value)], TOKEN), value
    assert not has_token([], TOKEN)
    assert not has_token([("authorization", f"Bearer {TOKEN}")] * 2, TOKEN)


@pytest.mark.parametrize("token", ["x" * 15, "x" * 257, "x" * 16 + " y", "x" * 16 + "\n", "ä" * 16])
def test_a_token_is_long_and_can_be_sent(token: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        check_token(token)
    check_token(TOKEN)
