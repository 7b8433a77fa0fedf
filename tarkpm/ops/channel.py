"""``tarkpm channel``: use a channel plugin by hand. No daemon: the channel stops with the command."""

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
"""Seconds between polls, because a poll does not wait for a message."""
MAX_MESSAGES = 10_000
"""Messages that a report keeps; all are shown as they come."""

Show = Callable[[Inbound], None]


class ChannelReport(msgspec.Struct, frozen=True):
    """A channel as its plugin describes it, and its status."""

    plugin: str
    id: str
    display_name: str
    description: str
    supports_streaming: bool
    supports_edits: bool
    status: str


class MessagesReport(msgspec.Struct, frozen=True):
    """Incoming messages; texts and metadata are unchanged. ``more`` counts those that were not kept."""

    plugin: str
    messages: tuple[Inbound, ...]
    more: int = 0


class SentReport(msgspec.Struct, frozen=True):
    """A sent message and the id its service gave it."""

    plugin: str
    conversation_id: str
    message_id: str | None


def info(settings: Settings, ui: Ui, target: str, log: LogSink) -> ChannelReport:
    """Return a channel's description and status."""
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
    """Return whether the channel says it is signed in."""
    with _opened(settings, ui, target, log) as (image, channel):
        return _standing(image, channel)


def authenticate(settings: Settings, ui: Ui, target: str, credentials: str, log: LogSink) -> AuthReport:
    """Give a channel its credentials, as JSON text; they stay with the plugin."""
    check_json(credentials)
    with _opened(settings, ui, target, log) as (image, channel):
        channel.authenticate(credentials)
        return _standing(image, channel)


def poll(settings: Settings, ui: Ui, target: str, log: LogSink, *, seconds: float) -> MessagesReport:
    """Start a channel and wait up to ``seconds`` for the first messages."""
    with _started(settings, ui, target, log) as (image, channel):
        for found in _polls(channel, seconds):
            if found:
                return MessagesReport(image.name, tuple(found))
        return MessagesReport(image.name, ())


def listen(
    settings: Settings, ui: Ui, target: str, log: LogSink, *, seconds: float | None, show: Show
) -> MessagesReport:
    """Start a channel, ``show`` every message for ``seconds`` or until interrupted, and stop it."""
    kept: list[Inbound] = []
    seen = 0
    with _started(settings, ui, target, log) as (image, channel):
        for found in _polls(channel, seconds):
            for message in found:
                show(message)
            kept += found[: MAX_MESSAGES - len(kept)]
            seen += len(found)
        return MessagesReport(image.name, tuple(kept), seen - len(kept))


def send(settings: Settings, ui: Ui, target: str, message: Outbound, log: LogSink) -> SentReport:
    """Send a message. Raises `PluginFailed` with the channel's reason."""
    with _started(settings, ui, target, log) as (image, channel):
        sent = channel.send(message)
        if not sent.success:
            raise PluginFailed(sent.error or "the message was not sent", where=image.name)
        return SentReport(image.name, message.conversation_id, sent.message_id)


def stop(settings: Settings, ui: Ui, target: str, log: LogSink) -> AuthReport:
    """Tell a channel to clean up what it keeps outside its process."""
    with _opened(settings, ui, target, log) as (image, channel):
        channel.stop()
        return _standing(image, channel)


def _polls(channel: ChannelPlugin, seconds: float | None) -> Iterator[list[Inbound]]:
    """Yield the messages of each poll, of at least one, until the time is up."""
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
    """Start a channel, and stop it however the block ends."""
    with _opened(settings, ui, target, log) as (image, channel):
        channel.start()
        try:
            yield image, channel
        except BaseException:
            # The first failure is the one to report.
            with suppress(TarkError):
                channel.stop()
            raise
        channel.stop()
