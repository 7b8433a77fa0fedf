"""The results of plugin calls, as values.

All text is the plugin's claim. Names, codes and URLs are checked and printable; descriptions may contain
line breaks and tabs. `output`, `error`, chat texts, hook payloads and reasons are unchanged and must be
neutralised before they are shown (`core.text.neutral`).
"""

from collections.abc import Sequence
from typing import Any, Final, Generic, Literal, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from tarkpm.core.chat import ChatResponse, Message, Usage
from tarkpm.core.text import neutral
from tarkpm.errors import PluginFailed

_T = TypeVar("_T")

MAX_NAMES: Final = 256
MAX_MODELS: Final = 10_000
MAX_NAME: Final = 128
MAX_LABEL: Final = 200
MAX_CODE: Final = 64
MAX_URL: Final = 2_000
MAX_REASON: Final = 2_000

AuthStatus = Literal["not-authenticated", "authenticated", "expired", "not-required"]


class ToolResult(msgspec.Struct, frozen=True):
    """The result of a tool. ``output`` and ``error`` are the plugin's own text, unchanged."""

    success: bool
    output: str
    error: str | None


class DeviceCode(msgspec.Struct, frozen=True):
    """A started device flow (RFC 8628, 3.2). Times are in seconds; ``verification_url`` is http or https."""

    device_code: str
    user_code: str
    verification_url: str
    expires_in: int
    interval: int


class Poll(msgspec.Struct, frozen=True):
    """The state of a device flow. ``token`` is set with "success", ``message`` with "error"."""

    state: Literal["pending", "success", "expired", "error"]
    token: str | None = None
    message: str | None = None


class Credentials(msgspec.Struct, frozen=True):
    """Credentials of a plugin that only signs in, for the provider that sends its requests. Secret."""

    access_token: str
    api_mode: str
    endpoint: str | None
    project_id: str | None
    headers: list[tuple[str, str]]


class HookOutcome(msgspec.Struct, frozen=True):
    """A hook's decision about an event. ``payload`` is set with "replace", ``reason`` with "stop"."""

    action: Literal["continue", "replace", "stop"]
    payload: str | None = None
    reason: str | None = None


# The same as they arrive, with the field names of the WIT.


class WireTool(msgspec.Struct, rename="kebab"):
    """A tool definition (``tool-def`` in wit/tark.wit)."""

    name: str
    description: str
    parameters_schema: str


class WireDeviceCode(msgspec.Struct, rename="kebab"):
    """The start of a device flow (``device-code`` in wit/tark.wit); times in seconds."""

    device_code: str
    user_code: str
    verification_url: str
    expires_in: int
    interval: int


class WireCredentials(msgspec.Struct, rename="kebab"):
    """The credentials with which tark's own provider acts for a plugin of the older ABI."""

    access_token: str
    api_mode: str
    endpoint: str | None
    project_id: str | None
    headers: list[tuple[str, str]]


class WireUsage(msgspec.Struct, rename="kebab"):
    """The token counts of a completion (``usage`` in wit/tark.wit)."""

    input_tokens: int
    output_tokens: int


class WireChat(msgspec.Struct):
    """A completion (``chat-response`` in wit/tark.wit); ``usage`` is None if it was not reported."""

    text: str
    usage: WireUsage | None


class WirePoll(msgspec.Struct, omit_defaults=True):
    """A variant: exactly one field is set."""

    pending: UnsetType | None = UNSET
    success: str | UnsetType = UNSET
    expired: UnsetType | None = UNSET
    error: str | UnsetType = UNSET


class WireOutcome(msgspec.Struct, rename={"goes_on": "continue"}):
    """A variant: exactly one field is set."""

    goes_on: UnsetType | None = UNSET
    replace: str | UnsetType = UNSET
    stop: str | UnsetType = UNSET


class WireResult(msgspec.Struct, Generic[_T]):
    """A result: ``ok`` or ``err``."""

    ok: _T | UnsetType = UNSET
    err: str | UnsetType = UNSET


def succeeded(result: "WireResult[_T]", doing: str, where: str) -> _T:
    """Return the value of a result. Raises `PluginFailed` with the plugin's own message for an error."""
    if isinstance(result.ok, UnsetType):
        said = result.err if isinstance(result.err, str) and result.err.strip() else "no reason given"
        raise PluginFailed(f"the plugin could not {doing}: {neutral(said, limit=MAX_REASON)}", where=where)
    return result.ok


def checked_names(names: Sequence[str], what: str, where: str, *, limit: int = MAX_NAMES) -> None:
    """Raise `PluginFailed` unless all names are printable, short enough and distinct."""
    if len(names) > limit:
        raise PluginFailed(f"the plugin has {len(names):,} {what}s, the limit is {limit:,}", where=where)
    for name in names:
        if not name or not name.isprintable() or len(name) > MAX_NAME:
            shown = neutral(name, limit=MAX_NAME)
            raise PluginFailed(f"the plugin has {_a(what)} with an invalid name: {shown!r}", where=where)
    if len(set(names)) < len(names):
        raise PluginFailed(f"the plugin has two {what}s with the same name", where=where)


def device_code(found: WireDeviceCode, where: str) -> DeviceCode:
    """Return a device code whose URL and user code are safe to show. Raises `PluginFailed`."""
    # A person opens this URL: only http(s), and no characters that could make it look like another one.
    url, code = found.verification_url, found.user_code
    is_web = url.startswith(("https://", "http://")) and url.isascii() and url.isprintable()
    if not is_web or " " in url or len(url) > MAX_URL:
        shown = neutral(url, limit=MAX_LABEL)
        raise PluginFailed(f"the plugin gave an invalid sign-in URL: {shown!r}", where=where)
    if not code or not code.isprintable() or len(code) > MAX_CODE:
        shown = neutral(code, limit=MAX_CODE)
        raise PluginFailed(f"the plugin gave a code that cannot be typed: {shown!r}", where=where)
    return DeviceCode(found.device_code, code, url, found.expires_in, found.interval)


def token(text: str, where: str) -> str:
    """Return a token that can be sent in an HTTP header (RFC 9110, 5.5). Raises `PluginFailed`."""
    if not text or not text.isascii() or not text.isprintable():
        raise PluginFailed("the plugin returned a token with invalid characters", where=where)
    return text


def credentials(found: WireCredentials, where: str) -> Credentials:
    """Return credentials whose token and headers can be sent in HTTP. Raises `PluginFailed`."""
    for name, value in found.headers:
        if not name or not (name + value).isascii() or not (name + value).isprintable():
            raise PluginFailed("the plugin returned a header with invalid characters", where=where)
    mode, endpoint = label(found.api_mode), found.endpoint and label(found.endpoint)
    project = found.project_id and label(found.project_id)
    return Credentials(token(found.access_token, where), mode, endpoint, project, found.headers)


def poll(found: WirePoll, where: str) -> Poll:
    """Return a decoded `poll-result`."""
    if isinstance(found.success, str):
        return Poll("success", token=token(found.success, where))
    if isinstance(found.error, str):
        return Poll("error", message=neutral(found.error, limit=MAX_REASON))
    return Poll("expired" if found.expired is None else "pending")


def outcome(found: WireOutcome) -> HookOutcome:
    """Return a decoded `outcome` of a hook."""
    if isinstance(found.replace, str):
        return HookOutcome("replace", payload=found.replace)
    if isinstance(found.stop, str):
        return HookOutcome("stop", reason=found.stop)
    return HookOutcome("continue")


def chat_response(found: WireChat) -> ChatResponse:
    """Return a decoded `chat-response`."""
    used = found.usage
    return ChatResponse(found.text, Usage(used.input_tokens, used.output_tokens) if used else None)


def label(text: str) -> str:
    """Return a name to show: one printable line of limited length."""
    return neutral(text, limit=MAX_LABEL)


def wire_message(message: Message) -> dict[str, Any]:
    """Return a message in the form of the WIT."""
    return {"role": message.role, "content": message.content}


def _a(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"
