"""What a person should look at twice."""

import pytest

from tarkpm.core.capability import Capability
from tarkpm.core.danger import is_dangerous, shown


@pytest.mark.parametrize(
    "text",
    [
        "shell", "http:localhost", "http:localhost:8080", "http:private:router.lan", "http:*.example.com",
        "http:127.0.0.1", "http:[::1]:80", "http:router", "http:nas.local", "http:metadata.google.internal",
        "env:VAULT_TOKEN", "env:GEMINI_*", "env:OPENAI_API_KEY", "env:AWS_SECRET_ACCESS_KEY", "env:DATABASE_URL",
        "env:db_password", "filesystem:docs/", "filesystem:a.txt", "fs_read:~/.codex/auth.json",
        "fs_read:~/work/**", "fs_read:~/.gemini/oauth_creds.json", "credentials:~/work/a.json",
        "oauth:localhost:8888",
    ],
)  # fmt: skip
def test_dangerous(text: str) -> None:
    assert is_dangerous(Capability.parse(text))


@pytest.mark.parametrize(
    "text",
    [
        "storage", "http:api.example.com", "http:api.example.com:8443", "env:LANG", "env:HOME",
        "filesystem:notes/:ro", "fs_read:~/notes/a.md", "oauth:auth.example.com",
        "credentials:~/.config/tark/foo_oauth.json",
    ],
)  # fmt: skip
def test_not_dangerous(text: str) -> None:
    assert not is_dangerous(Capability.parse(text))


def test_a_scope_that_could_read_as_two_is_quoted() -> None:
    assert [shown(text) for text in ("*.a.b:80", "docs, x/", "größe/")] == [
        "*.a.b:80",
        '"docs, x/"',
        '"größe/"',
    ]
