"""What a plugin may do grows by its user's decision alone."""

import shutil

import pytest
from conftest import Publisher
from support.sandbox import Sandbox

from attacks.tampering import call, help_of, replace_in, unchanged


def _add(sandbox: Sandbox, publisher: Publisher, capabilities: str) -> None:
    publisher.release(capabilities=capabilities)
    sandbox.init()
    sandbox.run("add", publisher.url, "-b", "main", "--trust", publisher.key, "--accept-capabilities").ok()


def _granted(sandbox: Sandbox) -> list[str]:
    granted: list[str] = sandbox.run("info", "text-tools", "--json").ok().json["granted"]
    return granted


def test_capabilities_are_asked_for_at_first(sandbox: Sandbox, publisher: Publisher) -> None:
    publisher.release(capabilities="storage = true\nshell = true")
    sandbox.init()
    with unchanged(sandbox):
        for flags in ((), ("-y",)):
            asked = sandbox.run(
                "add", publisher.url, "--tag", "v1.0.0", "--trust", publisher.key, *flags
            ).failed(4, "'text-tools' asks for: storage, shell", "--accept-capabilities")
    sandbox.run(*help_of(asked)).ok()
    assert _granted(sandbox) == ["storage", "shell"]


@pytest.mark.parametrize(
    ("before", "after", "asks"),
    [
        ("storage = true", "storage = true\nshell = true", "shell"),
        ('http = ["a.example"]', 'http = ["a.example", "b.example"]', "http:b.example"),
        ('http = ["a.example"]', 'http = ["*.a.example"]', "http:*.a.example"),
        ('http = ["a.example"]', 'http = ["a.example:8443"]', "http:a.example:8443"),
        ('env = ["A_KEY"]', 'env = ["A_*"]', "env:A_*"),
        ('filesystem = ["docs/:ro"]', 'filesystem = ["docs/"]', "filesystem:docs/"),
        ('filesystem = ["docs/"]', 'filesystem = ["docs"]', "filesystem:docs"),
    ],
)
def test_an_update_that_asks_for_more_blocks_until_accepted(
    sandbox: Sandbox, publisher: Publisher, before: str, after: str, asks: str
) -> None:
    _add(sandbox, publisher, before)
    publisher.release("1.1.0", capabilities=after)
    with unchanged(sandbox):
        sandbox.run("update", "-y").failed(4, f"'text-tools' asks for more than was granted: {asks}")
        asked = sandbox.run("update").failed(4)
    call(sandbox).ok()
    sandbox.run(*help_of(asked)).ok()
    assert asks in _granted(sandbox)
    sandbox.run("verify").ok()


def test_an_update_that_asks_for_less_narrows_the_grant(sandbox: Sandbox, publisher: Publisher) -> None:
    _add(sandbox, publisher, 'storage = true\nhttp = ["*.a.example"]')
    publisher.release("1.1.0", capabilities='http = ["b.a.example"]')
    sandbox.run("update").ok()
    assert _granted(sandbox) == ["http:b.a.example"]
    assert "storage" not in (sandbox.cwd / "tark.toml").read_text()
    publisher.release("1.2.0", capabilities='storage = true\nhttp = ["*.a.example"]')
    with unchanged(sandbox):
        sandbox.run("update").failed(4, "asks for more than was granted: storage, http:*.a.example")


def test_what_was_revoked_does_not_come_back(sandbox: Sandbox, publisher: Publisher) -> None:
    _add(sandbox, publisher, "storage = true\nshell = true")
    sandbox.run("revoke", "text-tools", "shell").ok()
    publisher.release("1.1.0", capabilities="storage = true\nshell = true")
    sandbox.run("update").ok()
    assert _granted(sandbox) == ["storage"]
    publisher.release("1.2.0", capabilities='storage = true\nshell = true\nhttp = ["a.example"]')
    sandbox.run("update", "--accept-capabilities").ok()
    assert _granted(sandbox) == ["storage", "http:a.example"]


def test_what_was_revoked_does_not_come_back_when_the_store_was_deleted(
    sandbox: Sandbox, publisher: Publisher
) -> None:
    """Everything in the store can be deleted at any time; what was declared before is installed, too."""
    _add(sandbox, publisher, "storage = true\nshell = true")
    sandbox.run("revoke", "text-tools", "shell").ok()
    shutil.rmtree(sandbox.store)
    publisher.release("1.1.0", capabilities="storage = true\nshell = true")
    sandbox.run("update", "--accept-capabilities").ok()
    assert _granted(sandbox) == ["storage"]


def test_what_was_revoked_does_not_come_back_by_somebody_elses_commit(
    sandbox: Sandbox, publisher: Publisher
) -> None:
    """Accepted once, then taken away: that this user accepted it before is no answer any more."""
    _add(sandbox, publisher, "storage = true\nshell = true")
    wide = (sandbox.cwd / "tark.toml").read_bytes()
    sandbox.run("revoke", "text-tools", "shell").ok()
    (sandbox.cwd / "tark.toml").write_bytes(wide)
    for command in ("sync", "update"):
        sandbox.run(command).failed(4, "let 'text-tools' use shell")
    call(sandbox).failed(4)


def test_what_was_removed_does_not_come_back_by_somebody_elses_commit(
    sandbox: Sandbox, publisher: Publisher
) -> None:
    _add(sandbox, publisher, "storage = true\nshell = true")
    documents = [
        (sandbox.cwd / name, (sandbox.cwd / name).read_bytes()) for name in ("tark.toml", "tark.lock")
    ]
    sandbox.run("remove", "text-tools").ok()
    for path, data in documents:
        path.write_bytes(data)
    sandbox.run("sync").failed(4, "let 'text-tools' use shell")
    assert not list(sandbox.plugins.glob("*"))


def test_a_grant_of_something_undeclared_is_refused(sandbox: Sandbox, publisher: Publisher) -> None:
    _add(sandbox, publisher, 'storage = true\nhttp = ["a.example"]')
    with unchanged(sandbox):
        for capability in ("shell", "http:b.example", "http:*.a.example", "env:HOME", "filesystem:docs/"):
            refused = sandbox.run("grant", "text-tools", capability)
            refused.failed(1, f"'text-tools' does not declare {capability}", "plugin.toml")
        sandbox.run("grant", "text-tools", "root").failed(2, "expected one of storage, http")
        sandbox.run("grant", "text-tools", "http").failed(2, "expected http:SCOPE")
        sandbox.run("grant", "nobody", "storage").failed(2, "does not require a plugin named 'nobody'")
    sandbox.run(*help_of(refused)).ok()


def test_a_grant_of_something_undeclared_by_hand_gives_nothing(
    sandbox: Sandbox, publisher: Publisher
) -> None:
    _add(sandbox, publisher, "storage = true")
    replace_in(sandbox.cwd / "tark.toml", "storage = true", "storage = true, shell = true")
    call(sandbox).failed(4, "let 'text-tools' use shell")
    sandbox.run("sync", "--accept-project").ok()
    found = sandbox.run("verify").failed(1, "tark.toml grants undeclared capabilities: shell")
    assert _granted(sandbox) == ["storage"]
    sandbox.run(*help_of(found)).ok()
    sandbox.run("verify").ok()


def test_a_manifest_put_into_the_environment_declares_nothing(sandbox: Sandbox, publisher: Publisher) -> None:
    """`grant` goes by what was signed, not by what somebody wrote over it."""
    _add(sandbox, publisher, "storage = true")
    path = sandbox.plugins / "text-tools" / "plugin.toml"
    path.chmod(0o644)
    path.write_text(path.read_text() + "shell = true\n")
    with unchanged(sandbox):
        refused = sandbox.run("grant", "text-tools", "shell")
        assert refused.status in (1, 3), refused
