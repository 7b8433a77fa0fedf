"""Where a person signs in, and where tokens are kept, moves by its user's decision alone."""

import shutil

import pytest
from conftest import Publisher
from support.sandbox import Sandbox

from attacks.tampering import help_of, unchanged


def oauth(**changes: str) -> str:
    table = {
        "client_id": "app",
        "auth_url": "https://auth.example/authorize",
        "token_url": "https://auth.example/token",
    } | changes
    return "storage = true\n[oauth]\n" + "".join(f'{key} = "{value}"\n' for key, value in table.items())


BEFORE = oauth(credentials_path="~/.tool/a.json")


def add(sandbox: Sandbox, publisher: Publisher, capabilities: str) -> None:
    publisher.release(capabilities=capabilities)
    sandbox.init()
    sandbox.run("add", publisher.url, "-b", "main", "--trust", publisher.key, "--accept-capabilities").ok()


def test_it_is_on_the_card_and_asked_for_at_first(sandbox: Sandbox, publisher: Publisher) -> None:
    publisher.release(capabilities=BEFORE.replace("[oauth]", 'fs_read = ["~/.codex/auth.json"]\n[oauth]'))
    sandbox.init()
    with unchanged(sandbox):
        asked = sandbox.run("add", publisher.url, "--tag", "v1.0.0", "--trust", publisher.key, "-y")
        asked.failed(
            4,
            "'text-tools' asks for: storage, fs_read:~/.codex/auth.json, oauth:auth.example, credentials:~/.tool/a.json",
        )
    shown = sandbox.run(*help_of(asked)).ok()
    for text in (
        "read these files of your home folder: ~/.codex/auth.json",
        "sign you in at these hosts and receive the tokens: auth.example",
        "also store the tokens in this file: ~/.tool/a.json",
        "https://auth.example/authorize then https://auth.example/token",
    ):
        assert text in shown.err, (text, shown)
    info = sandbox.run("info", "text-tools").ok().out
    assert "credentials:~/.tool/a.json" in info
    assert "https://auth.example/authorize" in info


@pytest.mark.parametrize(
    ("before", "after", "asks"),
    [
        ("storage = true", BEFORE, "oauth:auth.example, credentials:~/.tool/a.json"),
        (BEFORE, oauth(credentials_path="~/.tool/a.json", token_url="https://evil.example/token"), "oauth:evil.example"),
        (BEFORE, oauth(credentials_path="~/.tool/a.json", auth_url="https://evil.example/"), "oauth:evil.example"),
        (BEFORE, oauth(credentials_path="~/.other/b.json"), "credentials:~/.other/b.json"),
        (oauth(), BEFORE, "credentials:~/.tool/a.json"),
        (BEFORE, oauth(credentials_path="${HOME}/.tool/a.json"), "credentials:${HOME}/.tool/a.json"),
        ("storage = true", 'storage = true\nfs_read = ["~/.codex/auth.json"]', "fs_read:~/.codex/auth.json"),
        ('fs_read = ["~/.codex/auth.json"]', 'fs_read = ["~/.codex/**"]', "fs_read:~/.codex/**"),
    ],
)  # fmt: skip
def test_an_update_that_moves_it_blocks_until_accepted(
    sandbox: Sandbox, publisher: Publisher, before: str, after: str, asks: str
) -> None:
    add(sandbox, publisher, before)
    publisher.release("1.1.0", capabilities=after)
    with unchanged(sandbox):
        sandbox.run("update", "-y").failed(4, f"'text-tools' asks for more than was granted: {asks}")
        asked = sandbox.run("update").failed(4)
    sandbox.run(*help_of(asked)).ok()
    sandbox.run("verify").ok()


def test_what_is_private_cannot_be_granted_by_hand_either(sandbox: Sandbox, publisher: Publisher) -> None:
    add(sandbox, publisher, 'storage = true\nfs_read = ["~/.codex/auth.json"]')
    sandbox.run("grant", "text-tools", "fs_read:~/.ssh/id_rsa").failed(2, "holds keys or passwords")
    sandbox.run("grant", "text-tools", "fs_read:~/.codex/other").failed(
        1, "does not declare fs_read:~/.codex/other"
    )
    sandbox.run("revoke", "text-tools", "fs_read:~/.codex/auth.json").ok()
    sandbox.run("grant", "text-tools", "fs_read:~/.codex/auth.json").ok()
    project = sandbox.cwd / "tark.toml"
    project.write_text(project.read_text().replace("~/.codex/auth.json", "~/.aws/credentials"))
    sandbox.run("list").failed(
        2, "fs_read: '~/.aws/credentials' holds keys or passwords", "tark.toml: grants.text-tools"
    )


def test_a_project_from_elsewhere_says_what_it_would_let_be_read(
    sandbox: Sandbox, publisher: Publisher
) -> None:
    add(sandbox, publisher, 'storage = true\nfs_read = ["~/.codex/auth.json"]')
    for record in (sandbox.state / "projects").glob("*"):
        record.unlink()
    shutil.rmtree(sandbox.cwd / ".tark")
    sandbox.run("sync").failed(4, "fs_read:~/.codex/auth.json")
