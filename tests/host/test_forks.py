"""Workers forked from a server: as clean as exec'd ones, quicker, and gone with their parents."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support import wat
from support.fifty_calls import fifty_calls

from tarkpm.errors import HostError, LimitReached, PluginCrashed
from tarkpm.host.forkserver import ForkedProcess, ForkServer
from tarkpm.host.limits import Limits
from tarkpm.host.runtime import PluginHost, PluginImage

from .test_lifetime import children, descriptors, is_gone, nothing_more

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
ImageOf = Callable[..., PluginImage]


@pytest.fixture
def host() -> Iterator[PluginHost]:
    with PluginHost(Limits(seconds=1.0), long_lived=True) as host:
        yield host


def pid_of(host: PluginHost, name: str) -> int:
    pid = host._workers[name].pid
    assert pid is not None
    return pid


def server_of(host: PluginHost) -> int:
    assert host._forks is not None
    assert host._forks.pid is not None
    return host._forks.pid


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_a_forked_worker_is_as_clean_as_one_that_was_started(
    hostile: PluginImage, host: PluginHost, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "hunter2")
    inherited = os.open(tmp_path / "open", os.O_CREAT | os.O_RDWR)
    os.set_inheritable(inherited, True)
    try:
        assert host.call(hostile, "echo", "on").output == "on"
    finally:
        os.close(inherited)
    pid = pid_of(host, "hostile")
    assert parent_of(pid) == server_of(host)
    folder = f"/proc/{pid}/fd"
    found = {int(fd): os.readlink(f"{folder}/{fd}").split("[")[0] for fd in os.listdir(folder)}
    assert found == {0: "/dev/null", 1: "/dev/null", 2: "pipe:", 3: "socket:", 4: f"/proc/{pid}/statm"}
    assert Path(f"/proc/{pid}/environ").read_text().strip("\0") == ""
    assert os.readlink(f"/proc/{pid}/cwd") == "/"
    assert os.getsid(pid) == os.getpgid(pid) == pid
    assert "Seccomp:\t2\n" in Path(f"/proc/{pid}/status").read_text()


def test_the_server_has_one_thread_and_nothing_of_a_plugins(hostile: PluginImage, host: PluginHost) -> None:
    host.call(hostile, "echo", "on")
    server = server_of(host)
    assert len(os.listdir(f"/proc/{server}/task")) == 1
    folder = f"/proc/{server}/fd"
    targets = sorted(os.readlink(f"{folder}/{fd}").split("[")[0] for fd in os.listdir(folder))
    found = [target for target in targets if "/libffi.so" not in target]  # newer ones keep theirs
    assert found == ["/dev/null", "/dev/null", "anon_inode:", "pipe:", "socket:"]


def test_two_workers_share_no_descriptor(hostile: PluginImage, host: PluginHost, image_of: ImageOf) -> None:
    other = image_of(hostile.wasm, name="other")
    assert host.load_all([hostile, other]) == {}

    def socket_of(name: str) -> str:
        return os.readlink(f"/proc/{pid_of(host, name)}/fd/3")

    assert socket_of("hostile") != socket_of("other")
    assert len(os.listdir(f"/proc/{pid_of(host, 'other')}/fd")) == 5


FAULTS = {
    "spin": (LimitReached, "the plugin ran longer than 1 s"),
    "trap": (PluginCrashed, "the plugin trapped: wasm `unreachable` instruction executed"),
    "grow": (LimitReached, "the plugin used more than 256 MiB of memory"),
}


@pytest.mark.parametrize("tool", FAULTS)
def test_one_typed_error_then_the_next_call_works(tool: str, hostile: PluginImage) -> None:
    kind, sentence = FAULTS[tool]
    with PluginHost(Limits(seconds=1.0), long_lived=True) as host:
        with pytest.raises(HostError) as caught:
            host.call(hostile, tool, "")
        assert (type(caught.value), caught.value.message) == (kind, sentence)
        assert host.call(hostile, "echo", "on").output == "on"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGABRT])
def test_a_worker_that_is_killed(hostile: PluginImage, host: PluginHost, number: signal.Signals) -> None:
    host.load(hostile)
    timer = threading.Timer(0.2, os.kill, (pid_of(host, "hostile"), number))
    timer.start()
    with pytest.raises(PluginCrashed) as caught:
        host.call(hostile, "spin", "")
    assert caught.value.message == f"the plugin's worker was killed by {number.name}"
    assert host.call(hostile, "echo", "on").output == "on"
    pid = pid_of(host, "hostile")
    os.kill(pid, number)
    assert is_gone(pid)
    assert host.call(hostile, "echo", "on").output == "on"  # between calls it goes unnoticed


def test_the_server_is_killed(hostile: PluginImage, host: PluginHost, image_of: ImageOf) -> None:
    host.load(hostile)
    before, server = pid_of(host, "hostile"), server_of(host)
    os.kill(server, signal.SIGKILL)
    assert is_gone(before)  # in a call it would be a crash
    assert host.call(hostile, "echo", "on").output == "on"
    assert host.call(image_of(hostile.wasm, name="other"), "echo", "on").output == "on"
    assert server_of(host) != server


def test_the_server_is_killed_while_a_worker_spins(hostile: PluginImage, host: PluginHost) -> None:
    host.load(hostile)
    before = pid_of(host, "hostile")
    timer = threading.Timer(0.2, os.kill, (server_of(host), signal.SIGKILL))
    timer.start()
    with pytest.raises(PluginCrashed):
        host.call(hostile, "spin", "")
    assert is_gone(before)
    assert host.call(hostile, "echo", "on").output == "on"


def test_without_a_server_workers_are_started(hostile: PluginImage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tarkpm.host.forkserver.SERVER", ("-I", "-c", "raise SystemExit"))
    with PluginHost(long_lived=True) as host:
        assert host.call(hostile, "echo", "on").output == "on"
        assert parent_of(pid_of(host, "hostile")) == os.getpid()


def test_fifty_calls_with_failures_leave_nothing(hostile: PluginImage, text_tools: PluginImage) -> None:
    before = children(), descriptors()
    with PluginHost(Limits(seconds=1, host_calls=200), long_lived=True) as host:
        fifty_calls(host, text_tools, hostile)
        server = server_of(host)
        assert children() - before[0] == {str(server)}
        assert len(Path(f"/proc/{server}/task/{server}/children").read_text().split()) <= 2
    assert nothing_more(before)


def test_a_fork_costs_a_fraction_of_a_start(
    hostile: PluginImage, image_of: ImageOf, host: PluginHost
) -> None:
    def seconds(host: PluginHost, name: str) -> float:
        start = time.monotonic()
        assert host.load_all([image_of(hostile.wasm, name=f"{name}{n}") for n in range(3)]) == {}
        return time.monotonic() - start

    host.load(hostile)
    with PluginHost() as other:
        # the best of some: another process may have the processor in any of them
        forked = min(seconds(host, f"p{n}-") for n in range(3))
        assert forked < 0.5 * min(seconds(other, f"p{n}-") for n in range(2))


def test_many_threads_fork_at_once(hostile: PluginImage, image_of: ImageOf, host: PluginHost) -> None:
    outputs: list[str] = []

    def work(number: int) -> None:
        outputs.append(host.call(image_of(hostile.wasm, name=f"p{number}"), "echo", str(number)).output)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outputs, key=int) == [str(number) for number in range(12)]


PARENT = """
import sys
from pathlib import Path
from tarkpm.core.capability import CapabilitySet
from tarkpm.host.runtime import PluginHost, PluginImage
wasm = Path(sys.argv[1]).read_bytes()
host = PluginHost(long_lived=True)
image = PluginImage("p", "tool", wasm, CapabilitySet(), Path("/nowhere"))
host.load(image)
print(host._forks.pid, host._workers["p"].pid, flush=True)
if sys.argv[2] == "fork":
    import os
    if os.fork() == 0:
        print("forked", flush=True)
        sys.stdin.read()
        os._exit(0)
if sys.argv[2] == "spin":
    host.call(image, "spin", "")
sys.stdin.read()
"""


@pytest.mark.parametrize("doing", ["idle", "spin", "fork"])
def test_the_parent_is_killed(tmp_path: Path, doing: str) -> None:
    """Also when a fork of it lives on and holds the server's socket open."""
    file = tmp_path / "hostile.wasm"
    file.write_bytes(wat.lenient_tool())
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", PARENT, str(file), doing],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as parent:  # fmt: skip
        assert parent.stdout is not None
        server, worker = map(int, parent.stdout.readline().split())
        if doing == "fork":
            assert parent.stdout.readline() == "forked\n"
        time.sleep(0.1)
        parent.kill()
        parent.wait()
        assert is_gone(server)
        if doing != "fork":
            assert is_gone(worker)
        assert parent.stdin is not None
        parent.stdin.close()
        assert is_gone(worker)


def test_workers_that_nobody_uses_are_ended(hostile: PluginImage, image_of: ImageOf) -> None:
    busy = image_of(hostile.wasm, name="busy")
    with PluginHost(long_lived=True, idle_seconds=0.4) as host:
        host.load_all([hostile, busy])
        idle = pid_of(host, "hostile")
        end = time.monotonic() + 1.0
        while time.monotonic() < end:
            host.call(busy, "echo", "on")
            time.sleep(0.02)
        assert host._workers["hostile"].pid is None
        assert is_gone(idle)
        assert host._workers["busy"].pid is not None
        assert host.call(hostile, "echo", "on").output == "on"


def test_a_call_is_never_idle(hostile: PluginImage) -> None:
    host = PluginHost(Limits(seconds=0.8), long_lived=True, idle_seconds=0.1)
    with host, pytest.raises(LimitReached, match=r"^the plugin ran longer than 0\.8 s$"):
        host.call(hostile, "spin", "")


def test_a_host_can_be_used_again_after_close(hostile: PluginImage) -> None:
    before = children(), descriptors()
    host = PluginHost(long_lived=True)
    for _ in range(2):
        assert host.call(hostile, "echo", "on").output == "on"
        host.close()
        assert nothing_more(before)


def test_a_server_reaps_only_its_own() -> None:
    server = ForkServer()
    try:
        worker = server.start()
        assert isinstance(worker, ForkedProcess)
        assert not worker.ended
        assert server.end(os.getpid(), 99) == "is gone"
        assert worker.kill() == ("was killed by SIGKILL", "")
        assert server.end(worker.pid, 1) == "is gone"
    finally:
        server.close()


def test_a_server_that_stops_answering_is_replaced(
    hostile: PluginImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    with PluginHost(long_lived=True) as host:
        host.load(hostile)
        stopped = server_of(host)
        monkeypatch.setattr("tarkpm.host.forkserver.PATIENCE", 0.3)
        os.kill(stopped, signal.SIGSTOP)
        host.unload("hostile")
        assert host.call(hostile, "echo", "on").output == "on"
        assert is_gone(stopped)
