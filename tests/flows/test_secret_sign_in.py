"""A plugin that is bound to its own sign-in: tarkpm keeps the tokens, refreshes them, and the plugin has none."""

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from host.imports.web import Web, ok
from support.authserver import AuthServer, authorizing
from support.guests import write_plugin
from support.login import Login
from support.sandbox import PLUGINS, Result, Sandbox

from tarkpm.io.tls import trusted

NAME = "openai-compat"
BIND = ("grant", NAME, f"secret:key=oauth:{NAME}")


@pytest.fixture(autouse=True)
def _authorities() -> Iterator[None]:
    trusted.cache_clear()
    yield
    trusted.cache_clear()


@pytest.fixture
def server() -> Iterator[AuthServer]:
    with authorizing() as running:
        running.tokens["access_token"] = "access-s3cret-1"
        yield running


class User:
    """Somebody with the example provider, which here declares a sign-in and a secret."""

    def __init__(self, sandbox: Sandbox, server: AuthServer, api: Web, authority: Path) -> None:
        self.sandbox, self.api = sandbox, api
        host = f"localhost:{api.port}"
        self.env = {"OPENAI_BASE_URL": f"https://{host}", "SSL_CERT_FILE": str(authority)}
        wants = (
            f'http = ["{host}"]\nenv = ["OPENAI_*"]\n[oauth]\nauth_url = "{server.url("/authorize")}"\n'
            f'token_url = "{server.url("/token")}"\nclient_id = "app"\n'
            f'[secrets.key]\nhost = "{host}"\nheader = "authorization"\nformat = "Bearer {{}}"'
        )
        wasm = (PLUGINS / NAME / "plugin.wasm").read_bytes()
        write_plugin(sandbox.cwd / "src", NAME, "provider", wasm, wants)
        sandbox.init()
        sandbox.run("add", "./src", "--accept-capabilities").ok()

    def run(self, *words: str) -> Result:
        done = self.sandbox.run(*words, env=self.env)
        assert "s3cret" not in done.err
        return done

    def login(self) -> Result:
        login = Login(self.sandbox, plugin=NAME)
        assert "return to the terminal" in login.browse()
        done = login.ended()
        assert "s3cret" not in done.out + done.err
        return done

    def models(self) -> Result:
        done = self.run("chat", NAME)
        assert "s3cret" not in done.out + done.err
        return done

    def sent(self) -> list[str | None]:
        return [asked["authorization"] for asked in self.api.asked]

    def age(self, **changes: object) -> None:
        """Make what tarkpm keeps older."""
        (file,) = (self.sandbox.state / "secrets").glob("oauth@*.json")
        record = json.loads(file.read_text())
        kept = json.loads(record["value"]) | {"expires_at": int(time.time()) + 10} | changes
        file.write_text(json.dumps(record | {"value": json.dumps(kept)}))


@pytest.fixture
def user(sandbox: Sandbox, server: AuthServer, api: Web, tls_files: tuple[Path, Path]) -> User:
    api.pages["/v1/models"] = ok(b'{"data": [{"id": "echo-1"}]}', "Content-Type: application/json")
    return User(sandbox, server, api, tls_files[0])


def test_it_signs_in_and_the_plugin_has_no_token(user: User, server: AuthServer) -> None:
    user.run("auth", "login", NAME).failed(1, "is of type 'provider', expected 'auth'")
    user.run(*BIND).ok()
    assert user.run("auth", "status", NAME).ok().out == f"{NAME}: not-authenticated\n"
    refused = user.models().ok()
    assert f"you are not signed in (tarkpm auth login {NAME})" in refused.err
    assert user.sent() == []

    assert user.login().ok().out == f"✓ signed in with {NAME}\n"
    assert user.run("auth", "status", NAME).ok().out == f"{NAME}: authenticated\n"
    assert user.models().ok().out == "echo-1\n"
    assert user.sent() == ["Bearer access-s3cret-1"]
    data = Path(user.run("info", NAME, "--json").ok().json["data"])
    assert not [file for file in data.rglob("*") if file.is_file() and b"s3cret" in file.read_bytes()]
    (file,) = (user.sandbox.state / "secrets").glob("*.json")
    assert file.stat().st_mode & 0o777 == 0o600

    assert user.run("auth", "token", NAME).ok().out == "access-s3cret-1\n"
    row = user.run("secret", "list", "--json").ok().json["secrets"]
    assert [(one["name"], one["kept"]) for one in row] == [(f"oauth:{NAME}", "sign-in")]
    assert user.run("auth", "logout", NAME).ok().out == f"{NAME}: not-authenticated\n"
    assert not list((user.sandbox.state / "secrets").glob("*.json"))
    user.run("auth", "token", NAME).failed(2, "you are not signed in", f"tarkpm auth login {NAME}")
    assert user.run("auth", "status", NAME).ok().out == f"{NAME}: not-authenticated\n"


@pytest.mark.parametrize("token", ["short", "x" * 4097])
def test_a_token_that_no_header_can_carry(user: User, server: AuthServer, token: str) -> None:
    user.run(*BIND).ok()
    server.tokens["access_token"] = token
    user.login().failed(1, "the access token cannot be sent in a header: expected ")
    assert user.run("auth", "status", NAME).ok().out == f"{NAME}: not-authenticated\n"


def test_a_token_is_refreshed(user: User, server: AuthServer) -> None:
    user.run(*BIND).ok()
    user.login().ok()
    user.age()
    server.requests.clear()
    server.answers = [(200, {"access_token": "access-s3cret-2", "token_type": "Bearer", "expires_in": 3600})]
    assert user.models().ok().out == "echo-1\n"
    assert user.models().ok().out == "echo-1\n"
    assert user.sent() == ["Bearer access-s3cret-2"] * 2
    ((path, asked),) = server.requests
    assert (path, asked["grant_type"], asked["refresh_token"]) == (
        "/token",
        "refresh_token",
        "refresh-s3cret",
    )
    user.age()  # RFC 6749, 6: the former refresh token stays valid if no new one came
    server.answers = [
        (
            200,
            {"access_token": "access-s3cret-3", "refresh_token": "refresh-s3cret-3", "token_type": "Bearer"},
        )
    ]
    user.models().ok()
    assert server.requests[-1][1]["refresh_token"] == "refresh-s3cret"
    assert user.sent()[-1] == "Bearer access-s3cret-3"


def test_a_refresh_that_is_rejected(user: User, server: AuthServer) -> None:
    user.run(*BIND).ok()
    user.login().ok()
    user.age()
    server.answers = [
        (400, {"error": "invalid_grant", "error_description": "refresh-s3cret was used before"})
    ]
    refused = user.models().ok()
    assert "sign-in failed: invalid_grant" in refused.err
    assert f"tarkpm auth login {NAME}" in refused.err
    assert user.sent() == []


@pytest.mark.parametrize(
    "changes", [{"token_url": "https://moved.example/token"}, {"refresh_token": ""}], ids=str
)
def test_a_refresh_token_goes_to_the_server_that_issued_it(
    user: User, server: AuthServer, changes: dict[str, str]
) -> None:
    user.run(*BIND).ok()
    user.login().ok()
    user.age(**changes)
    server.requests.clear()
    assert "the sign-in has ended" in user.models().ok().err
    assert (server.requests, user.sent()) == ([], [])


def test_the_sign_in_of_another_plugin(user: User) -> None:
    """Neither granted, nor used if tark.toml says so and the user accepts it."""
    user.run("grant", NAME, "secret:key=oauth:other").failed(
        1, f"can be bound to its own sign-in only, which is oauth:{NAME}"
    )
    user.run(*BIND).ok()
    toml = user.sandbox.cwd / "tark.toml"
    toml.write_text(toml.read_text().replace(f"oauth:{NAME}", "oauth:other"))
    digest = user.run("accept", "--print", "--json").ok().json["digest"]
    user.run("accept", f"--accept-project={digest}").ok()
    assert "a plugin can be bound to its own sign-in only" in user.models().ok().err
    assert user.sent() == []


def test_a_plugin_without_a_sign_in(sandbox: Sandbox) -> None:
    sandbox.plugin(sandbox.cwd / "src", capabilities='[secrets.key]\nhost = "a.example"\nheader = "x-key"')
    sandbox.init()
    sandbox.run("add", "./src", "--accept-capabilities").ok()
    sandbox.run("grant", "text-tools", "secret:key=oauth:text-tools").failed(
        1, "'text-tools' declares no sign-in"
    )


def test_tokens_are_the_publisher_s(user: User) -> None:
    """A plugin of the same name from elsewhere has not signed in, and a purge deletes what is kept."""
    user.run(*BIND).ok()
    user.login().ok()
    shutil.copytree(user.sandbox.cwd / "src", user.sandbox.cwd / "other")
    user.run("remove", NAME).ok()
    user.run("add", "./other", "--accept-capabilities").ok()
    user.run(*BIND).ok()
    assert user.run("auth", "status", NAME).ok().out == f"{NAME}: not-authenticated\n"
    user.run("remove", NAME).ok()
    user.run("add", "./src", "--accept-capabilities").ok()
    user.run(*BIND).ok()
    assert user.run("auth", "status", NAME).ok().out == f"{NAME}: authenticated\n"
    user.run("remove", NAME, "--purge").ok()
    assert not list((user.sandbox.state / "secrets").glob("*.json"))
