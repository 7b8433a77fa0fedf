"""What a case of `tarkpm test` calls, by the type of the plugin. Pure."""

from typing import Any, Final

import msgspec
from msgspec import UNSET

from tarkpm.core.chat import Message

AUTH: Final = ("name", "status", "start", "token", "logout")
"""What `auth` may ask for; `{ poll = CODE }` is the sixth."""
CHANNEL: Final = ("info", "status", "poll", "logout")
"""What `channel` may ask for, beside the three of `ChannelCall`."""


class ChatCall(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A completion: a prompt, or the messages of a conversation."""

    messages: list[Message] = []
    prompt: str = ""
    system: str = ""
    model: str = ""


class HookCall(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An event and its payload."""

    event: str
    payload: Any = {}


class PollCall(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The device code to poll."""

    poll: str


class SendCall(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A message; with ``message_id`` it replaces one sent before."""

    conversation_id: str
    text: str
    message_id: str | None = None


class ChannelCall(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A message to send, credentials to take, or an event of the service to handle: one of them."""

    send: SendCall | None = None
    authenticate: Any = UNSET
    event: Any = UNSET


def check_auth(auth: str | PollCall) -> None:
    """Raise `ValueError` for a call that an auth plugin does not have."""
    if isinstance(auth, str) and auth and auth not in AUTH:
        raise ValueError(f"expected one of {', '.join(AUTH)} or {{ poll = CODE }}, found {auth[:40]!r}")


def check_channel(channel: str | ChannelCall) -> None:
    """Raise `ValueError` unless it is one call of a channel plugin."""
    if isinstance(channel, str):
        if channel and channel not in CHANNEL:
            others = "{ send = … }, { authenticate = … } or { event = … }"
            raise ValueError(f"expected one of {', '.join(CHANNEL)}, {others}, found {channel[:40]!r}")
        return
    asked = [one for one in (channel.send or UNSET, channel.authenticate, channel.event) if one is not UNSET]
    if len(asked) != 1:
        raise ValueError(f"expected one of send, authenticate and event, found {len(asked) or 'none'}")
