"""A worker that starts early: for which commands, and who ends it."""

from collections.abc import Iterator

import pytest

from tarkpm.cli import prestart
from tarkpm.errors import HostError
from tarkpm.host import process


class Worker:
    """A worker process, as far as it is started and ended here."""

    def __init__(self) -> None:
        self.killed = False

    def kill(self) -> None:
        self.killed = True


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Worker]]:
    """The workers that were started."""
    made: list[Worker] = []

    def start() -> Worker:
        made.append(Worker())
        return made[-1]

    monkeypatch.setattr(process, "Process", start)
    yield made
    prestart.drop()


@pytest.mark.parametrize(
    ("words", "started"),
    [
        (["call", "calc", "add"], 1),
        (["call"], 1),
        (["call", "--help"], 0),
        (["call", "calc", "-h"], 0),
        (["list"], 0),
        (["--json", "call"], 0),  # a guess that costs nothing if it is wrong
        ([], 0),
    ],
)
def test_which_commands_start_one(workers: list[Worker], words: list[str], started: int) -> None:
    prestart.start(words)
    assert len(workers) == started


def test_the_one_that_was_started_is_taken_once(workers: list[Worker]) -> None:
    prestart.start(["call"])
    taken: list[object] = [prestart.take(), prestart.take()]  # a new one, because the first is gone
    assert taken == workers
    prestart.drop()
    assert not any(worker.killed for worker in workers)  # whoever took it ends it


def test_one_that_nobody_took_is_ended(workers: list[Worker]) -> None:
    prestart.start(["call"])
    prestart.drop()
    assert workers[0].killed
    prestart.drop()


def test_a_worker_that_cannot_start_is_reported_to_who_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise HostError("no more processes")

    monkeypatch.setattr(process, "Process", fail)
    prestart.start(["call"])
    with pytest.raises(HostError, match="no more processes"):
        prestart.take()
