"""The command line in this process, on streams that are a terminal or none."""

from collections.abc import Callable

import pytest
from support.streams import Stream

Streams = Callable[..., tuple[Stream, Stream]]


@pytest.fixture
def streams(monkeypatch: pytest.MonkeyPatch) -> Streams:
    """Make standard input, output and error terminals, or none; returns output and error."""

    def replace(
        *, terminal: bool = False, stdin: str = "", stdout: bool | None = None
    ) -> tuple[Stream, Stream]:
        out, err = Stream(terminal=terminal if stdout is None else stdout), Stream(terminal=terminal)
        monkeypatch.setattr("sys.stdin", Stream(terminal=terminal, text=stdin))
        monkeypatch.setattr("sys.stdout", out)
        monkeypatch.setattr("sys.stderr", err)
        return out, err

    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    return replace
