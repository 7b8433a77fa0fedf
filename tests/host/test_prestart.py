"""A worker that starts early: who gets it, and who ends it."""

import os
import signal
from collections.abc import Iterator

import pytest

from tarkpm.errors import HostError
from tarkpm.host import prestart, process
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


def test_there_is_one_at_most(worker: Process) -> None:
    prestart.start()
    assert prestart._started == [worker]


def test_the_first_plugin_of_a_host_gets_it(worker: Process, text_tools: PluginImage) -> None:
    with PluginHost() as host:
        host.load(text_tools)
        assert host._workers[text_tools.name].pid == worker.pid
        assert prestart.take() is None
    assert worker.ended


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
