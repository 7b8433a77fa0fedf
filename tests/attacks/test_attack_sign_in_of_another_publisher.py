"""The tokens of one publisher's plugin are not given to another publisher's plugin of the same name."""

import copy
import shutil
from collections.abc import Iterator

import pytest
from support.authserver import AuthServer, authorizing
from support.login import Login
from support.sandbox import Sandbox
from support.signing_in import CHANNEL, install

NAME = "chatgpt-oauth"
STATUS = ("auth", "status", NAME)


@pytest.fixture
def server() -> Iterator[AuthServer]:
    with authorizing() as running:
        yield running


def test_neither_gets_what_the_other_wrote(sandbox: Sandbox, server: AuthServer) -> None:
    install(sandbox, server, wasm=CHANNEL, type="channel", client_id="${CLIENT}", process_tokens_callback="")
    login = Login(sandbox, "--client-id", "mine")
    login.browse()
    login.ended().ok()
    assert "Chan: authenticated" in sandbox.run(*STATUS).ok().out

    other = copy.copy(sandbox)
    other.cwd = sandbox.root / "other"
    shutil.copytree(sandbox.cwd / "src", other.cwd / "src")
    other.init()
    other.run("add", "./src", "--accept-capabilities").ok()
    refused = other.run(*STATUS).ok()
    assert "Chan: not-authenticated" in refused.out
    assert (
        "did not receive its credentials: the credentials are another publisher's; sign in again"
        in refused.err
    )

    login = Login(other, "--client-id", "mine")
    login.browse()
    login.ended().ok()
    assert "Chan: authenticated" in other.run(*STATUS).ok().out
    assert "Chan: not-authenticated" in sandbox.run(*STATUS).ok().out
