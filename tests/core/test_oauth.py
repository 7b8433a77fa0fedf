"""The [oauth] table: what it says, what it takes of a user, and what it cannot say."""

from typing import Any

import pytest

from tarkpm.core.manifest import Manifest
from tarkpm.core.oauth import OAuth
from tarkpm.errors import ManifestError

PLUGIN = """
[plugin]
name = "a"
version = "1.0.0"
type = "provider"
[oauth]
"""
PKCE = {
    "flow": '"pkce"',
    "client_id": '"app"',
    "auth_url": '"https://auth.example/authorize?x=1"',
    "token_url": '"https://token.example:8443/token"',
}
DEVICE = {
    "flow": '"device_flow"',
    "client_id": '"app"',
    "device_auth_url": '"https://auth.example/device"',
    "token_url": '"https://auth.example/token"',
}


def read(table: dict[str, str], **changes: str) -> OAuth:
    lines = [f"{key} = {value}" for key, value in (table | changes).items() if value]
    found = Manifest.parse((PLUGIN + "\n".join(lines)).encode()).oauth
    assert found is not None
    return found


def test_a_table_is_read_and_what_is_unknown_is_ignored() -> None:
    found = read(
        PKCE,
        scopes='["openid", "a:b"]',
        extra_params='{ prompt = "login" }',
        provider='"x"',
        nested="{ a = 1 }",
    )
    assert (found.flow, found.client_id, found.scopes) == ("pkce", "app", ("openid", "a:b"))
    assert found.extra == (("prompt", "login"),)
    assert list(map(str, found.capabilities())) == ["oauth:auth.example", "oauth:token.example:8443"]


def test_the_device_flow_has_an_address_of_its_own() -> None:
    found = read(DEVICE, credentials_path='"~/.a/${NAME}.json"')
    assert found.endpoints == ("https://auth.example/device", "https://auth.example/token")
    assert list(map(str, found.capabilities())) == ["oauth:auth.example", "credentials:~/.a/${NAME}.json"]


@pytest.mark.parametrize(
    ("text", "host", "port", "path"),
    [
        ("", "127.0.0.1", 0, "/callback"),
        ("http://localhost:8888/callback", "localhost", 8888, "/callback"),
        ("http://127.0.0.1/cb", "127.0.0.1", 0, "/cb"),
        ("http://[::1]:9000", "::1", 9000, "/"),
        ("http://[::1]/x", "::1", 0, "/x"),
    ],
)
def test_the_redirect_is_to_this_machine(text: str, host: str, port: int, path: str) -> None:
    redirect = read(PKCE, redirect_uri=f'"{text}"' if text else "").redirect
    assert (redirect.host, redirect.port, redirect.path) == (host, port, path)


CASES: list[tuple[dict[str, str], str, str]] = [
    ({"client_id": ""}, "client_id", "'client_id' is required for the flow 'pkce'"),
    ({"auth_url": ""}, "auth_url", "'auth_url' is required"),
    ({"token_url": ""}, "token_url", "'token_url' is required"),
    ({"flow": '"implicit"'}, "flow", "expected 'pkce' or 'device_flow', found 'implicit'"),
    (
        {"flow": '"device_flow"'},
        "device_auth_url",
        "'device_auth_url' is required for the flow 'device_flow'",
    ),
    ({"scopes": '"openid"'}, "scopes", "expected a list, found a string"),
    ({"auth_url": '"http://auth.example/"'}, "auth_url", "expected an https URL"),
    ({"token_url": '"http://10.0.0.1/"'}, "token_url", "expected an https URL"),
    ({"token_url": '"javascript:alert(1)"'}, "token_url", "expected a URL like https://host/path"),
    ({"auth_url": '"file:///etc/passwd"'}, "auth_url", "expected a URL like https://host/path"),
    ({"auth_url": '"https://u:p@auth.example/"'}, "auth_url", "user name or password"),
    ({"auth_url": '"https://auth.example/\\u0000"'}, "auth_url", "invisible character"),
    ({"auth_url": '"https://auth.example/\\r\\nX: y"'}, "auth_url", "invisible character"),
    ({"auth_url": '"https://auth.example/#x"'}, "auth_url", "fragment"),
    ({"auth_url": '"https://${EVIL}/"'}, "auth_url", "expected a host"),
    ({"token_url": '"${TOKEN_URL}"'}, "token_url", "expected a URL like https://host/path"),
    ({"auth_url": '"https://auth.example/?state=1"'}, "auth_url", "'state' is set by tarkpm"),
    (
        {"auth_url": '"https://auth.example/?redirect%5furi=1"'},
        "auth_url",
        "'redirect_uri' is set by tarkpm",
    ),
    (
        {"extra_params": '{ redirect_uri = "https://evil" }'},
        "extra_params.redirect_uri",
        "is set by tarkpm",
    ),
    ({"extra_params": '{ "a&b" = "x" }'}, "extra_params", "expected printable ASCII"),
    ({"extra_params": '{ a = "\\u001b" }'}, "extra_params.a", "expected printable ASCII"),
    ({"scopes": '["a b"]'}, "scopes", "expected printable ASCII"),
    ({"scopes": '["a\\u001b[2J"]'}, "scopes", "expected printable ASCII"),
    ({"client_id": '"a\\nb"'}, "client_id", "expected printable ASCII"),
    (
        {"redirect_uri": '"https://localhost/cb"'},
        "redirect_uri",
        "expected a URL like http://localhost:8888/callback",
    ),
    ({"redirect_uri": '"http://evil.example/cb"'}, "redirect_uri", "expected a URL like"),
    ({"redirect_uri": '"http://0.0.0.0:80/cb"'}, "redirect_uri", "expected a URL like"),
    ({"redirect_uri": '"http://localhost:1/cb?x=1"'}, "redirect_uri", "expected a URL like"),
    ({"credentials_path": '"~/.ssh/a.json"'}, "credentials_path", "holds keys or passwords"),
    (
        {"credentials_path": '"~/.config/tark/b_oauth.json"'},
        "credentials_path",
        "another plugin's credentials",
    ),
    ({"credentials_path": '"~/.bashrc"'}, "credentials_path", "expected a .json file"),
    ({"credentials_path": '"/tmp/a.json"'}, "credentials_path", "expected a path below your home"),
    ({"credentials_path": '"~/../a.json"'}, "credentials_path", "expected a path below your home"),
]


@pytest.mark.parametrize(("changes", "key", "sentence"), CASES, ids=lambda value: str(value)[:40])
def test_a_bad_table_is_one_error_at_its_key(changes: dict[str, str], key: str, sentence: str) -> None:
    with pytest.raises(ManifestError) as caught:
        read(PKCE, **changes)
    assert caught.value.where == f"plugin.toml: oauth.{key}"
    assert sentence in caught.value.message
    assert caught.value.message.isprintable()


def test_there_are_limits() -> None:
    many: list[tuple[dict[str, Any], str]] = [
        ({"scopes": str([f"s{n}" for n in range(65)])}, "scopes"),
        ({"scopes": str(["s" * 257])}, "scopes"),
        ({"client_id": f'"{"c" * 513}"'}, "client_id"),
        ({"auth_url": f'"https://a.example/{"x" * 9000}"'}, "auth_url"),
        ({"extra_params": "{" + ", ".join(f"a{n} = 'x'" for n in range(33)) + "}"}, "extra_params"),
    ]
    for changes, key in many:
        with pytest.raises(ManifestError) as caught:
            read(PKCE, **changes)
        assert caught.value.where == f"plugin.toml: oauth.{key}"
