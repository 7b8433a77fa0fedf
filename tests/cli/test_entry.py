"""The entry point: what is answered before anything is imported, and how a process ends."""

import errno
import os
import sys
from pathlib import Path

import pytest
from support.streams import Stream

from tarkpm import __version__
from tarkpm.cli import entry, group
from tarkpm.cli.entry import main
from tarkpm.host import prestart

from .conftest import Streams


class FullDisk(Stream):
    """Standard output that goes to a full disk."""

    def write(self, text: str, /) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("flag", ["--version", "-V"])
def test_the_version(streams: Streams, flag: str) -> None:
    out, _ = streams()
    assert main([flag]) == 0
    assert out.shown == f"tarkpm {__version__}\n"


def test_the_version_on_a_full_disk(streams: Streams, monkeypatch: pytest.MonkeyPatch) -> None:
    _, err = streams()
    monkeypatch.setattr(sys, "stdout", FullDisk())
    assert main(["--version"]) == 2
    assert err.shown.startswith("error: the disk is full\n  where: tarkpm\n  help: ")


def test_arguments_are_the_processs_own_by_default(streams: Streams, monkeypatch: pytest.MonkeyPatch) -> None:
    out, _ = streams()
    monkeypatch.setattr(sys, "argv", ["tarkpm", "--version"])
    assert main() == 0
    assert out.shown.startswith("tarkpm ")
    assert main([]) == 2


def test_windows_is_told_to_use_wsl(streams: Streams, monkeypatch: pytest.MonkeyPatch) -> None:
    _, err = streams()
    monkeypatch.setattr(sys, "platform", "win32")
    assert main(["list"]) == 2
    assert "use WSL" in err.shown


@pytest.mark.parametrize(
    ("words", "starts"),
    [
        (["call", "calc", "add"], True),
        (["call", "--help"], False),
        (["add", "calc"], True),
        (["add", "-h"], False),
        (["list"], False),
        (["--json", "call"], False),  # a guess that costs nothing if it is wrong
        ([], False),
    ],
)
def test_which_commands_start_a_worker_early(
    monkeypatch: pytest.MonkeyPatch, words: list[str], starts: bool
) -> None:
    started: list[bool] = []
    monkeypatch.setattr(prestart, "start", lambda: started.append(True))
    monkeypatch.setattr(group, "run", lambda _: 0)
    assert main(words) == 0
    assert bool(started) == starts


def test_a_worker_that_was_started_early_is_ended_whatever_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    dropped: list[bool] = []
    monkeypatch.setattr(prestart, "start", lambda: None)
    monkeypatch.setattr(prestart, "drop", lambda: dropped.append(True))

    def fail(_: list[str]) -> int:
        raise MemoryError

    monkeypatch.setattr(group, "run", fail)
    with pytest.raises(MemoryError):
        main(["call"])
    assert dropped == [True]


# -- streams at the end


def test_what_was_written_is_flushed(tmp_path: Path) -> None:
    with (tmp_path / "out").open("w") as stream:
        stream.write("written")
        entry._let_go(stream)
        assert (tmp_path / "out").read_text() == "written"


def test_a_closed_stream_is_let_go() -> None:
    entry._let_go(None)
    stream = Stream()
    stream.close()
    entry._let_go(stream)


def test_what_nobody_reads_is_discarded() -> None:
    """Python would fail again at exit, and replace the exit status by its own."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stream:
        stream.write("for nobody")
        entry._let_go(stream)
        stream.flush()
