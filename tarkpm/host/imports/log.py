"""A plugin's messages and output (tark:plugin/log, WASI's stdout and stderr), made printable for a sink."""

from collections.abc import Callable
from typing import Any, Final, Literal, cast

import msgspec

from tarkpm.core.text import neutral
from tarkpm.host.ipc.messages import Printed
from tarkpm.host.limits import Limits
from tarkpm.host.trace import masked_text

MAX_MESSAGE = 8 << 10
MAX_PRINTED_LINE = 2 * MAX_MESSAGE
MAX_SAID = 16 << 10
"""Characters of a call's standard error and errors that are kept for `Log.said`, the last ones."""

_TRACEBACK: Final = "Traceback (most recent call last):"
_PANIC: Final = "thread '"
_CHAINED: Final = (
    "The above exception was the direct cause of the following exception:",
    "During handling of the above exception, another exception occurred:",
)
"""How Python, the runtimes of interpreters, and Rust begin and go on (`tarkpm.host.exceptions`)."""

Level = Literal["debug", "info", "warn", "error"]
Stream = Literal["stdout", "stderr"]


class LogLine(msgspec.Struct, frozen=True):
    """One printable line without line breaks. ``by_host`` marks a note of tarkpm about the plugin.

    ``stream`` is set for a line that the plugin wrote to standard output or error; its level is "debug".
    ``reported`` marks a line about the exception that ended the call: `PluginRaised` has it, too.
    """

    plugin: str
    level: Level
    message: str
    by_host: bool = False
    stream: Literal["", "stdout", "stderr"] = ""
    reported: bool = False


LogSink = Callable[[LogLine], None]


class Log:
    """The log of one plugin. It drops messages beyond the limits of a call, and reports that once."""

    def __init__(self, plugin: str, sink: LogSink | None, limits: Limits) -> None:
        """Create a log. Without a ``sink`` messages are only counted."""
        self._plugin = plugin
        self._sink = sink
        self._limits = limits
        self.begin()

    def begin(self) -> None:
        """Start a call into the plugin: reset the limits."""
        self._messages = self._limits.log_messages
        self._text = self._limits.log_text
        self._told = False
        self._open = {"stdout": "", "stderr": ""}
        self._held: list[str] = []
        self.said = ""

    def call(self, function: str, args: tuple[Any, ...], deadline: float) -> None:  # noqa: ARG002  # no waiting
        """Log a message; ``function`` is the level."""
        (message,) = args
        self._release()
        if function == "error":  # Rust without WASI has no standard error: tark.rs logs its panics
            self.said = f"{self.said}{message}\n"[-MAX_SAID:]
        if self._has_room_for(message) and self._sink is not None:
            text = neutral(message, limit=MAX_MESSAGE)
            self._sink(LogLine(self._plugin, cast(Level, function), text))

    def printed(self, part: Printed) -> None:
        """Log what the plugin wrote to a standard stream, one line for each of its lines, secrets masked."""
        if part.dropped:
            self._note_once("printed too much in one call; the rest is dropped")
        if part.stream == "stderr":
            self.said = (self.said + part.text)[-MAX_SAID:]
        *lines, rest = (self._open[part.stream] + part.text).split("\n")
        # A line without end must not be copied again with every part of it.
        self._open[part.stream] = rest[:MAX_PRINTED_LINE]
        for line in lines:
            self._hear(part.stream, line)

    def finish(self, *, raised: bool = False) -> None:
        """End a call, also by an exception: log the lines that have no end."""
        for stream, line in self._open.items():
            if line:
                self._hear(cast(Stream, stream), line)
        self._open = {"stdout": "", "stderr": ""}
        self._release(reported=raised)

    def _hear(self, stream: Stream, line: str) -> None:
        """Log a line; one that may be about an exception once it is known whether that ended the call."""
        if stream == "stderr" and (not line or self._held or line.startswith((_TRACEBACK, _PANIC))):
            if line.startswith(_TRACEBACK) and not self._goes_on():
                self._release()  # the one before was caught
            self._held.append(line)
            return
        self._release()
        self._print(stream, line)

    def _goes_on(self) -> bool:
        """Return whether a traceback that begins now is chained to the one that is held."""
        return any(line in _CHAINED for line in self._held[-2:])

    def _release(self, *, reported: bool = False) -> None:
        held, self._held = self._held, []
        for line in held:
            self._print("stderr", line, reported=reported)

    def _print(self, stream: Stream, line: str, *, reported: bool = False) -> None:
        if self._has_room_for(line) and self._sink is not None:
            # Masked before it is cut: half a secret would not be found by its name.
            text = neutral(masked_text(line[:MAX_PRINTED_LINE]), limit=MAX_MESSAGE)
            self._sink(LogLine(self._plugin, "debug", text, stream=stream, reported=reported))

    def _has_room_for(self, message: str) -> bool:
        self._messages -= 1
        self._text -= min(len(message), MAX_MESSAGE)
        if self._messages >= 0 and self._text >= 0:
            return True
        self._note_once("logged too much in one call; the rest is dropped")
        return False

    def _note_once(self, message: str) -> None:
        if not self._told:
            self._told = True
            self.note(message)

    def note(self, message: str) -> None:
        """Log a note of the host about the plugin."""
        if self._sink is not None:
            self._sink(LogLine(self._plugin, "warn", message, by_host=True))

    def close(self) -> None:
        """Do nothing; no resource is held."""
