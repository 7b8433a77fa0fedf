"""One grammar of URLs at every door: what one parser drops and another keeps gets in nowhere."""

import pytest
from conftest import Publisher
from support.gitserver import GitHandler
from support.sandbox import Sandbox

from attacks.tampering import install, replace_in, unchanged

ODD = {
    "https://good.example/x\\n.git": "a URL with a space or an invisible character is not accepted",
    "https://good.example/x\\t.git": "a URL with a space or an invisible character is not accepted",
    "https://good.example/x .git": "a URL with a space or an invisible character is not accepted",
    "https://good.example/x\\u202Egit": "a URL with a space or an invisible character is not accepted",
    "https://good.example/x\\u200B.git": "a URL with a space or an invisible character is not accepted",
    "https://good.example/x\\u0000.git": "a URL with a space or an invisible character is not accepted",
    "https://good.example\\\\@evil.example/x.git": "a URL with '@' in its path is not accepted",
    "https://good.example\\\\x.git": "expected the path of a repository behind the host",
    "https://good.example/x%0a.git": "expected the path of a repository behind the host",
    "https://good.example/../x.git": "expected the path of a repository behind the host",
    "https://gооd.example/x.git": "expected a host name in plain ASCII, or an IP address",  # Cyrillic
    "https://0x7f.1/x.git": "expected a host name in plain ASCII, or an IP address",
    "https://me@good.example/x.git": "a URL with a user name or password is not accepted",
    "https://good.example/x.git?y": "a URL with '?' or '#' is not accepted",
    "ext::sh": "expected a URL such as https://host/owner/repository",
    "-oProxyCommand=x": "a URL that begins with '-' is not accepted",
    "svn://good.example/x": "unknown scheme 'svn'",
}
"""As TOML spells them, and what is wrong with them."""

DOCUMENTED = ("sync", "update", "lock", "verify", "list", "outdated", "accept")


@pytest.mark.parametrize("url", ODD)
def test_in_tark_toml(sandbox: Sandbox, publisher: Publisher, url: str) -> None:
    publisher.release()
    install(sandbox, publisher)
    replace_in(sandbox.cwd / "tark.toml", publisher.url, url)
    publisher.server.requests.clear()
    with unchanged(sandbox):
        for command in DOCUMENTED:
            found = sandbox.run(command).failed(2, f"git: {ODD[url]}", "tark.toml: plugins.text-tools")
            assert "\u202e" not in found.err
        sandbox.run("call", "text-tools", "text-stats", "{}").failed(2, f"git: {ODD[url]}")
    assert publisher.server.requests == []


@pytest.mark.parametrize("url", ODD)
def test_in_tark_lock(sandbox: Sandbox, publisher: Publisher, url: str) -> None:
    publisher.release()
    install(sandbox, publisher)
    replace_in(sandbox.cwd / "tark.lock", publisher.url, url)
    with unchanged(sandbox):
        for command in ("sync", "verify", "list"):
            sandbox.run(command).failed(2, f"git: {ODD[url]}", "tark.lock: plugin[0] text-tools")


@pytest.mark.parametrize("url", ["https://h.example/x\ny", "https://h.example/x\ty", "https://h.example\\x"])
def test_on_the_command_line(sandbox: Sandbox, url: str) -> None:
    sandbox.init()
    with unchanged(sandbox):
        sandbox.run("add", url).failed(2)
        sandbox.run("index", "add", "x", url, "--root", f"sha256:{'0' * 64}").failed(2)


@pytest.mark.parametrize("base", ["https://good.example/\n", "https://good.example/\t", "ext::sh "])
def test_in_what_insteadof_makes_of_it(sandbox: Sandbox, publisher: Publisher, base: str) -> None:
    publisher.release()
    sandbox.init()
    settings = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{base}.insteadOf",
        "GIT_CONFIG_VALUE_0": f"{publisher.server.base}/",
    }
    with unchanged(sandbox):
        sandbox.run("add", publisher.url, env=settings).failed(2, "git's insteadOf leads to")


@pytest.mark.parametrize(
    "location", ["http://127.0.0.1:1/x\ty", "http:x", "///127.0.0.1:1/x", "\\\\127.0.0.1:1\\x"]
)
def test_in_a_redirect(sandbox: Sandbox, publisher: Publisher, location: str) -> None:
    publisher.release()
    sandbox.init()

    def redirect(handler: GitHandler) -> bool:
        handler.reply(302, b"", {"Location": location + "/info/refs?service=git-upload-pack"})
        return True

    publisher.server.before = redirect
    with unchanged(sandbox):
        sandbox.run("add", publisher.url).failed(2, "redirected to '")
    assert len(publisher.server.requests) == 1


@pytest.mark.parametrize(
    "url",
    ["https://h.example/x\\n", "https://h.example\\\\@evil.example/x", "https://0x7f.1/x", "https:///x"],
)
def test_of_an_index_in_tark_toml(sandbox: Sandbox, url: str) -> None:
    sandbox.init()
    (sandbox.cwd / "tark.toml").write_text(f'[index.x]\nurl = "{url}"\nroot = "sha256:{"0" * 64}"\n')
    with unchanged(sandbox):
        sandbox.run("sync").failed(2, "error: url: ", "tark.toml: index.x")


def test_one_place_has_one_spelling(sandbox: Sandbox, publisher: Publisher) -> None:
    """Another spelling in tark.toml is the same repository, and needs nobody."""
    publisher.release()
    install(sandbox, publisher)
    replace_in(sandbox.cwd / "tark.toml", publisher.url, publisher.url.replace("http", "HTTP") + "/")
    sandbox.run("sync").ok()
    sandbox.run("verify").ok()
