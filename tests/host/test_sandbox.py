"""What the kernel takes from a worker, tried from inside: Python code in a process confined as a worker is.

A guest cannot run any of this. It stands for a fault in wasmtime that would let one.
"""

import ctypes
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tarkpm.host.confinement import Confinement, confinement
from tarkpm.host.limits import Limits
from tarkpm.host.runtime import PluginImage
from tarkpm.host.worker_handle import Worker

linux = pytest.mark.skipif(sys.platform != "linux", reason="Landlock and seccomp are Linux's")


def has_landlock() -> bool:
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    return bool(libc.syscall(ctypes.c_long(444), None, ctypes.c_size_t(0), ctypes.c_uint(1)) > 0)


def has_seccomp() -> bool:
    return Path("/proc/sys/kernel/seccomp/actions_avail").exists()


landlock = pytest.mark.skipif(not has_landlock(), reason="this kernel has no Landlock")
seccomp = pytest.mark.skipif(not has_seccomp(), reason="this kernel has no seccomp")

PRELUDE = """
import ctypes, errno, mmap, os, signal, socket, sys, threading
from tarkpm.host.worker import confine, sandbox
listener = socket.create_server(("127.0.0.1", 0))
port = listener.getsockname()[1]
late = socket.socket()
early = threading.Event()
answers = []
def other():
    early.wait()
    probe()
    answers.append(True)
confine.enter()
confine.limit()
"""
PROBE = """
def probe():
    try:
        {attempt}
    except OSError as problem:
        print(errno.errorcode[problem.errno])
    else:
        print("done")
"""


def attempted(attempt: str, *, files: bool, calls: bool, thread: bool = False) -> str:
    """What becomes of an attempt: an error's name, or "done"."""
    prelude = PRELUDE.replace("confine.enter()\n", "")  # it would close the listener
    steps = [prelude, PROBE.format(attempt=attempt)]
    steps += ["thread = threading.Thread(target=other); thread.start()"] if thread else []
    steps += ["assert sandbox.no_files()"] if files else []
    steps += ["assert sandbox.few_calls()"] if calls else []
    steps += ["early.set(); thread.join()"] if thread else ["probe()"]
    steps += ["sys.stdout.flush(); os._exit(0)"]
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "there").touch()
        command = [sys.executable, "-I", "-c", "\n".join(steps), folder]
        done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


FILES = {
    "read": "open('/etc/passwd').read()",
    "list": "os.listdir('/')",
    "write": "open(f'{sys.argv[1]}/written', 'w')",
    "mkdir": "os.mkdir(f'{sys.argv[1]}/{os.getpid()}')",
    "unlink": "os.unlink(f'{sys.argv[1]}/there')",
    "exec": "os.execv('/bin/true', ['true'])",
    "proc": "open('/proc/self/environ').read()",
    "device": "open('/dev/null')",
    "through a descriptor": "open('/proc/self/fd/0/../../etc/passwd')",
}


@landlock
@pytest.mark.parametrize("attempt", FILES)
def test_landlock_closes_files(attempt: str) -> None:
    free = attempted(FILES[attempt], files=False, calls=False)
    assert free == {"exec": "", "through a descriptor": "ENOTDIR"}.get(attempt, "done")
    assert attempted(FILES[attempt], files=True, calls=False) in ("EACCES", "ENOTDIR")


@landlock
def test_landlock_closes_tcp() -> None:
    assert attempted("late.connect(('127.0.0.1', port))", files=False, calls=False) == "done"
    assert attempted("late.connect(('127.0.0.1', port))", files=True, calls=False) == "EACCES"
    assert attempted("late.bind(('127.0.0.1', 0))", files=True, calls=False) == "EACCES"


CALLS = {
    **FILES,
    "socket": "socket.socket()",
    "udp": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
    "unix": "socket.socket(socket.AF_UNIX)",
    "socket pair": "socket.socketpair()",
    "connect what was open": "late.connect(('127.0.0.1', port))",
    "fork": "os.fork()",
    "spawn": "os.posix_spawn('/bin/true', ['true'], {})",
    "kill": "os.kill(os.getppid(), 0)",
    "memfd": "os.memfd_create('x')",
    "pipe": "os.pipe()",
    "new code": "mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC)",
    "privileges": "os.setuid(0)",
    "another's priority": "os.setpriority(os.PRIO_PROCESS, 0, 5)",
    "the time": "__import__('time').clock_settime(0, 0)",
}


@seccomp
@pytest.mark.parametrize("attempt", CALLS)
def test_seccomp_closes_system_calls(attempt: str) -> None:
    assert attempted(CALLS[attempt], files=False, calls=True) == "EPERM"


@seccomp
@pytest.mark.parametrize("attempt", ["read", "udp", "fork", "new code"])
def test_seccomp_holds_threads_that_were_there_before(attempt: str) -> None:
    assert attempted(CALLS[attempt], files=False, calls=True, thread=True) == "EPERM"


@seccomp
def test_what_a_worker_needs_still_works() -> None:
    attempt = (
        "os.write(1, b''); threading.Thread(target=print).start(); mmap.mmap(-1, 4096); os.urandom(8); "
        "__import__('time').sleep(0.01); [bytearray(1 << 20) for _ in range(64)]"
    )
    assert attempted(attempt, files=True, calls=True).endswith("done")


@pytest.fixture
def worker(hostile: PluginImage) -> Iterator[Worker]:
    worker = Worker(hostile, Limits(), lambda line: None)
    try:
        assert worker.call("execute", ["echo", "on"], dict)["output"] == "on"
        yield worker
    finally:
        worker.close()


@seccomp
def test_every_thread_of_a_real_worker_is_held(worker: Worker) -> None:
    tasks = list(Path(f"/proc/{worker.pid}/task").iterdir())
    assert len(tasks) == 2
    for task in tasks:
        status = (task / "status").read_text()
        assert "Seccomp:\t2\n" in status
        assert "NoNewPrivs:\t1\n" in status


@landlock
@seccomp
def test_doctor_is_told_what_is_active() -> None:
    found = confinement()
    assert found == Confinement(found.landlock, seccomp=True, sealed_memory=True)
    assert found.landlock >= 1
    assert found.missing == ()
    assert Confinement(0, seccomp=False, sealed_memory=True).missing == ("Landlock", "seccomp")
