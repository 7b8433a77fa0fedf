"""`credentials_path` makes no new file where another program would take it for its settings."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import older
from support.authserver import AuthServer, authorizing
from support.login import Login
from support.sandbox import Sandbox

PLACES = (
    "~/.claude/settings.json",
    "~/.config/Code/User/settings.json",
    "~/.config/Code/User/tasks.json",
    "~/.vscode/extensions/x/package.json",
    "~/.cursor/mcp.json",
    "~/.gemini/settings.json",
    "~/work/.vscode/tasks.json",
    "~/work/package.json",
    "~/.config/unheard-of/config.json",
    "~/.eslintrc.json",
    "${HOME}/.claude/settings.json",
    "${XDG_CONFIG_HOME}/Code/User/settings.json",
)


@pytest.fixture
def server() -> Iterator[AuthServer]:
    with authorizing() as running:
        yield running


def _install(sandbox: Sandbox, server: AuthServer, path: str, name: str = "chatgpt-oauth") -> None:
    folder = sandbox.cwd / "src"
    folder.mkdir()
    (folder / "plugin.toml").write_text(
        f'[plugin]\nname = "{name}"\nversion = "0.2.0"\ntype = "provider"\n[oauth]\nflow = "pkce"\n'
        f'auth_url = "{server.url("/authorize")}"\ntoken_url = "{server.url("/token")}"\nclient_id = "app"\n'
        f'credentials_path = "{path}"\nprocess_tokens_callback = "auth_process_tokens"\n'
        f"[capabilities]\nstorage = true\n"
    )
    (folder / "plugin.wasm").write_bytes(older.wasm("chatgpt"))
    sandbox.init()
    sandbox.run("add", "./src", "--accept-capabilities").ok()


def _at(sandbox: Sandbox, path: str) -> Path:
    config = str(sandbox.home / ".config")
    for begin, value in (
        ("~", str(sandbox.home)),
        ("${HOME}", str(sandbox.home)),
        ("${XDG_CONFIG_HOME}", config),
    ):
        path = path.replace(begin, value)
    return Path(path)


def _login(sandbox: Sandbox, *arguments: str | Path, name: str = "chatgpt-oauth") -> tuple[str, ...]:
    return ("auth", "login", name, "--no-browser", *map(str, arguments))


@pytest.mark.parametrize("path", PLACES)
def test_a_new_file_that_is_not_the_plugins_own(sandbox: Sandbox, server: AuthServer, path: str) -> None:
    _install(sandbox, server, path)
    before = sorted(path.name for path in sandbox.home.rglob("*.json"))
    env = {"XDG_CONFIG_HOME": str(sandbox.home / ".config")}
    refused = sandbox.fork(*_login(sandbox), env=env)
    refused.failed(
        1,
        "the credentials cannot be stored: the file does not exist, and tarkpm creates it only in the plugin's own place",
        "help: tarkpm ",
    )
    assert server.requests == []
    assert sorted(path.name for path in sandbox.home.rglob("*.json")) == before


@pytest.mark.parametrize("path", ["~/.claude/settings.json", "~/work/package.json"])
def test_settings_that_are_there(sandbox: Sandbox, server: AuthServer, path: str) -> None:
    _install(sandbox, server, path)
    kept = _at(sandbox, path)
    kept.parent.mkdir(parents=True)
    kept.write_text('{"hooks": {}}')
    refused = sandbox.run(*_login(sandbox))
    refused.failed(1, "the existing file does not hold credentials; move it away first")
    assert kept.read_text() == '{"hooks": {}}'


@pytest.mark.parametrize("name", ["other", "chatgpt"])
def test_another_plugins_own_place(sandbox: Sandbox, server: AuthServer, name: str) -> None:
    folder = sandbox.cwd / "src"
    with pytest.raises(AssertionError, match="holds another plugin's credentials"):
        _install(sandbox, server, f"~/.config/tark/{name}x_oauth.json", name)
    assert folder.exists()


def test_what_names_commands_is_not_made_when_it_is_typed_either(
    sandbox: Sandbox, server: AuthServer
) -> None:
    """A README may say "type this"; a flat object is enough for ``apiKeyHelper``."""
    _install(sandbox, server, "~/.config/tark/chatgpt_oauth.json")
    for path in (".claude/settings.json", ".config/Code/User/settings.json", ".local/bin/x.json"):
        refused = sandbox.run(*_login(sandbox, "--credentials", sandbox.home / path))
        refused.failed(1, "the credentials cannot be stored: the file does not exist")
        assert not (sandbox.home / path).exists()
    private = sandbox.run(*_login(sandbox, "--credentials", sandbox.home / ".ssh" / "a.json"))
    private.failed(1, "holds keys or passwords, so no plugin may access it")
    theirs = sandbox.run(*_login(sandbox, "--credentials", "~/.config/tark/other_oauth.json"))
    theirs.failed(1, "'~/.config/tark/other_oauth.json' holds another plugin's credentials")
    assert server.requests == []


def test_what_was_typed_once_is_not_made_again_by_itself(sandbox: Sandbox, server: AuthServer) -> None:
    """What is remembered is believed for no new file."""
    _install(sandbox, server, "~/work/tokens.json")
    login = Login(sandbox, "--credentials", str(sandbox.home / "tokens.json"))
    login.browse()
    login.ended().ok()
    (remembered,) = (sandbox.state / "credentials").iterdir()
    assert remembered.read_text() == "~/tokens.json"
    server.requests.clear()
    (sandbox.home / "tokens.json").unlink()
    for path in (
        "",
        "~/work/package.json",
        "~/.ssh/a.json",
        "~/.config/tark/other_oauth.json",
        "/etc/x.json",
    ):
        if path:
            remembered.write_text(path)
        sandbox.run(*_login(sandbox)).failed(1)
        assert not (sandbox.home / "work").exists()
    assert server.requests == []


def test_the_way_out_works_when_typed(sandbox: Sandbox, server: AuthServer) -> None:
    _install(sandbox, server, "~/work/tokens.json")
    hint = f"tarkpm auth login chatgpt-oauth --credentials {sandbox.home}/work/tokens.json"
    sandbox.run(*_login(sandbox)).failed(1, f"help: {hint}\n")
    login = Login(sandbox, *hint.split()[4:])
    login.browse()
    login.ended().ok()
    assert json.loads((sandbox.home / "work" / "tokens.json").read_text())["access_token"] == "access-s3cret"


@pytest.mark.parametrize("there", [True, False])
def test_what_a_variable_moved_is_known_too(sandbox: Sandbox, server: AuthServer, there: bool) -> None:
    _install(sandbox, server, "~/.config/tark/chatgpt_oauth.json")
    moved = sandbox.home / "moved"
    moved.mkdir()
    kept = moved / "Code" / "User" / "settings.json"
    if there:
        kept.parent.mkdir(parents=True)
    login = Login(sandbox, "--credentials", str(kept), CARGO_HOME=str(moved))
    login.ended().failed(1, "the credentials cannot be stored: the file does not exist")
    assert server.requests == []
    assert not kept.exists()
