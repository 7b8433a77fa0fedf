"""Nothing outlives its use: no process, no descriptor, no zombie."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
from support import wat
from support.fifty_calls import fifty_calls

from tarkpm.errors import HostError, PluginCrashed
from tarkpm.host.limits import Limits
from tarkpm.host.process import Process
from tarkpm.host.runtime import PluginHost, PluginImage, ToolResult
from tarkpm.host.worker_handle import Worker

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def children() -> set[str]:
    found: set[str] = set()
    for task in Path("/proc/self/task").iterdir():
        with suppress(FileNotFoundError):  # a thread that ended meanwhile
            found.update((task / "children").read_text().split())
    return found


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def nothing_more(than: tuple[set[str], int]) -> bool:
    """Whether no child and no descriptor came to these; what earlier tests left may have gone meanwhile."""
    return children() <= than[0] and descriptors() <= than[1]


@linux
def test_fifty_calls_with_failures_leave_nothing(hostile: PluginImage, text_tools: PluginImage) -> None:
    before = children(), descriptors()
    with PluginHost(Limits(seconds=1, host_calls=200)) as host:
        fifty_calls(host, text_tools, hostile)
        assert len(children() - before[0]) <= 2
        assert descriptors() <= before[1] + 2 * 2 + 3  # two workers, and the database with its journal
    assert nothing_more(before)


@linux
def test_a_host_can_be_used_again_after_close(hostile: PluginImage) -> None:
    before = children(), descriptors()
    host = PluginHost()
    for _ in range(2):
        assert host.call(hostile, "echo", "on").output == "on"
        host.close()
        assert nothing_more(before)


@linux
@pytest.mark.parametrize("long_lived", [False, True])
def test_a_call_that_began_before_its_plugin_was_unloaded_leaves_nothing(
    hostile: PluginImage, long_lived: bool
) -> None:
    """A thread has got the worker and not called it yet; nobody else holds it afterwards."""
    with PluginHost(long_lived=long_lived) as host:
        host.call(hostile, "echo", "on")
        host.unload(hostile.name)
        before = children(), descriptors()
        for _ in range(2):
            worker = host._worker(hostile)
            host.unload(hostile.name)
            called = worker.call("execute", ["echo", "on"], ToolResult)
            assert called.output == "on"
            assert worker.pid is None
            worker.load()
            assert worker.pid is None
        assert nothing_more(before)


def test_a_call_that_began_before_its_host_was_closed_starts_nothing(hostile: PluginImage) -> None:
    host = PluginHost(long_lived=True)
    worker = host._worker(hostile)
    host.shut()
    with pytest.raises(HostError, match="the host is closed"):
        worker.call("execute", ["echo", "on"], ToolResult)


@linux
def test_what_could_not_be_started_leaves_nothing(
    hostile: PluginImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = children(), descriptors()
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    for _ in range(5):
        with pytest.raises(HostError):
            Process()
    assert nothing_more(before)


@linux
def test_where_the_kernel_reaps_by_itself(hostile: PluginImage) -> None:
    before = children()
    old = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        with PluginHost() as host:
            assert host.call(hostile, "echo", "on").output == "on"
    finally:
        signal.signal(signal.SIGCHLD, old)
    assert children() == before


def test_closing_ends_a_call_that_another_thread_is_in(hostile: PluginImage) -> None:
    host = PluginHost(Limits(seconds=20))
    host.call(hostile, "echo", "")
    timer = threading.Timer(0.2, host.close)
    timer.start()
    start = time.monotonic()
    with pytest.raises(PluginCrashed):
        host.call(hostile, "spin", "")
    assert time.monotonic() - start < 10
    timer.join()
    host.close()


def test_the_callers_own_fault_in_a_log_callback_ends_the_worker(hostile: PluginImage) -> None:
    def broken(line: object) -> None:
        raise ZeroDivisionError

    worker = Worker(hostile, Limits(), broken)
    with pytest.raises(ZeroDivisionError):
        worker.call("execute", ["echo", ""], dict)
    assert worker.pid is None
    worker.close()


PARENT = """
import signal, sys
from pathlib import Path
from tarkpm.core.capability import CapabilitySet
from tarkpm.host.worker_handle import PluginImage, Worker
from tarkpm.host.limits import Limits
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    wasm = Path(sys.argv[1]).read_bytes()
    worker = Worker(PluginImage("p", "tool", wasm, CapabilitySet(), Path("/nowhere")), Limits(), print)
    worker.load()
    print(worker.pid, flush=True)
    try:
        if sys.argv[2] == "idle":
            sys.stdin.read()
        worker.call("execute", [sys.argv[2], ""], dict)
    except KeyboardInterrupt:
        print("interrupted", worker.pid, flush=True)
        sys.stdin.read()
"""


@pytest.fixture
def wasm_file(tmp_path: Path) -> Path:
    file = tmp_path / "hostile.wasm"
    file.write_bytes(wat.lenient_tool())
    return file


def started(file: Path, tool: str) -> tuple["subprocess.Popen[str]", int]:
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PARENT), str(file), tool],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    return parent, int(parent.stdout.readline())


def is_gone(pid: int, within: float = 2.0) -> bool:
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        try:
            # an orphan is reaped by whoever adopts it, which may take its time
            is_zombie = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
            # its other threads may still be ending, and hold its end of the socket open
            if is_zombie and len(list(Path(f"/proc/{pid}/task").iterdir())) == 1:
                return True
        except FileNotFoundError:
            return True
        time.sleep(0.01)
    return False


@linux
@pytest.mark.parametrize("doing", ["idle", "spin"])
def test_the_parent_is_killed(wasm_file: Path, doing: str) -> None:
    parent, pid = started(wasm_file, doing)
    with parent:
        time.sleep(0.1)
        parent.kill()
        parent.wait()
        assert is_gone(pid)


@linux
def test_ctrl_c_ends_the_worker_and_reaches_the_caller(wasm_file: Path) -> None:
    parent, pid = started(wasm_file, "spin")
    with parent:
        time.sleep(0.2)
        parent.send_signal(signal.SIGINT)
        assert parent.stdout is not None
        assert parent.stdout.readline() == "interrupted None\n"
        assert is_gone(pid)
        parent.kill()


def test_the_parent_never_imports_what_it_must_not() -> None:
    script = "import sys, tarkpm.host.runtime; print(*sys.modules)"
    modules = subprocess.run(
        [sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"wasmtime", "sqlite3", "subprocess", "tarkpm.host.worker.wit"} & set(modules)
    script = "import sys, tarkpm.host.worker.loop; print(*sys.modules)"
    modules = subprocess.run(
        [sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"msgspec", "sqlite3", "socket", "tarkpm.host.gate", "tarkpm.errors"} & set(modules)
