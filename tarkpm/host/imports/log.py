"""tark:plugin/log: a plugin's messages, made printable and passed to a sink."""

from collections.abc import Callable
from typing import Any, Literal, cast

import msgspec

from tarkpm.core.text import neutral
from tarkpm.host.limits import Limits

MAX_MESSAGE = 8 << 10

Level = Literal["debug", "info", "warn", "error"]


class LogLine(msgspec.Struct, frozen=True):
    """One printable line without line breaks. ``by_host`` marks a note of tarkpm about the plugin."""

    plugin: str
    level: Level
    message: str
    by_host: bool = False


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

    def call(self, function: str, args: tuple[Any, ...], deadline: float) -> None:  # noqa: ARG002  # no waiting
        """Log a message; ``function`` is the level."""
        (message,) = args
        self._messages -= 1
        self._text -= min(len(message), MAX_MESSAGE)
        if self._sink is None:
            return
        if self._messages >= 0 and self._text >= 0:
            text = neutral(message, limit=MAX_MESSAGE)
            self._sink(LogLine(self._plugin, cast(Level, function), text))
        elif not self._told:
            self._told = True
            self.note("logged too much in one call; the rest is dropped")

    def note(self, message: str) -> None:
        """Log a note of the host about the plugin."""
        if self._sink is not None:
            self._sink(LogLine(self._plugin, "warn", message, by_host=True))

    def close(self) -> None:
        """Do nothing; no resource is held."""
