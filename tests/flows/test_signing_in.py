"""tarkpm auth login for plugins of the older ABI: through a browser, with a code, and where the tokens go."""

import json
import os
import pty
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from support import older
from support.authserver import TOKENS, AuthServer, authorizing
from support.login import Login
from support.sandbox import Result, Sandbox
from support.signing_in import CHANNEL, PATH, install

from tarkpm.errors import PluginFailed, PluginRaised
from tarkpm.host.imports.log import LogLine
from tarkpm.ops.run.credentials import flat
from tarkpm.ops.run.oauth import Confidence


@pytest.fixture
def server() -> Iterator[AuthServer]:
    with authorizing() as running:
        yield running


def no_secret(result: Result) -> None:
    for secret in ("s3cret", "code-"):
        assert secret not in result.out + result.err, result


def test_through_the_browser_and_out_again(sandbox: Sandbox, server: AuthServer) -> None:
    kept = install(sandbox, server)
    assert "not-authenticated" in sandbox.run("auth", "status", "chatgpt-oauth").ok().out
    login = Login(sandbox, "--json")
    assert "return to the terminal" in login.browse()
    result = login.ended().ok()
    assert result.json == {
        "plugin": "chatgpt-oauth",
        "display_name": "ChatGPT (OAuth)",
        "status": "authenticated",
    }
    no_secret(result)
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    written = json.loads(kept.read_text())
    assert written["account_id"] == "account-1"  # the plugin's own addition
    assert {key: written[key] for key in TOKENS} == TOKENS
    assert abs(written["expires_at"] - time.time() - 3600) < 120
    assert sandbox.run("auth", "token", "chatgpt-oauth").ok().out == "access-s3cret\n"
    kept.unlink()
    assert sandbox.run("auth", "token", "chatgpt-oauth").ok().out == "access-s3cret\n"  # from its storage
    kept.write_text('{"access_token": "older"}')
    assert "not-authenticated" in sandbox.run("auth", "logout", "chatgpt-oauth").ok().out
    assert not kept.exists()
    sandbox.run("auth", "token", "chatgpt-oauth").failed(1, "No credentials stored")
    assert not [path for path in kept.parent.iterdir() if path.name.endswith("tark-tmp")]


def test_with_a_code(sandbox: Sandbox, server: AuthServer) -> None:
    kept = install(sandbox, server, flow="device_flow", auth_url="")
    server.answers = [
        (200, {"device_code": "device-s3cret", "user_code": "ABCD-EFGH", "verification_uri": server.url("/activate"), "expires_in": 60, "interval": 1}),
        (400, {"error": "authorization_pending"}),
    ]  # fmt: skip
    result = sandbox.run("auth", "login", "chatgpt-oauth").ok()
    assert "ABCD-EFGH" in result.err
    assert server.url("/activate") in result.err
    assert "signed in with ChatGPT (OAuth)" in result.out
    no_secret(result)
    assert json.loads(kept.read_text())["access_token"] == "access-s3cret"


def test_a_server_that_always_says_slow_down_ends_when_the_code_does(
    sandbox: Sandbox, server: AuthServer
) -> None:
    install(sandbox, server, flow="device_flow", auth_url="")
    server.device = {"expires_in": 3, "interval": 0}
    grant = {
        "device_code": "d",
        "user_code": "U",
        "verification_uri": server.url("/a"),
        "expires_in": 3,
        "interval": 0,
    }
    server.answers = [(200, grant), *[(400, {"error": "slow_down"})] * 50]
    sandbox.run("auth", "login", "chatgpt-oauth").failed(1, "sign-in failed: expired_token: the code expired")
    assert len(server.requests) <= 3


def test_no_is_an_answer(sandbox: Sandbox, server: AuthServer) -> None:
    kept = install(sandbox, server)
    server.denies = "access_denied"
    login = Login(sandbox)
    assert "You were not signed in" in login.browse()
    login.ended().failed(1, "sign-in failed: access_denied", f"where: http://{server.authority}")
    assert not kept.exists()
    assert [path for path, _ in server.requests] == ["/authorize"]


def test_ctrl_c_ends_it_cleanly(sandbox: Sandbox, server: AuthServer) -> None:
    install(sandbox, server)
    login = Login(sandbox)
    login.page()
    login.process.send_signal(signal.SIGINT)
    result = login.ended()
    assert result.status == 130
    assert "Traceback" not in result.err


def test_a_page_that_tries_its_luck_does_not_sign_anybody_in(sandbox: Sandbox, server: AuthServer) -> None:
    install(sandbox, server)
    login = Login(sandbox)
    redirect = dict(pair.split("=") for pair in login.page().partition("?")[2].split("&"))["redirect_uri"]
    callback = redirect.replace("%3A", ":").replace("%2F", "/")
    for query in ("?code=evil&state=guess", "?code=evil", ""):
        with pytest.raises(HTTPError, match="400") as refused:
            urlopen(callback + query, timeout=5)
        refused.value.close()
    login.browse()
    login.ended().ok()
    with pytest.raises(OSError):
        urlopen(callback + "?code=second&state=guess", timeout=5)
    assert [asked["code"] for path, asked in server.requests if path == "/token"] == ["code-s3cret"]


def test_only_granted_hosts_are_asked(sandbox: Sandbox, server: AuthServer) -> None:
    install(sandbox, server)
    sandbox.run("revoke", "chatgpt-oauth", f"oauth:{server.authority}").ok()
    help_text = f"tarkpm grant chatgpt-oauth oauth:{server.authority}"
    sandbox.run("auth", "login", "chatgpt-oauth").failed(
        1, f"signing in needs oauth:{server.authority}, which is not granted", help_text
    )
    assert server.requests == []


def test_offline_means_that_nobody_is_asked(sandbox: Sandbox, server: AuthServer) -> None:
    install(sandbox, server)
    sandbox.run("auth", "login", "chatgpt-oauth", env={"TARKPM_OFFLINE": "1"}).failed(
        5, "TARKPM_OFFLINE forbids network requests"
    )
    assert server.requests == []


def test_the_file_is_written_only_where_it_was_granted(sandbox: Sandbox, server: AuthServer) -> None:
    kept = install(sandbox, server)
    sandbox.run("revoke", "chatgpt-oauth", f"credentials:{PATH}").ok()
    login = Login(sandbox)
    login.browse()
    login.ended().ok()
    assert not kept.exists()
    assert sandbox.run("auth", "token", "chatgpt-oauth").ok().out == "access-s3cret\n"


def test_a_variable_fills_the_path_and_no_other_than_granted_ones(
    sandbox: Sandbox, server: AuthServer
) -> None:
    install(sandbox, server, path="${WHERE}/a.json")
    (sandbox.home / ".mine").mkdir()
    sandbox.run("auth", "login", "chatgpt-oauth").failed(1, "uses the variable WHERE")
    for value in ("/etc", str(sandbox.home / ".ssh"), f"{sandbox.home}/.mine/../.ssh", str(sandbox.cwd)):
        result = sandbox.run("auth", "login", "chatgpt-oauth", env={"WHERE": value})
        result.failed(1, "the credentials cannot be stored")
    kept = sandbox.home / ".mine" / "a.json"
    kept.write_text('{"access_token": "older"}')
    login = Login(sandbox, WHERE=str(sandbox.home / ".mine"))
    login.browse()
    login.ended().ok()
    assert json.loads(kept.read_text())["access_token"] == "access-s3cret"


def test_the_file_is_where_the_user_typed_until_the_user_signs_out(
    sandbox: Sandbox, server: AuthServer
) -> None:
    granted = install(sandbox, server)
    kept = sandbox.home / ".mine" / "new" / "a.json"
    login = Login(sandbox, "--credentials", str(kept))
    login.browse()
    login.ended().ok()
    assert json.loads(kept.read_text())["access_token"] == "access-s3cret"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
    kept.write_text('{"access_token": "older"}')
    again = Login(sandbox)
    again.browse()
    again.ended().ok()
    assert json.loads(kept.read_text())["access_token"] == "access-s3cret"
    assert not granted.exists()
    sandbox.run("auth", "logout", "chatgpt-oauth").ok()
    assert not kept.exists()
    last = Login(sandbox)
    last.browse()
    last.ended().ok()
    assert granted.exists()
    assert not kept.exists()


def test_a_file_may_be_typed_relative_to_the_current_folder(sandbox: Sandbox, server: AuthServer) -> None:
    install(sandbox, server, path="")
    typed = ("auth", "login", "chatgpt-oauth", "--credentials")
    sandbox.run(*typed, "a.json").failed(1, "is not a .json file below your home folder")
    sandbox.run(*typed, "~/a.txt").failed(1, "is not a .json file below your home folder")
    login = sandbox.home / "work"
    login.mkdir()
    sandbox.run(*typed, "../.ssh/a.json", "--project", sandbox.cwd, cwd=login).failed(
        1, "holds keys or passwords, so no plugin may access it"
    )


def _settings(home: Path, kept: Path) -> None:
    kept.parent.mkdir(parents=True)
    kept.write_text('{"hooks": {}}')


def _linked(home: Path, kept: Path) -> None:
    kept.parent.mkdir(parents=True)
    (home / ".ssh").mkdir()
    kept.symlink_to(home / ".ssh" / "authorized_keys")


def _linked_folder(home: Path, kept: Path) -> None:
    kept.parent.parent.mkdir(parents=True)
    (home / "elsewhere").mkdir()
    kept.parent.symlink_to(home / "elsewhere")


def _folder(home: Path, kept: Path) -> None:
    kept.mkdir(parents=True)


def _hard(home: Path, kept: Path) -> None:
    kept.parent.mkdir(parents=True)
    (home / "x").write_text('{"access_token": "x"}')
    os.link(home / "x", kept)


@pytest.mark.parametrize(
    ("prepare", "says"),
    [
        (_settings, "the existing file does not hold credentials; move it away first"),
        (_linked, "is a link, and links are not followed"),
        (_linked_folder, "'tark' is a link, and links are not followed"),
        (_folder, "is a folder"),
        (_hard, "is a hard link"),
    ],
)
def test_what_is_in_the_way_of_the_file_is_found_before_anybody_signs_in(
    sandbox: Sandbox, server: AuthServer, prepare: Any, says: str
) -> None:
    kept = install(sandbox, server)
    prepare(sandbox.home, kept)
    result = sandbox.run("auth", "login", "chatgpt-oauth")
    result.failed(1, f"the credentials cannot be stored: {says}", f"where: {PATH}")
    assert server.requests == []
    assert sorted(path.name for path in (sandbox.home / ".ssh").glob("*")) == []


def test_what_a_plugin_makes_of_its_tokens_must_be_credentials(sandbox: Sandbox, server: AuthServer) -> None:
    said = """
      (func (export "provider_info") (param i32) (result i32) (i32.const 0))
      (func (export "provider_models") (param i32) (result i32) (i32.const 0))
      (func (export "provider_auth_status") (result i32) (i32.const 2))
      (func (export "provider_auth_credentials") (param i32) (result i32) (i32.const 0))
      (func (export "provider_auth_init") (param i32 i32) (result i32) (i32.const 0))"""
    kept = install(sandbox, server, wasm=older.module(more=said, pages=4))
    login = Login(sandbox)
    login.browse()
    result = login.ended().failed(1, "the plugin's credentials are not JSON")
    no_secret(result)
    assert not kept.exists()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "are not JSON"),
        ("[" * 100_000, "are not JSON"),
        ('["access_token"]', "have no access token"),
        ('{"access_token": 5}', "have no access token"),
        ('{"access_token": "a", "hooks": {"start": "rm -rf"}}', "not a flat object"),
        ('{"access_token": "a", "mcpServers": []}', "not a flat object"),
        (
            json.dumps({"access_token": "a"} | {f"k{n}": 1 for n in range(64)}),
            "not a flat object",
        ),
        (json.dumps({"access_token": "a" * 70_000}), "the plugin's credentials are larger than 64 KiB"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_credentials_are_flat_so_that_they_are_nobodys_settings(text: str, says: str) -> None:
    with pytest.raises(PluginFailed, match=says):
        flat(text, "x")


def test_a_client_of_ones_own_where_the_manifest_has_none(sandbox: Sandbox, server: AuthServer) -> None:
    install(sandbox, server, client_id="${CLIENT}", client_secret="${SECRET}")
    sandbox.run("auth", "login", "chatgpt-oauth", env={"CLIENT": "leak"}).failed(
        1,
        "its client_id '${CLIENT}' contains a variable",
        "tarkpm auth login chatgpt-oauth --client-id ID",
    )
    login = Login(sandbox, "--client-id", "mine")
    login.browse()
    login.ended().ok()
    (_, traded) = server.requests[-1]
    assert traded["client_id"] == "mine"
    assert "client_secret" not in traded


# a channel that keeps what it is given in memory, as the published one does


def test_a_channel_is_given_its_credentials_whenever_it_is_loaded(
    sandbox: Sandbox, server: AuthServer
) -> None:
    kept = install(
        sandbox, server, wasm=CHANNEL, type="channel", client_id="${CLIENT}", process_tokens_callback=""
    )
    assert "Chan: not-authenticated" in sandbox.run("auth", "status", "chatgpt-oauth").ok().out
    login = Login(sandbox, "--client-id", "mine")
    login.browse()
    assert "signed in with Chan" in login.ended().ok().out
    for verb in ("auth", "channel"):
        assert "Chan: authenticated" in sandbox.run(verb, "status", "chatgpt-oauth").ok().out
    kept.write_text("x")
    told = sandbox.run("auth", "status", "chatgpt-oauth").ok()
    assert "Chan: not-authenticated" in told.out
    assert "did not receive its credentials" in told.err
    kept.write_text('{"access_token": "x"}')
    sandbox.run("auth", "logout", "chatgpt-oauth").ok()
    assert not kept.exists()


def test_a_plugin_that_does_not_say_how_says_so(sandbox: Sandbox) -> None:
    folder = older.FOLDER / "gemini-oauth"
    sandbox.run("auth", "login", folder, "--accept-capabilities").failed(
        1, "plugin.toml has no [oauth] table", "tarkpm info gemini-oauth"
    )


def test_a_browser_is_opened_at_a_terminal_and_nowhere_else(sandbox: Sandbox, server: AuthServer) -> None:
    install(sandbox, server)
    opened = sandbox.root / "opened"
    browser = sandbox.root / "browser"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > {opened}.new && mv {opened}.new {opened}\n')
    browser.chmod(0o755)
    for words, opens in (((), True), (("--no-browser",), False)):
        ours, theirs = pty.openpty()  # one each: what the first command still said is not the second's
        try:
            process = subprocess.Popen(
                [sys.executable, "-m", "tarkpm", "auth", "login", "chatgpt-oauth", *words],
                cwd=sandbox.cwd,
                env=sandbox.environment(BROWSER=f"{browser} %s"),
                stdin=theirs,
                stdout=theirs,
                stderr=theirs,
            )
            shown = b""
            while b"waiting; " not in shown:
                shown += os.read(ours, 4096)
            until = time.monotonic() + (30 if opens else 0.5)
            while not opened.exists() and time.monotonic() < until:
                time.sleep(0.02)
            assert opened.exists() is opens
            if opens:
                assert opened.read_text().startswith(server.url("/authorize?response_type=code&"))
                opened.unlink()
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 130
        finally:
            os.close(ours)
            os.close(theirs)


def test_a_plugin_that_logs_its_tokens_does_not_show_them() -> None:
    heard: list[LogLine] = []
    confidence = Confidence(heard.append)
    confidence.keep(("access-s3cret", "short"))
    confidence.log(LogLine("p", "info", "got access-s3cret, in short"))
    assert heard == [LogLine("p", "info", "got ‹masked›, in short")]
    with pytest.raises(PluginFailed) as caught, confidence.kept():
        raise PluginFailed("cannot read access-s3cret")
    assert (caught.value.message, str(caught.value)) == ("cannot read ‹masked›", "cannot read ‹masked›")
    with pytest.raises(PluginRaised) as raised, confidence.kept():
        raise PluginRaised("E: access-s3cret", "in f\nE: access-s3cret")
    assert raised.value.message == 'raised "E: ‹masked›"'
    assert (raised.value.exception, raised.value.traceback) == ("E: ‹masked›", "in f\nE: ‹masked›")


def test_a_declared_port_that_is_taken_says_so(sandbox: Sandbox, server: AuthServer) -> None:
    install(sandbox, server, redirect_uri=f"http://127.0.0.1:{server.server_port}/callback")
    sandbox.run("auth", "login", "chatgpt-oauth").failed(
        1, f"cannot listen for the browser on port {server.server_port}: another program is listening there"
    )


@pytest.mark.parametrize("address", ["10.0.0.8", "127.0.0.1", "169.254.169.254"])
def test_an_address_that_is_not_public_is_not_asked(
    sandbox: Sandbox, server: AuthServer, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    device = f"https://auth.test:{server.server_port}/device"
    install(sandbox, server, flow="device_flow", auth_url="", device_auth_url=device)
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, server.server_port))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    result = sandbox.run("auth", "login", "chatgpt-oauth")
    result.failed(2, "address, which is not granted", "where: auth.test")
    assert server.requests == []
