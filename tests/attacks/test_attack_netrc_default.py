"""A dependency names a host so that the default entry of the user's netrc is sent there.

As with git, it goes only to a host that asks for a login, over an encrypted connection
(docs/decisions/0096-netrc-as-curl-reads-it.md).
"""

from pathlib import Path

import pytest

from tarkpm.core.project import IndexEntry
from tarkpm.core.release import PluginName
from tarkpm.io.login import Login
from tarkpm.ops.project.indexes import _login
from tarkpm.sources.git.access import Access, Logins
from tarkpm.sources.git.url import parse

ROOT = "sha256:" + "0" * 64


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The variables of a user whose netrc has a default entry, and who has no git."""
    (tmp_path / ".netrc").write_text(
        "machine corp.example login me password for-corp\ndefault login me password s3cret\n"
    )
    return {"HOME": str(tmp_path), "PATH": "/nowhere", "GIT_CONFIG_SYSTEM": "/dev/null"}


def logins(environment: dict[str, str], url: str) -> Logins:
    return Logins(Access(environment, allow_http=True).route(parse(url, allow_http=True)))


def test_it_is_not_sent_before_the_server_asks(environment: dict[str, str]) -> None:
    assert logins(environment, "https://evil.example/x").first() is None


def test_when_asked_it_goes_to_a_host_without_an_entry(environment: dict[str, str]) -> None:
    assert logins(environment, "https://other.example/x").next() == Login("me", "s3cret")
    assert logins(environment, "https://corp.example/x").next() == Login("me", "for-corp")


def test_it_is_not_sent_in_the_clear(environment: dict[str, str]) -> None:
    assert logins(environment, "http://evil.example/x").next() is None


def test_an_index_which_is_not_waited_for_to_ask_does_not_get_it(environment: dict[str, str]) -> None:
    def found(host: str) -> Login | None:
        return _login(environment, IndexEntry(PluginName("i"), f"https://{host}/", ROOT))

    assert found("evil.example") is None
    assert found("corp.example") == Login("me", "for-corp")
