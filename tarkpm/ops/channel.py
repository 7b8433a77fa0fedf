"""``tarkpm channel``: a channel plugin by hand. No daemon: what was started ends with the command."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import msgspec

from tarkpm.errors import PluginFailed, TarkError
from tarkpm.host.channel_plugin import ChannelPlugin, Inbound, Outbound
from tarkpm.host.image import PluginImage
from tarkpm.host.imports.log import LogSink
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.ui import Ui
from tarkpm.ops.run.credentials import hand_over
from tarkpm.ops.run.images import load_target, open_host
from tarkpm.ops.run.json_text import check_json
from tarkpm.ops.run.sign_in import AuthReport

INTERVAL = 1.0
"""Seconds between polls: a poll does not wait for a message."""
MAX_MESSAGES = 10_000
"""Messages that one report keeps; all are shown."""

Show = Callable[[Inbound], None]


class ChannelReport(msgspec.Struct, frozen=True):
    """A channel as its plugin describes it, and how it stands."""

    plugin: str
    id: str
    display_name: str
    description: str
    supports_streaming: bool
    supports_edits: bool
    status: str


class MessagesReport(msgspec.Struct, frozen=True):
    """Messages that came in; texts and metadata are unchanged."""

    plugin: str
    messages: tuple[Inbound, ...]


class SentReport(msgspec.Struct, frozen=True):
    """A message that was sent, by the name its service gave it."""

    plugin: str
    conversation_id: str
    message_id: str | None


def info(settings: Settings, ui: Ui, target: str, log: LogSink) -> ChannelReport:
    """What a channel is, and whether it is signed in."""
    with _opened(settings, ui, target, log) as (image, channel):
        said, status = channel.info(), channel.status()
        return ChannelReport(
            image.name,
            said.id,
            said.display_name,
            said.description,
            said.supports_streaming,
            said.supports_edits,
            status,
        )


def status(settings: Settings, ui: Ui, target: str, log: LogSink) -> AuthReport:
    """Whether a channel is signed in, by its own word."""
    with _opened(settings, ui, target, log) as (image, channel):
        return _standing(image, channel)


def authenticate(settings: Settings, ui: Ui, target: str, credentials: str, log: LogSink) -> AuthReport:
    """Hand a channel its credentials, as JSON text; they stay with the plugin."""
    check_json(credentials)
    with _opened(settings, ui, target, log) as (image, channel):
        channel.authenticate(credentials)
        return _standing(image, channel)


def poll(settings: Settings, ui: Ui, target: str, log: LogSink, *, seconds: float) -> MessagesReport:
    """Start a channel and wait, at most so long, for the first messages."""
    with _started(settings, ui, target, log) as (image, channel):
        for found in _polls(channel, seconds):
            if found:
                return MessagesReport(image.name, tuple(found))
        return MessagesReport(image.name, ())


def listen(
    settings: Settings, ui: Ui, target: str, log: LogSink, *, seconds: float | None, show: Show
) -> MessagesReport:
    """Start a channel and ``show`` every message, for so long, or until interrupted; then stop it."""
    kept: list[Inbound] = []
    with _started(settings, ui, target, log) as (image, channel):
        for found in _polls(channel, seconds):
            for message in found:
                show(message)
            kept += found[: MAX_MESSAGES - len(kept)]
        return MessagesReport(image.name, tuple(kept))


def send(settings: Settings, ui: Ui, target: str, message: Outbound, log: LogSink) -> SentReport:
    """Send a message; raises `PluginFailed`, in the channel's words, if it was not."""
    with _started(settings, ui, target, log) as (image, channel):
        sent = channel.send(message)
        if not sent.success:
            raise PluginFailed(sent.error or "the message was not sent", where=image.name)
        return SentReport(image.name, message.conversation_id, sent.message_id)


def stop(settings: Settings, ui: Ui, target: str, log: LogSink) -> AuthReport:
    """Have a channel put in order what it keeps outside of its process."""
    with _opened(settings, ui, target, log) as (image, channel):
        channel.stop()
        return _standing(image, channel)


def _polls(channel: ChannelPlugin, seconds: float | None) -> Iterator[list[Inbound]]:
    """What each poll brings, once at least, until the time is up."""
    end = None if seconds is None else time.monotonic() + seconds
    while True:
        yield channel.poll()
        left = INTERVAL if end is None else end - time.monotonic()
        if left <= 0:
            return
        time.sleep(min(INTERVAL, left))


def _standing(image: PluginImage, channel: ChannelPlugin) -> AuthReport:
    return AuthReport(image.name, channel.info().display_name, channel.status())


@contextmanager
def _opened(
    settings: Settings, ui: Ui, target: str, log: LogSink
) -> Iterator[tuple[PluginImage, ChannelPlugin]]:
    image, images = load_target(settings, ui, target)
    with open_host(settings, images, log=log) as host:
        hand_over(settings, ui, host, image)
        yield image, host.channel(image)


@contextmanager
def _started(
    settings: Settings, ui: Ui, target: str, log: LogSink
) -> Iterator[tuple[PluginImage, ChannelPlugin]]:
    """A channel that was started, and is stopped however this ends."""
    with _opened(settings, ui, target, log) as (image, channel):
        channel.start()
        try:
            yield image, channel
        except BaseException:
            with suppress(TarkError):
                channel.stop()
            raise
        channel.stop()
