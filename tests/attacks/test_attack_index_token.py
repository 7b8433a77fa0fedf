"""A token for an index reaches that index alone: no other server, no open line, no error, no cache."""

from pathlib import Path

import pytest
from support.index_fixtures import Victim
from support.indexed import IndexedProject
from support.indexserver import IndexServer
from support.sandbox import Sandbox

from tarkpm.errors import Refused, TarkError, Unreachable
from tarkpm.io.login import Login
from tarkpm.io.proxies import Proxies

TOKEN = "s3cret-of-the-user"


def _sent(server: IndexServer) -> set[str]:
    return {request.headers.get("authorization", "") for request in server.requests}


def test_every_request_has_it(victim: Victim) -> None:
    victim.installs(token=TOKEN)
    assert _sent(victim.server) == {f"Bearer {TOKEN}"}


def test_a_login(victim: Victim) -> None:
    victim.looks(login=Login("user", TOKEN))
    assert _sent(victim.server) == {Login("user", TOKEN).header}


def test_another_server_does_not_get_it(victim: Victim, tmp_path: Path) -> None:
    with IndexServer(victim.index.folder) as other:
        victim.server.answers["metadata/"] = lambda handler: handler.reply(
            302, b"", {"location": other.url + handler.path}
        )
        problem = victim.meets(
            Unreachable, "could not check the index: the index redirects to another server", token=TOKEN
        )
        assert other.requests == []
    assert TOKEN not in f"{problem.message}{problem.where}{problem.hint}"


def test_the_same_server_does(victim: Victim) -> None:
    """A path that moved."""
    victim.index.folder.rename(victim.index.folder.parent / "moved")
    (victim.folder / "top").mkdir()
    (victim.folder / "moved").rename(victim.folder / "top" / "moved")
    victim.server.serve(victim.folder / "top")
    for folder in ("metadata", "targets"):
        victim.server.answers[folder] = lambda handler: handler.reply(
            301, b"", {"location": "/moved" + handler.path}
        )
    claim, _ = victim.looks(token=TOKEN)
    assert claim is not None
    assert _sent(victim.server) == {f"Bearer {TOKEN}"}


def test_an_open_line_does_not_carry_it(victim: Victim) -> None:
    """--allow-http was said: what is asked is open, the token stays here."""
    proxies = Proxies(http=victim.server.url)
    victim.server.answers["http://"] = lambda handler: handler.file(
        victim.index.folder / handler.path.removeprefix("http://index.example/")
    )
    claim, _ = victim.looks(url="http://index.example", proxies=proxies, allow_http=True, token=TOKEN)
    assert claim is not None
    assert _sent(victim.server) == {""}


def test_an_open_line_needs_consent(victim: Victim) -> None:
    proxies = Proxies(http=victim.server.url)
    victim.meets(
        Refused, "http is neither encrypted nor authenticated", url="http://index.example", proxies=proxies
    )
    assert victim.server.requests == []


@pytest.mark.parametrize("bad", ["a\r\nhost: evil", "tok\x00en", "tökén", "x" * 5000])
def test_a_token_that_is_none(victim: Victim, bad: str) -> None:
    problem = victim.meets(Refused, "contains a character that cannot be sent", token=bad)
    assert bad not in f"{problem.message}{problem.where}{problem.hint}"
    assert victim.server.requests == []


@pytest.mark.parametrize("status", [401, 403, 404, 500, 302])
def test_no_error_and_no_cache_says_it(victim: Victim, status: int) -> None:
    victim.server.answers["metadata/timestamp"] = lambda handler: handler.reply(status)
    with pytest.raises(TarkError) as caught:
        victim.looks(token=TOKEN)
    assert TOKEN not in repr(vars(caught.value)) + str(caught.value)
    for file in victim.cached.rglob("*"):
        assert not file.is_file() or TOKEN.encode() not in file.read_bytes()


def test_a_login_is_asked_for(victim: Victim) -> None:
    victim.server.answers["metadata/"] = lambda handler: handler.reply(401)
    problem = victim.meets(Unreachable, "could not check the index: the index requires authentication")
    assert problem.hint == "export TARKPM_INDEX_COMMUNITY_TOKEN=TOKEN"
    problem = victim.meets(Unreachable, "the index refuses the login", token=TOKEN)
    assert problem.hint == "export TARKPM_INDEX_COMMUNITY_TOKEN=TOKEN"
    victim.server.answers["metadata/"] = lambda handler: handler.reply(403)
    problem = victim.meets(Unreachable, "the index refuses access, or there is none here (HTTP 403)")
    assert problem.hint == "export TARKPM_INDEX_COMMUNITY_TOKEN=TOKEN"


def test_a_project_from_elsewhere_that_gives_another_index_its_name(
    indexed: IndexedProject, tmp_path: Path
) -> None:
    """What would be sent where is among what is to be accepted; until then, nothing is asked."""
    indexed.release("text-tools")
    indexed.use()
    indexed.sandbox.run("add", "text-tools", "--accept-capabilities").ok()
    other = Sandbox(tmp_path / "colleague")
    for name in ("tark.toml", "tark.lock"):
        (other.cwd / name).write_bytes((indexed.sandbox.cwd / name).read_bytes())
    indexed.server.requests.clear()
    token = {"TARKPM_INDEX_COMMUNITY_TOKEN": TOKEN}
    said = f"send the token in TARKPM_INDEX_COMMUNITY_TOKEN to {indexed.server.url}"
    refused = other.run("sync", env=token).failed(4, said)
    assert TOKEN not in refused.out + refused.err
    assert "send the token" not in other.run("sync").failed(4).err
    assert indexed.server.requests == []
