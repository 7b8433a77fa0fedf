"""Projects that agents are connected to."""

import pytest
from conftest import Publisher
from support.sandbox import Sandbox


@pytest.fixture
def project(sandbox: Sandbox, publisher: Publisher) -> Sandbox:
    """A project with text-tools, installed from git and pinned."""
    publisher.release()
    sandbox.init()
    sandbox.run("add", publisher.url, "--trust", publisher.key, "--accept-capabilities").ok()
    return sandbox
