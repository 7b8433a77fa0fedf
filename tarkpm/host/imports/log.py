"""tark:plugin/log: a plugin's messages, made safe to show, handed to whoever started the host."""

from collections.abc import Callable
from typing import Any, Literal, cast

import msgspec

from tarkpm.core.text import neutral
from tarkpm.host.limits import Limits

MAX_MESSAGE = 8 << 10

Level = Literal["debug", "info", "warn", "error"]


class LogLine(msgspec.Struct, frozen=True):
    """One line: printable, without line breaks. ``by_host`` is what tarkpm says about the plugin."""

    plugin: str
    level: Level
    message: str
    by_host: bool = False


LogSink = Callable[[LogLine], None]


class Log:
    """Delivers up to a limit for each call into the plugin, then says once how it goes on."""

    def __init__(self, plugin: str, sink: LogSink | None, limits: Limits) -> None:
        """Without a ``sink`` messages are counted, and made safe for nobody."""
        self._plugin = plugin
        self._sink = sink
        self._limits = limits
        self.begin()

    def begin(self) -> None:
        """A call into the plugin begins."""
        self._messages = self._limits.log_messages
        self._text = self._limits.log_text
        self._told = False

    def call(self, function: str, args: tuple[Any, ...], deadline: float) -> None:  # noqa: ARG002  # no waiting
        """Level and message; ``function`` is the level."""
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
        """Log a message of the host about the plugin."""
        if self._sink is not None:
            self._sink(LogLine(self._plugin, "warn", message, by_host=True))

    def close(self) -> None:
        """Nothing is held."""
