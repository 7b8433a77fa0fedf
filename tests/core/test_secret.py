"""Secrets as a plugin declares them and as a user binds them."""

import pytest

from tarkpm.core.capability import Capability, CapabilitySet
from tarkpm.core.manifest import Manifest
from tarkpm.core.secret import MAX_DECLARED, Secret, secret_name, secret_value
from tarkpm.errors import ManifestError

HEAD = '[plugin]\nname = "github"\nversion = "1.0.0"\ntype = "tool"\n'


def manifest(table: str) -> Manifest:
    return Manifest.parse(f"{HEAD}{table}".encode())


def table(**changes: str) -> str:
    keys = {"host": "api.github.com", "header": "authorization", "format": "Bearer {}"} | changes
    return "[secrets.token]\n" + "".join(f"{key} = '{value}'\n" for key, value in keys.items())


def test_a_declaration_is_a_capability() -> None:
    found = manifest(table(host="API.github.com:443", header="Authorization")).capabilities
    assert list(map(str, found)) == ["secret:token to api.github.com as authorization: Bearer {}"]
    assert not found.grantable()


def test_the_format_may_be_left_out() -> None:
    text = "[secrets.api-key]\nhost = 'api.example.com:8443'\nheader = 'x-api-key'\n"
    assert list(map(str, manifest(text).capabilities)) == [
        "secret:api-key to api.example.com:8443 as x-api-key: {}"
    ]


@pytest.mark.parametrize(
    ("changes", "where", "why"),
    [
        ({"host": "*.github.com"}, "host", "expected one host"),
        ({"host": "private:nas.local"}, "host", "expected one host"),
        ({"host": "https://api.github.com"}, "host", "expected a host"),
        ({"host": "api.github.com/v3"}, "host", "expected a host"),
        ({"host": "me@api.github.com"}, "host", "expected a host"),
        ({"host": "api.github.com."}, "host", "expected a host"),
        ({"host": "раypal.com"}, "host", "expected a host"),
        ({"host": "0x7f000001"}, "host", "expected a host"),
        ({"host": ""}, "host", "expected a value, found an empty string"),
        *(({"header": name}, "header", "cannot carry a secret") for name in (
            "Host", "content-length", "Connection", "transfer-encoding", "TE", "upgrade", "via", "expect",
            "proxy-authorization", "cookie", "set-cookie", "user-agent", "referer", "origin", "accept",
            "accept-encoding", "content-type", "sec-websocket-protocol", "x-forwarded-for", "if-none-match",
        )),
        ({"header": "x key"}, "header", "expected a header name"),
        ({"header": "x:key"}, "header", "expected a header name"),
        ({"header": "х-key"}, "header", "expected a header name"),
        ({"header": "x" * 65}, "header", "expected a header name"),
        ({"header": ""}, "header", "expected a value, found an empty string"),
        *(({"format": text}, "format", "expected one '{}' as in 'Bearer {}'") for text in (
            "Bearer", "{}{}", "{0}", "{name}", "{{}}", "Bearer {} ", " {}", 'a"{}', "é{}", "{}" + "x" * 63, "a,{}",
        )),
    ],
)  # fmt: skip
def test_what_is_refused(changes: dict[str, str], where: str, why: str) -> None:
    with pytest.raises(ManifestError, match=why.replace("{", r"\{")) as caught:
        manifest(table(**changes))
    assert caught.value.where == f"plugin.toml: secrets.token.{where}"


@pytest.mark.parametrize(
    ("text", "where", "why"),
    [
        ("[secrets]\ntoken = 1", "secrets.token", "expected a table"),
        ("[secrets.token]\nhost = 'a.example'", "secrets.token", "header"),
        (table() + "wild = true", "secrets.token", "wild"),
        (
            "[secrets.'To ken']\nhost = 'a.example'\nheader = 'x-key'",
            "secrets.To ken",
            "expected a name like token",
        ),
        (
            table() + table().replace("secrets.token", "secrets.two"),
            "secrets.two",
            "'token' also sets 'authorization'",
        ),
        (
            "".join(
                f"[secrets.t{n}]\nhost = 'a.example'\nheader = 'x-{n}'\n" for n in range(MAX_DECLARED + 1)
            ),
            "secrets",
            "expected at most 8 secrets, found 9",
        ),
    ],
)
def test_tables_that_are_refused(text: str, where: str, why: str) -> None:
    with pytest.raises(ManifestError) as caught:
        manifest(text)
    assert where in caught.value.where + caught.value.message
    assert why in caught.value.message


def test_it_is_not_declared_among_the_capabilities() -> None:
    found = manifest("[capabilities]\nsecret = ['token=github to a.example as x-key: {}']")
    assert (list(found.capabilities), found.unknown_capabilities) == ([], ("secret",))


def test_a_declaration_covers_its_bindings_and_no_other() -> None:
    place = "to a.example as x-key: {}"
    declared = Capability.parse(f"secret:token {place}")
    bound = Capability.parse(f"secret:token=github {place}")
    assert declared.covers(bound)
    assert not bound.covers(declared)
    assert bound.is_grantable
    assert not declared.is_grantable
    assert Capability.parse("secret:token=github").meet(declared) == bound
    assert Capability.parse("secret:token").covers(bound)
    for other in (
        f"secret:token=work {place}",
        f"secret:key=github {place}",
        "secret:token=github to b.example as x-key: {}",
        "secret:token=github to a.example:444 as x-key: {}",
        "secret:token=github to a.example as x-title: {}",
        "secret:token=github to a.example as x-key: Bearer {}",
    ):
        assert bound.meet(Capability.parse(other)) is None
    assert CapabilitySet.of([bound]).secrets() == (Secret("token", "github", "a.example", "x-key", "{}"),)


@pytest.mark.parametrize(
    "text", ["", "a=b", "a b", "../x", ".x", "é", "x" * 65, "oauth:x", "ghp_1234567890/", "a@b"]
)
def test_a_name_that_is_refused_is_not_repeated(text: str) -> None:
    with pytest.raises(ValueError, match="^expected a name of at most 64 letters, digits") as caught:
        secret_name(text)
    assert not text or text not in str(caught.value).replace("a name", "")


def test_a_name_is_in_lower_case() -> None:
    assert secret_name("GitHub_Token.2") == "github_token.2"


@pytest.mark.parametrize(
    "text",
    ["", "short", "x" * 4097, "line\nbreak1", "é" * 10, " blanks at ends ", "tab\tinside1", "nul\0inside1"],
)
def test_a_value_that_is_refused_is_not_repeated(text: str) -> None:
    with pytest.raises(ValueError) as caught:
        secret_value(text)
    assert not text or text not in str(caught.value)
