"""Check that a project's servers answer: every index, git host and registry at once, in a bounded time."""

import threading
import time
from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final

import msgspec

from tarkpm.core.release import GitSource, OciSource
from tarkpm.errors import TarkError

if TYPE_CHECKING:
    from tarkpm.core.project import IndexEntry
    from tarkpm.ops.project.workspace import Workspace

SECONDS: Final = 10.0
"""Seconds that all servers together may take to answer."""


class ServerStatus(msgspec.Struct, frozen=True):
    """A server: ``index NAME``, ``git`` or ``registry``, its address without a login, its problem or ""."""

    kind: str
    address: str
    problem: str = ""

    @property
    def reached(self) -> bool:
        """Return whether the server answered correctly."""
        return not self.problem


_Job = tuple[ServerStatus, Callable[[], None]]


def reach(workspace: "Workspace") -> tuple[ServerStatus, ...]:
    """Send a small request to every server of an accepted project; takes `SECONDS` at most."""
    jobs = [*_indexes(workspace), *_git_hosts(workspace), *_registries(workspace)]
    answers: SimpleQueue[tuple[int, str]] = SimpleQueue()
    for number, (server, ask) in enumerate(jobs):
        # Daemon threads: a server that never answers must not keep the program from ending.
        threading.Thread(target=_ask, args=(number, server.address, ask, answers), daemon=True).start()
    problems = dict.fromkeys(range(len(jobs)), f"no answer within {SECONDS:g} s")
    end = time.monotonic() + SECONDS
    for _ in jobs:
        try:
            number, problem = answers.get(timeout=max(0.0, end - time.monotonic()))
        except Empty:
            break
        problems[number] = problem
    return tuple(
        msgspec.structs.replace(server, problem=problems[number]) for number, (server, _) in enumerate(jobs)
    )


def _ask(number: int, address: str, ask: Callable[[], None], answers: "SimpleQueue[tuple[int, str]]") -> None:
    try:
        ask()
        answers.put((number, ""))
    except TarkError as problem:
        answers.put((number, problem.about(address)))
    except OSError as problem:  # of this machine: a cache that cannot be written
        reason = (problem.strerror or str(problem)).lower()
        answers.put((number, f"{problem.filename}: {reason}" if problem.filename else reason))
    except Exception as problem:  # noqa: BLE001  it concerns this server alone
        answers.put((number, f"unexpected: {type(problem).__name__}"))


def _indexes(workspace: "Workspace") -> Iterator[_Job]:
    from tarkpm.ops.project.indexes import open_client

    for entry in workspace.project.indexes.values():

        def ask(entry: "IndexEntry" = entry) -> None:
            # Opened here: an index that may not be asked is no reason to leave the others out.
            with open_client(workspace, entry) as client:
                client.refresh()

        yield ServerStatus(f"index {entry.name}", entry.url), ask


def _git_hosts(workspace: "Workspace") -> Iterator[_Job]:
    """Yield a job per git host that lists the refs of one of its repositories."""
    hosts: dict[str, str] = {}
    for requirement in workspace.project.requirements.values():
        if isinstance(requirement.source, GitSource):
            hosts.setdefault(_host(requirement.source.git), requirement.source.git)
    for host, url in sorted(hosts.items()):

        def ask(url: str = url) -> None:
            from tarkpm.ops.release.fetch import open_remote

            with open_remote(workspace, url) as remote:
                remote.resolve()

        yield ServerStatus("git", host), ask


def _registries(workspace: "Workspace") -> Iterator[_Job]:
    """Yield a job per registry that lists the tags of one of its repositories."""
    sources: dict[str, OciSource] = {}
    for requirement in workspace.project.requirements.values():
        if isinstance(requirement.source, OciSource):
            sources.setdefault(requirement.source.oci.partition("/")[0], requirement.source)
    if not sources:
        return
    from tarkpm.ops.release.registries import Registries

    registries = workspace.resource(Registries)
    for host, source in sorted(sources.items()):

        def ask(source: OciSource = source) -> None:
            registries.repository(source).tags()

        yield ServerStatus("registry", f"oci://{host}"), ask


def _host(url: str) -> str:
    """Return scheme and host of a URL, without a login: ``https://example.com:8443``; a folder as it is."""
    scheme, _, rest = url.partition("://")
    if scheme == "file":
        return url
    return f"{scheme}://{rest.partition('/')[0].rpartition('@')[2]}"
