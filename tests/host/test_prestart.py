"""A worker that starts early: who gets it, and who ends it."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tarkpm.errors import HostError
from tarkpm.host import prestart, process
from tarkpm.host.compile.cache import CompileCache
from tarkpm.host.image import PluginImage
from tarkpm.host.process import Process
from tarkpm.host.runtime import PluginHost


@pytest.fixture
def worker() -> Iterator[Process]:
    """A worker that was started ahead."""
    prestart.start()
    (found,) = prestart._started
    assert isinstance(found, Process)
    yield found
    prestart.drop()


@pytest.mark.skipif(sys.platform != "linux", reason="the arguments of a process are read as Linux shows them")
def test_there_are_no_more_than_needed(worker: Process) -> None:
    prestart.start()
    assert prestart._started == [worker]
    prestart.start(2)
    assert len(prestart._started) == 2
    # The first is taken first: it checks arguments, and a compiler does not.
    assert prestart._started[0] is worker
    said = [Path(f"/proc/{one.pid}/cmdline").read_text() for one in prestart._started]
    assert ["--schemas" in words for words in said] == [True, False]


def test_those_of_a_module_that_is_not_compiled_yet_compile_it_and_run_it(
    tmp_path: Path, text_tools: PluginImage
) -> None:
    prestart.start(2)
    pids = {one.pid for one in prestart._started}
    with PluginHost(cache=CompileCache(tmp_path, b"k" * 32)) as host:
        host.load(text_tools)
        assert host._workers[text_tools.name].pid in pids
        assert prestart.take() is None


def test_the_first_plugin_of_a_host_gets_it(worker: Process, text_tools: PluginImage) -> None:
    with PluginHost() as host:
        host.load(text_tools)
        assert host._workers[text_tools.name].pid == worker.pid
        assert prestart.take() is None
    assert worker.ended


@pytest.mark.skipif(sys.platform != "linux", reason="the maps of a process are Linux's")
def test_it_imports_the_validator_while_it_waits(worker: Process) -> None:
    maps = Path(f"/proc/{worker.pid}/maps")
    end = time.monotonic() + 30
    while "jsonschema_rs" not in maps.read_text():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_one_that_ended_meanwhile_is_replaced(worker: Process, text_tools: PluginImage) -> None:
    os.kill(worker.pid, signal.SIGKILL)
    os.waitid(os.P_PID, worker.pid, os.WEXITED | os.WNOWAIT)
    with PluginHost() as host:
        assert host.call(text_tools, "text-stats", '{"text":""}').success


def test_one_that_is_not_taken_is_ended(worker: Process) -> None:
    prestart.drop()
    assert worker.ended
    prestart.drop()


def test_a_worker_that_cannot_start_is_reported_by_the_host_that_needs_it(
    monkeypatch: pytest.MonkeyPatch, text_tools: PluginImage
) -> None:
    def fail(*_: object) -> int:
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(process, "_spawn", fail)
    prestart.start()
    with (
        PluginHost() as host,
        pytest.raises(HostError, match="cannot start a worker: Resource temporarily unavailable"),
    ):
        host.load(text_tools)
