"""Channel plugins, which carry messages between a chat service and tark. Only the older ABI has them.

All text comes from the plugin or from other people. Texts of messages and answers are unchanged and must be
neutralised before they are shown (`core.text.neutral`); a channel's description of itself is printable.
"""

from collections.abc import Sequence
from typing import Any, Final, Protocol, TypeVar

import msgspec

from tarkpm.core.text import neutral
from tarkpm.errors import PluginFailed
from tarkpm.host import results
from tarkpm.host.image import PluginImage
from tarkpm.host.results import AuthStatus, WireResult, succeeded

_T = TypeVar("_T")

MAX_STATUS: Final = 599


class ChannelInfo(msgspec.Struct, frozen=True):
    """A channel, as its plugin describes it."""

    id: str
    display_name: str
    description: str
    supports_streaming: bool
    supports_edits: bool


class Inbound(msgspec.Struct, frozen=True):
    """A message from a channel. ``metadata`` is JSON text, or empty."""

    conversation_id: str
    user_id: str
    text: str
    metadata: str


class Outbound(msgspec.Struct, frozen=True):
    """A message for a channel; with ``message_id`` it replaces one sent before."""

    conversation_id: str
    text: str
    message_id: str | None = None
    is_final: bool = True
    metadata_json: str = ""


class Sent(msgspec.Struct, frozen=True):
    """The result of sending a message."""

    success: bool
    message_id: str | None
    error: str | None


class WebhookRequest(msgspec.Struct, frozen=True):
    """An HTTP request that was received on behalf of the plugin."""

    method: str
    path: str
    query: str | None = None
    headers: Sequence[tuple[str, str]] = ()
    body: str = ""


class WebhookAnswer(msgspec.Struct, frozen=True):
    """The plugin's HTTP response, and the messages the request contained."""

    status: int
    headers: list[tuple[str, str]]
    body: str
    messages: list[Inbound]


class CallPlugin(Protocol):
    """Call a function of a plugin of a given type."""

    def __call__(
        self, image: PluginImage, kind: str, function: str, args: list[Any], shape: type[_T], /
    ) -> _T: ...


class ChannelPlugin:
    """The calls of one channel plugin. Each raises what `PluginHost`'s methods raise.

    The plugin keeps its state between `start` and `stop`.
    """

    def __init__(self, image: PluginImage, ask: CallPlugin) -> None:
        self._image = image
        self._call = ask

    def info(self) -> ChannelInfo:
        """Return the channel's description of itself."""
        found = self._ask("channel-info", [], ChannelInfo)
        return ChannelInfo(
            results.label(found.id),
            results.label(found.display_name),
            neutral(found.description, keep="\n\t", limit=results.MAX_REASON),
            found.supports_streaming,
            found.supports_edits,
        )

    def status(self) -> AuthStatus:
        """Return whether the channel is signed in."""
        return self._ask("status", [], AuthStatus)  # type: ignore[arg-type]

    def authenticate(self, credentials: str) -> None:
        """Give it credentials, as JSON text. Raises `PluginFailed` if it does not accept them."""
        self._do("init", [credentials], "accept the credentials")

    def logout(self) -> None:
        """Make it delete its credentials."""
        self._do("logout", [], "log out")

    def start(self) -> None:
        """Start the channel. Before this, `poll` and `send` may fail."""
        self._do("channel-start", [], "start")

    def stop(self) -> None:
        """Stop the channel."""
        self._do("channel-stop", [], "stop")

    def poll(self) -> list[Inbound]:
        """Return the messages since the last call, without waiting for one."""
        return self._result("channel-poll", [], list[Inbound], "be polled")

    def event(self, payload: str) -> list[Inbound]:
        """Pass it an event of its service, as JSON text. Returns the messages in the event."""
        return self._result("channel-event", [payload], list[Inbound], "handle the event")

    def send(self, message: Outbound) -> Sent:
        """Send a message. A failed delivery is a result, not an error."""
        sent = self._result("channel-send", [msgspec.to_builtins(message)], Sent, "send")
        return Sent(sent.success, results.label(sent.message_id) if sent.message_id else None, sent.error)

    def webhook(self, request: WebhookRequest) -> WebhookAnswer:
        """Let it answer an HTTP request of its service. Raises `PluginFailed` for an invalid status."""
        asked = msgspec.to_builtins(request)
        found = self._result("channel-webhook", [asked], WebhookAnswer, "answer the request")
        # The status codes of HTTP (RFC 9110, section 15).
        if not 100 <= found.status <= MAX_STATUS:
            raise PluginFailed(
                f"the plugin answered with invalid HTTP status {found.status}", where=self._image.name
            )
        return found

    def widget(self) -> str:
        """Return the state that tark shows for it, as the plugin's own JSON text."""
        return self._result("channel-widget", [], str, "describe itself")

    def _do(self, function: str, args: list[Any], doing: str) -> None:
        succeeded(self._ask(function, args, WireResult[None]), doing, self._image.name)

    def _result(self, function: str, args: list[Any], shape: type[_T], doing: str) -> _T:
        found = self._ask(function, args, WireResult[shape])  # type: ignore[valid-type]
        return succeeded(found, doing, self._image.name)

    def _ask(self, function: str, args: list[Any], shape: type[_T]) -> _T:
        return self._call(self._image, "channel", function, args, shape)
