"""Fixtures every test may use."""

import gc
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from support import examples, hints
from support.gitserver import GitRepo, GitServer
from support.indexed import IndexedProject
from support.indexrepo import IndexRepo
from support.indexserver import IndexServer
from support.sandbox import Sandbox


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Type the hint of a test's last error, while its servers still run."""
    hints.last.clear()
    outcome = yield
    hints.type_last()
    return outcome


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    """Leave a test's folder, which is removed if the test passed: the next tests need a current folder."""
    yield
    os.chdir(item.config.invocation_params.dir)


pytest_plugins = [
    "support.faked_clock",
    "support.index_fixtures",
    "support.log_fixtures",
    "support.oci_fixtures",
    "support.secret_fixtures",
]

# A shell's background job ignores Ctrl-C, and what it starts inherits that: so would the commands that are
# sent Ctrl-C here. A handler is not inherited.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


# how long one example takes says nothing here: other tests run beside it
hypothesis.settings.register_profile("tarkpm", deadline=None)
hypothesis.settings.load_profile("tarkpm")


def pytest_configure(config: pytest.Config) -> None:
    """Let the costliest properties have fewer examples in the default run than in `dev.py test --slow`."""
    examples.QUICK = config.option.markexpr == "not slow"
    if examples.QUICK:  # each run makes other examples
        hypothesis.settings.register_profile("quick", deadline=None, max_examples=examples.many(200))
        hypothesis.settings.load_profile("quick")
    gc.disable()  # until all tests are collected: a third of the collection's time looks for garbage in vain


def pytest_collection_finish(session: pytest.Session) -> None:
    """Look for garbage among what tests make, not among ten thousand collected tests that last to the end."""
    gc.collect()
    gc.freeze()
    gc.enable()


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    """A user on a machine with nothing on it but an empty project folder."""
    return Sandbox(tmp_path)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    """A real git server on loopback, with no repository yet."""
    (tmp_path / "srv").mkdir()
    with GitServer(tmp_path / "srv") as running:
        yield running


class Publisher:
    """Somebody who publishes one signed plugin from a git repository."""

    def __init__(self, sandbox: Sandbox, server: GitServer, name: str) -> None:
        self.sandbox, self.server, self.name = sandbox, server, name
        self.repo = GitRepo(sandbox.root / "repos" / name)
        self.folder = sandbox.root / "repos" / name
        self.url = server.url(name)
        self.key = ""

    def release(
        self, version: str = "1.0.0", *, sign: str = "release", folder: str = "", **plugin: Any
    ) -> str:
        """Commit, tag ``v<version>`` and publish a release; returns its commit. ``sign`` "" leaves it unsigned."""
        if sign and not (self.sandbox.state / "keys" / f"{sign}.pem").exists():
            self.key = self.sandbox.key(sign)
        place = self.folder / folder
        (place / "plugin.dsse.json").unlink(missing_ok=True)
        self.sandbox.plugin(place, name=self.name, version=version, sign=sign, **plugin)
        self.repo.git("add", "--all")
        commit = self.repo.commit(f"{self.name} {version}")
        self.repo.tag(f"v{version}")
        self.publish()
        return commit

    def publish(self) -> None:
        """Push what the repository holds now to the server."""
        self.repo.publish(self.server.root, self.name)


@pytest.fixture
def publisher(sandbox: Sandbox, server: GitServer) -> Publisher:
    """A publisher of text-tools, with nothing released yet."""
    return Publisher(sandbox, server, "text-tools")


@pytest.fixture
def indexed(sandbox: Sandbox, tmp_path: Path) -> Iterator[IndexedProject]:
    """An index without plugins on a real server, and a project that does not use it yet."""
    repo = IndexRepo(tmp_path / "index")
    with IndexServer(repo.folder) as running:
        yield IndexedProject(sandbox, repo, running)
