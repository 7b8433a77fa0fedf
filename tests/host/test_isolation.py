"""What a plugin attempts, which layer stops it, and that each inner layer holds with Landlock and seccomp off.

The outer layers are off here; `test_runaway_plugin` and others have both. docs/isolation.md shows the table. What code outside the WebAssembly sandbox could attempt is tried in
`test_sandbox`.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from support import wat

from tarkpm.core.capability import Capability, CapabilitySet
from tarkpm.errors import HostError
from tarkpm.host.image import PluginImage
from tarkpm.host.imports import Interface
from tarkpm.host.imports.filesystem import Filesystem
from tarkpm.host.imports.folders import WorkspaceFolder
from tarkpm.host.imports.shell import Shell
from tarkpm.host.limits import Limits
from tarkpm.host.process import Process
from tarkpm.host.worker_handle import Worker

from .test_sandbox import CALLS, FILES
from .test_wasi import that_reaches

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Landlock and seccomp are Linux's")
ROOT = Path(__file__).parents[2]
SHOWN = {"read-only": "there is none", "write": "an error code"}
SHORT, LONG = Limits(seconds=0.4, host_calls=500), Limits(seconds=30, host_calls=500)
UNCONFINED = (
    "-I",
    "-c",
    """
from tarkpm.host.worker import __main__, sandbox
sandbox.no_files = lambda: 0
sandbox.few_calls = lambda: False
__main__.main()""",
)
"""A worker on a kernel that has neither Landlock nor seccomp."""


@dataclass(frozen=True)
class Attempt:
    """``tool`` of the plugin ``wasm`` called with ``argument``, and the ``outcome``: an error, or its output."""

    name: str
    layer: str
    outcome: str
    wasm: Callable[[], bytes]
    tool: str
    argument: str = ""
    granted: str = ""


HOSTILE, REACH, FETCH, ASK = wat.lenient_tool, wat.reaching_tool, wat.fetching_tool, that_reaches
OUT = "docs/../../secret"
ATTEMPTS = [
    Attempt("read a file, with nothing granted", "gate", "filesystem is not granted to this plugin", REACH, "r", "/etc/passwd"),
    Attempt("delete a file, with nothing granted", "gate", "filesystem is not granted to this plugin", REACH, "d", "docs/kept"),
    Attempt("run a program, with nothing granted", "gate", "shell is not granted to this plugin", REACH, "s", "id"),
    Attempt("ask a server, with nothing granted", "gate", "http is not granted to this plugin", FETCH, "get", "https://example.com/"),
    Attempt("read outside the granted folder", "gate", "a path with an empty part, '.' or '..' is not accepted", REACH, "r", OUT, "filesystem:docs/"),
    Attempt("read through a link in the granted folder", "gate", "is a link, and links are not followed", REACH, "r", "docs/link", "filesystem:docs/"),
    Attempt("write where reading was granted", "gate", "is granted for reading only", REACH, "w", "x", "filesystem:out.txt:ro"),
    Attempt("see the environment, arguments or a folder", "WASI", "read-only", ASK, "x"),
    Attempt("open a socket", "WASI", "write", ASK, "xx"),
    Attempt("execute `unreachable`", "wasmtime", "the plugin trapped: wasm `unreachable` instruction executed", HOSTILE, "trap"),
    Attempt("pass a pointer outside its memory", "wasmtime", "the plugin trapped: string pointer/length out of bounds of memory", HOSTILE, "bad-pointer"),
    Attempt("pass text that is not UTF-8", "wasmtime", "the plugin trapped: invalid utf-8 sequence of 1 bytes from index 0", HOSTILE, "bad-utf8"),
    Attempt("recurse without end", "wasmtime", "the plugin used more than 1 MiB of stack", HOSTILE, "recurse"),
    Attempt("take memory without end", "worker limits", "the plugin used more than 256 MiB of memory", HOSTILE, "grow"),
    Attempt("never return", "worker limits", "the plugin ran longer than 0.4 s", HOSTILE, "spin"),
    Attempt("sleep for an hour", "worker limits", "the plugin ran longer than 0.4 s", ASK, "trap"),
    Attempt("call the host without end", "worker limits", "the plugin made more than 500 host calls in one call", HOSTILE, "log-flood"),
    Attempt("return 40 MiB of text", "worker limits", "the plugin passed more than 8 MiB of text at once", HOSTILE, "huge-output"),
]  # fmt: skip


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A folder with one file, and a link to a file outside."""
    folder = tmp_path / "workspace"
    (folder / "docs").mkdir(parents=True)
    (folder / "docs" / "kept").write_text("mine")
    (tmp_path / "secret").write_text("s3cret")
    (folder / "docs" / "link").symlink_to(tmp_path / "secret")
    return folder


def unconfined(*, schemas: bool = False) -> Process:
    return Process(UNCONFINED)


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=lambda attempt: attempt.name)
def test_an_attempt_without_landlock_and_seccomp(attempt: Attempt, workspace: Path, tmp_path: Path) -> None:
    granted = CapabilitySet.of([Capability.parse(attempt.granted)] if attempt.granted else [])
    image = PluginImage("hostile", "tool", attempt.wasm(), granted, tmp_path / "data")
    folder = WorkspaceFolder(workspace)
    served: dict[str, Interface] = {"filesystem": Filesystem(granted, folder), "shell": Shell(folder, {})}
    limits = SHORT if "longer than" in attempt.outcome else LONG
    worker = Worker(image, limits, lambda _: None, interfaces=lambda *_: served, start=unconfined)
    try:
        worker.load()
        assert "Seccomp:\t0\n" in Path(f"/proc/{worker.pid}/status").read_text()
        assert outcome(worker, attempt) == attempt.outcome
        # The next call works, in the same process or in a new one.
        assert worker.call("get-risk-level", ["on"], str)
    finally:
        worker.close()
    assert (workspace / "docs" / "kept").read_text() == "mine"


def outcome(worker: Worker, attempt: Attempt) -> str:
    """The error of an attempt, or what it returned."""
    try:
        if attempt.layer == "WASI":  # the risk of a tool says what it found (`that_reaches`)
            return worker.call("get-risk-level", [attempt.tool], str)
        result = worker.call("execute", [attempt.tool, attempt.argument], dict)
    except HostError as problem:
        return problem.message
    return str(result["error"] or result["output"])


def test_the_page_has_every_attempt() -> None:
    page = (ROOT / "docs" / "isolation.md").read_text()
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines() if line.startswith("|")
    ]
    shown = {tuple(row[:3]) for row in rows}
    for attempt in ATTEMPTS:
        assert (attempt.name, attempt.layer, SHOWN.get(attempt.outcome, attempt.outcome)) in shown
    for name in {*FILES, *CALLS}:
        layers = " and ".join(
            layer for layer, kinds in (("Landlock", FILES), ("seccomp", CALLS)) if name in kinds
        )
        assert (name, layers) in {row[:2] for row in shown}
