"""Programs that use tarkpm as a library, and the servers that they ask, which run here."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from support.gitattack import RESULT, Hostile, line, sideband
from support.gitrepo import GitRepo
from support.gitserver import GitHandler, GitServer
from support.index_fixtures import World
from support.indexserver import IndexServer
from support.sandbox import Sandbox

from assurance import ROOT, SUPPORT
from assurance.traffic.subject import Subject, project, watched


def _client(name: str, sandbox: Sandbox, *arguments: str) -> Subject:
    process = subprocess.Popen(
        [sys.executable, "-m", "assurance.traffic.clients", *arguments],
        cwd=ROOT,
        env=sandbox.environment(PYTHONPATH=f"{ROOT}:{SUPPORT}"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    subject = Subject(name, process, sandbox.root)

    def ask() -> int:
        assert process.stdin
        assert process.stdout
        process.stdin.write("\n")
        process.stdin.flush()
        return int(process.stdout.readline())

    subject.round = ask
    return subject


@contextmanager
def host(root: Path) -> Iterator[Subject]:
    """A program with a `Host`."""
    sandbox = project(root)
    with watched(_client("Host", sandbox, "host", str(sandbox.cwd))) as subject:
        yield subject


def _damaged(handler: GitHandler) -> bool:
    """Answer a fetch with a pack that is none."""
    if handler.record.method == "POST" and b"command=fetch" in handler.record.body:
        handler.reply(200, line(b"packfile\n") + sideband(b"PACK" + bytes(5000)) + b"0000", RESULT)
        return True
    return False


def _hangs_up(handler: GitHandler) -> bool:
    """Stop in the middle of an answer."""
    if handler.record.method == "POST":
        handler.start(200, RESULT)
        handler.stream(line(b"packfile\n"))
        handler.close_connection = True
        handler.connection.shutdown(socket.SHUT_RDWR)
        return True
    return False


def _redirects(handler: GitHandler) -> bool:
    handler.reply(302, b"", {"Location": handler.path})
    return True


def _garbage(handler: GitHandler) -> bool:
    handler.wfile.write(b"\0" * 10_000)
    handler.close_connection = True
    return True


def _links(handler: GitHandler) -> bool:
    """Serve what no plugin is: no file of the two that are read is there to be read whole."""
    hostile = Hostile.serving({"plugin.toml": b"x" * 1000, "plugin.wasm": b"y" * 1000})
    hostile.answers = [hostile.answers[0], hostile.answers[0]]
    return hostile(handler)


@contextmanager
def git(root: Path) -> Iterator[Subject]:
    """A program that reads from git servers."""
    sandbox = Sandbox(root)
    repo = GitRepo(root / "repo")
    sandbox.plugin(repo.folder)
    repo.git("add", "--all")
    repo.commit("plugin")
    (root / "srv").mkdir()
    repo.publish(root / "srv", "honest")
    for name in ("damaged", "hangs-up", "redirects", "garbage", "links"):
        repo.publish(root / "srv", name)
    hooks = {
        "/damaged": _damaged,
        "/hangs-up": _hangs_up,
        "/redirects": _redirects,
        "/garbage": _garbage,
        "/links": _links,
    }

    def before(handler: GitHandler) -> bool:
        server.requests.clear()
        act = next((hook for path, hook in hooks.items() if handler.path.startswith(path)), None)
        return act is not None and act(handler)

    with GitServer(root / "srv", before=before) as server:
        names = ["honest", *(path.strip("/") for path in hooks), "missing"]
        client = _client("reader of git", sandbox, "git", *(server.url(name) for name in names))
        with watched(client) as subject:
            yield subject


@contextmanager
def index(root: Path) -> Iterator[Subject]:
    """A program that asks indexes."""
    sandbox = Sandbox(root)
    world = World.make(root / "index")
    lies = {
        "metadata/timestamp.json": b"{",
        "metadata/1.snapshot.json": b"{}" * 1000,
        "metadata/1.root.json": bytes(100_000),
        "targets/": b"[" * 100_000,
        "files/": b"x",
    }
    with ExitStack() as stack:
        servers = [stack.enter_context(IndexServer(world.folder)) for _ in range(len(lies) + 1)]
        for server, (path, body) in zip(servers[1:], lies.items(), strict=True):
            server.instead(path, body)
        (root / "caches").mkdir()
        urls = [server.url for server in servers]
        subject = _client(
            "client of indexes", sandbox, "index", str(root / "caches"), world.root_digest, *urls
        )
        ask = subject.round

        def clear_and_ask() -> int:
            for server in servers:
                server.requests.clear()
            return ask()

        subject.round = clear_and_ask
        with watched(subject):
            yield subject
