"""What a worker process has, seen from outside: nothing it could do harm with."""

import os
import resource
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support import wat

from tarkpm.host.limits import Limits
from tarkpm.host.runtime import PluginHost, PluginImage
from tarkpm.host.worker_handle import Worker

from .test_schemas import TEXT, with_schema

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture
def worker(hostile: PluginImage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Worker]:
    """A worker after its first call, started by a parent with secrets and open files."""
    monkeypatch.setenv("SECRET_TOKEN", "hunter2")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sitecustomize.py").write_text("raise SystemExit('imported')")
    (tmp_path / "json.py").write_text("raise SystemExit('imported')")
    inherited = os.open(tmp_path / "open", os.O_CREAT | os.O_RDWR)
    os.set_inheritable(inherited, True)
    worker = Worker(hostile, Limits(), lambda line: None)
    try:
        assert worker.call("execute", ["echo", "on"], dict)["output"] == "on"
        yield worker
    finally:
        worker.close()
        os.close(inherited)


def proc(worker: Worker, name: str) -> str:
    return Path(f"/proc/{worker.pid}/{name}").read_text()


def test_its_environment_is_empty(worker: Worker) -> None:
    assert proc(worker, "environ").strip("\0") == ""


def test_its_folder_is_the_root(worker: Worker) -> None:
    assert os.readlink(f"/proc/{worker.pid}/cwd") == "/"


def test_it_has_no_other_descriptors(worker: Worker) -> None:
    folder = f"/proc/{worker.pid}/fd"
    found = {int(fd): os.readlink(f"{folder}/{fd}").split("[")[0] for fd in os.listdir(folder)}
    own = [
        target for _, target in sorted(found.items()) if "/libffi.so" not in target
    ]  # newer ones keep theirs
    assert own == ["/dev/null", "/dev/null", "pipe:", "socket:", f"/proc/{worker.pid}/statm"]
    assert found[3] == "socket:"


def test_its_limits(worker: Worker) -> None:
    assert worker.pid is not None
    limits = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NPROC: 0,
        resource.RLIMIT_NOFILE: 24,
        resource.RLIMIT_AS: 64 << 30,
    }
    for which, value in limits.items():
        assert resource.prlimit(worker.pid, which) == (value, value)
    data, hard = resource.prlimit(worker.pid, resource.RLIMIT_DATA)
    assert data == hard
    assert 448 << 20 <= data < 512 << 20


def test_it_cannot_gain_privileges(worker: Worker) -> None:
    assert "NoNewPrivs:\t1\n" in proc(worker, "status")


def test_it_leads_a_session_of_its_own(worker: Worker) -> None:
    assert worker.pid is not None
    assert os.getsid(worker.pid) == os.getpgid(worker.pid) == worker.pid


def test_ctrl_c_is_ignored_by_it(worker: Worker) -> None:
    ignored = int(proc(worker, "status").split("SigIgn:")[1].split()[0], 16)
    assert ignored & 1 << 1  # bit 1 is signal 2


def test_its_arguments_say_no_more_than_that_it_runs_a_tool(worker: Worker) -> None:
    arguments = proc(worker, "cmdline").split("\0")
    expected = [sys.executable, "-I", "-m", "tarkpm.host.worker", "--schemas", str(os.getpid()), ""]
    assert arguments == expected


def test_it_has_two_threads_and_an_idle_one_does_not_tick(worker: Worker) -> None:
    import time

    assert len(os.listdir(f"/proc/{worker.pid}/task")) == 2
    time.sleep(1.2)
    before = wakeups(worker)
    time.sleep(0.2)
    assert wakeups(worker) == before


def wakeups(worker: Worker) -> list[str]:
    tasks = Path(f"/proc/{worker.pid}/task").iterdir()
    return [(task / "status").read_text().split("voluntary_ctxt_switches:")[1].split()[0] for task in tasks]


def test_a_worker_without_schemas_does_not_have_the_library(
    host: PluginHost, image_of: Callable[..., PluginImage]
) -> None:
    def maps(image: PluginImage) -> str:
        host.load(image)
        return Path(f"/proc/{host._workers[image.name].pid}/maps").read_text()

    assert "jsonschema" not in maps(image_of(wat.reaching_tool(), name="none"))
    assert "jsonschema" not in maps(image_of(wat.hook(), name="hook", plugin_type="hook"))
    assert "jsonschema" in maps(image_of(with_schema(TEXT), name="some"))
