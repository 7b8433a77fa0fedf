"""A password in a URL reaches no file and no output, wherever it was written."""

import pytest
from conftest import Publisher
from support.gitserver import GitHandler
from support.sandbox import Result, Sandbox

from attacks.tampering import install, replace_in, unchanged

SECRET = "hunter2-s3cret"
TAKEN = [
    f"https://user:{SECRET}@127.0.0.1:1/x.git",
    f"https://{SECRET}@127.0.0.1:1/x.git",
    f"http://user:{SECRET}@127.0.0.1:1/x.git",
]
URLS = [
    *TAKEN,
    f"ssh://user:{SECRET}@127.0.0.1:1/x.git",
    f"git://user:{SECRET}@127.0.0.1:1/x.git",
    f"git+https://user:{SECRET}@host.example/x.git",
    f"https://host.example/x.git?token={SECRET}",
    f"https://host.example/x.git#{SECRET}",
    f"https://user:{SECRET}@@host.example/x.git",
    f"https://user:{SECRET}/@host.example/x.git",
    f"user:{SECRET}@host.example:x.git",
]


def _no_secret(sandbox: Sandbox, *results: Result) -> None:
    for result in results:
        assert SECRET not in result.out + result.err, result
    for root in (sandbox.cwd, sandbox.home):
        for path in root.rglob("*"):
            assert SECRET not in str(path)
            assert path.is_symlink() or not path.is_file() or SECRET.encode() not in path.read_bytes(), path


@pytest.mark.parametrize("url", URLS)
def test_on_the_command_line(sandbox: Sandbox, url: str) -> None:
    sandbox.init()
    status = 5 if url in TAKEN else 2  # what is taken is tried: nobody listens there
    with unchanged(sandbox):
        results = [
            sandbox.run("add", url).failed(status),
            sandbox.run("add", url, "--json").failed(status),
            sandbox.run("add", url, "--tag", "v1", "-y", "-vv"),
            sandbox.run("add", "./missing", url).failed(2),
            sandbox.run(url).failed(2, "there is no command"),
            sandbox.run("add", "--branch", url),
        ]
    _no_secret(sandbox, *results)


@pytest.mark.parametrize("url", URLS)
def test_in_tark_toml_by_hand(sandbox: Sandbox, publisher: Publisher, url: str) -> None:
    """The user's own file may hold it; nothing else must."""
    publisher.release()
    install(sandbox, publisher)
    toml = sandbox.cwd / "tark.toml"
    replace_in(toml, publisher.url, url)
    commands = (("sync",), ("verify",), ("update",), ("update", "--offline"), ("lock",), ("list",))
    results = [sandbox.run(*command) for command in (*commands, ("call", "text-tools", "text-stats"))]
    toml.write_text("")
    _no_secret(sandbox, *results)


def test_in_a_decision(sandbox: Sandbox) -> None:
    toml = sandbox.cwd / "tark.toml"
    toml.write_text(f'[plugins]\nx = {{ git = "{URLS[0]}", unsigned = true }}\n')
    results = [sandbox.run("update"), sandbox.run("lock", "--accept-project"), sandbox.run("verify")]
    toml.write_text("")
    _no_secret(sandbox, *results)


def test_in_a_redirect(sandbox: Sandbox, publisher: Publisher) -> None:
    publisher.release()
    sandbox.init()
    for target in URLS:

        def redirect(handler: GitHandler, location: str = target) -> bool:
            handler.reply(302, b"", {"Location": location + "/info/refs?service=git-upload-pack"})
            return True

        publisher.server.before = redirect
        with unchanged(sandbox):
            result = sandbox.run("add", publisher.url)
            result.failed(2, "redirected to")
        _no_secret(sandbox, result)


@pytest.mark.parametrize(
    "command",
    [
        "update URL", "remove URL", "enable URL", "grant URL storage", "grant me URL", "tools URL",
        "call URL x", "call ./URL x", "tree --invert URL", "cache URL", "sign URL", "chat URL",
        "key generate --name URL", "publish URL --to x", "auth login URL", "index claim URL --publisher x",
        "index add URL URL --root sha256:00", "list --project URL", "URL",
    ],
)  # fmt: skip
def test_where_no_url_belongs(sandbox: Sandbox, command: str) -> None:
    sandbox.init()
    words = command.replace("URL", TAKEN[2]).split()
    result = sandbox.run(*words, "-vv")
    assert result.status == 2
    _no_secret(sandbox, result)


@pytest.mark.parametrize("verb", ["info", "inspect", "versions"])
@pytest.mark.parametrize("url", URLS)
def test_looking_at_a_repository(sandbox: Sandbox, verb: str, url: str) -> None:
    sandbox.init()
    with unchanged(sandbox):
        result = sandbox.run(verb, url, "-vv")
    assert result.status == (5 if url in TAKEN else 2)
    _no_secret(sandbox, result)
