"""A user keeps a secret, binds a plugin to it, and the plugin's requests work without it."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from host.imports.web import Asked, Web, ok
from support.guests import write_plugin
from support.sandbox import PLUGINS, Sandbox
from support.terminal import Terminal

from tarkpm.host.runtime import TracedCall
from tarkpm.host.trace import recorded, shown
from tarkpm.io.tls import trusted
from tarkpm.ops.project.settings import Settings, user_paths
from tarkpm.ops.run.images import load_images, open_host

VALUE = "sk-0123456789abcdef"


@pytest.fixture(autouse=True)
def _authorities() -> Iterator[None]:
    """The authorities are read once for a process, from variables that a test sets."""
    trusted.cache_clear()
    yield
    trusted.cache_clear()


def set_secret(sandbox: Sandbox, name: str, value: str = VALUE) -> None:
    done = sandbox.run("secret", "set", name, stdin=f"{value}\n").ok()
    assert value not in done.out + done.err


def test_set_list_and_remove(sandbox: Sandbox) -> None:
    assert sandbox.run("secret", "list").ok().out == "no secrets; set one with: tarkpm secret set NAME\n"
    done = sandbox.run("secret", "set", "GitHub", stdin=f"{VALUE}\r\n").ok()
    assert done.out == "✓ set github, kept in a file of yours (mode 0600)\n"
    assert (sandbox.state / "secrets" / "github.json").stat().st_mode & 0o777 == 0o600
    done = sandbox.run("secret", "set", "github", "--json", stdin="another-value").ok()
    note = "the value has fewer than 16 characters: a plugin that it is bound to may be able to guess it"
    assert done.json == {"name": "github", "kept": "file", "replaced": True, "notes": [note]}
    listed = sandbox.run("secret", "list").ok()
    assert listed.out.splitlines()[1].split("  ") == ["github", "a file of yours (mode 0600)", "no plugin"]
    assert sandbox.run("secret", "list", "--json").ok().json == {
        "secrets": [{"name": "github", "kept": "file", "bound": []}]
    }
    assert sandbox.run("secret", "remove", "github").ok().out == "✗ removed github\n"
    sandbox.run("secret", "remove", "github").failed(
        2, "there is no secret named 'github'", "tarkpm secret list"
    )


def test_doctor_finds_a_secret_that_others_may_read(sandbox: Sandbox) -> None:
    sandbox.init()
    set_secret(sandbox, "github")
    file = sandbox.state / "secrets" / "github.json"
    file.chmod(0o644)
    file.parent.chmod(0o755)
    found = sandbox.run("doctor").failed(1, "a secret that other users may read or change: its mode is 644")
    assert VALUE not in found.out
    sandbox.run("doctor", "--fix").ok()
    assert [path.stat().st_mode & 0o777 for path in (file, file.parent)] == [0o600, 0o700]


@pytest.mark.parametrize(
    "words", [("github", VALUE), (f"github={VALUE}",), (f"{VALUE}/+",), ("github", VALUE, "-vv")]
)
def test_a_value_as_an_argument_is_refused_and_not_repeated(sandbox: Sandbox, words: tuple[str, ...]) -> None:
    done = sandbox.run("secret", "set", *words, stdin=VALUE).failed(2, "expected ")
    assert VALUE not in done.out + done.err
    assert not (sandbox.state / "secrets").exists()


@pytest.mark.parametrize("value", ["", "short", "two\nlines-0123", "é" * 12, "x" * 5000])
def test_a_value_that_no_header_can_carry(sandbox: Sandbox, value: str) -> None:
    done = sandbox.run("secret", "set", "github", stdin=value).failed(2, "expected ", "where: the value")
    assert not value or value not in done.err
    assert not (sandbox.state / "secrets").exists()


def test_at_a_terminal_it_is_not_shown(sandbox: Sandbox) -> None:
    with Terminal(sandbox, "secret", "set", "github") as terminal:
        terminal.expect("Value of github: ")
        terminal.type(f"{VALUE}\n")
        terminal.expect("set github")
        terminal.finish().ok()
        assert VALUE not in terminal.seen
    assert json.loads((sandbox.state / "secrets" / "github.json").read_text())["value"] == VALUE


def models(asked: Asked, connection: socket.socket) -> None:
    """A server that lists models, and repeats in one of them what it was sent."""
    sent = asked["authorization"] or "nothing"
    data = json.dumps({"data": [{"id": "echo-1"}, {"id": sent}]}).encode()
    ok(data, "Content-Type: application/json", f"X-Sent: {sent}")(asked, connection)


@pytest.fixture
def user(sandbox: Sandbox, api: Web, tls_files: tuple[Path, Path]) -> Sandbox:
    """Somebody with the example provider, which declares a secret for a server with TLS."""
    api.pages["/v1/models"] = models
    wasm = (PLUGINS / "openai-compat" / "plugin.wasm").read_bytes()
    host = f"localhost:{api.port}"
    wants = f'http = ["{host}"]\nenv = ["OPENAI_*"]\n[secrets.key]\nhost = "{host}"\nheader = "authorization"\nformat = "Bearer {{}}"'
    write_plugin(sandbox.cwd / "src", "openai-compat", "provider", wasm, wants)
    sandbox.init()
    sandbox.run("add", "./src", "--accept-capabilities").ok()
    return sandbox


def environment(api: Web, tls_files: tuple[Path, Path], **more: str) -> dict[str, str]:
    return {"OPENAI_BASE_URL": f"https://localhost:{api.port}", "SSL_CERT_FILE": str(tls_files[0]), **more}


def test_a_plugin_works_without_the_secret(user: Sandbox, api: Web, tls_files: tuple[Path, Path]) -> None:
    env = environment(api, tls_files)
    assert user.run("chat", "openai-compat", env=env).ok().out == "echo-1\nnothing\n"
    user.run("grant", "openai-compat", "secret:key=openai").failed(2, "tarkpm secret set openai")
    set_secret(user, "openai")
    granted = user.run("grant", "openai-compat", "secret:key=openai").ok()
    assert f"secret:key=openai to localhost:{api.port} as authorization: Bearer {{}}" in granted.out

    done = user.run("chat", "openai-compat", env=env).ok()
    assert api.asked[-1]["authorization"] == f"Bearer {VALUE}"
    assert done.out == f"echo-1\nBearer {'*' * len(VALUE)}\n"
    assert VALUE not in done.err

    # The plugin's own key is refused where the user's is sent.
    asked = len(api.asked)
    own = user.run("chat", "openai-compat", env=env | {"OPENAI_API_KEY": "k-123"}).ok()
    assert "the header 'authorization' is set by tarkpm" in own.err
    assert len(api.asked) == asked
    row = user.run("secret", "list", "--json").ok().json["secrets"][0]
    assert row["bound"] == [
        {
            "project": str(user.cwd),
            "plugin": "openai-compat",
            "secret": "key",
            "host": f"localhost:{api.port}",
        }
    ]
    assert "✓ openai" in user.run("info", "openai-compat").ok().out

    removed = user.run("secret", "remove", "openai").ok()
    assert f"openai-compat (key) for localhost:{api.port} in {user.cwd} no longer gets it" in removed.out
    asked = len(api.asked)
    refused = user.run("chat", "openai-compat", env=env).ok()
    assert "the secret 'key' is not available" in refused.err
    assert "there is no secret named 'openai' (tarkpm secret set openai)" in refused.err
    assert len(api.asked) == asked
    assert user.run("secret", "list", "--json").ok().json["secrets"][0]["kept"] == "missing"

    user.run("revoke", "openai-compat", "secret:key").ok()
    assert user.run("chat", "openai-compat", env=env).ok().out == "echo-1\nnothing\n"
    assert user.run("secret", "list", "--json").ok().json == {"secrets": []}


def test_no_trace_and_no_record_has_it(user: Sandbox, api: Web, tls_files: tuple[Path, Path]) -> None:
    set_secret(user, "openai")
    user.run("grant", "openai-compat", "secret:key=openai").ok()
    variables = user.environment(**environment(api, tls_files))
    settings = Settings(cwd=user.cwd, paths=user_paths(variables), environment=variables)
    calls: list[TracedCall] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(tls_files[0]))
        from support.silent_ui import SilentUi

        images = load_images(settings, SilentUi())
        with open_host(settings, images, log=None, trace=calls.append) as host:
            (image,) = images.by_name.values()
            assert VALUE not in "".join(host.models(image))
            assert VALUE not in repr(image)
    assert api.asked[-1]["authorization"] == f"Bearer {VALUE}"
    texts = [*map(shown, calls), *(recorded(call).decode() for call in calls)]
    assert any("http.get" in text for text in texts)
    assert not [text for text in texts if VALUE in text]


def test_completions_know_names_and_no_values(user: Sandbox) -> None:
    set_secret(user, "openai")

    def completed(*words: str) -> list[str]:
        env = {
            "_TARKPM_COMPLETE": "bash_complete",
            "COMP_WORDS": " ".join(["tarkpm", *words]),
            "COMP_CWORD": str(len(words)),
        }
        return [line.partition(",")[2] for line in user.execute(env=env).out.splitlines()]

    assert completed("secret", "remove", "") == ["openai"]
    assert completed("grant", "openai-compat", "secret:") == ["secret:key=openai"]
    user.run("grant", "openai-compat", "secret:key=openai").ok()
    assert completed("revoke", "openai-compat", "secret:") == ["secret:key"]
