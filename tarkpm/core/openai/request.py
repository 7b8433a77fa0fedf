"""Read the body of ``POST /v1/chat/completions``.

A provider plugin takes messages of text and a model's name, nothing else. What changes the meaning of the
answer (tools, images, several choices, JSON output) is refused: a client that asked for it would take the
answer for something that it is not. What only tunes it (temperature, a token limit) is ignored and named in
`ChatRequest.ignored`, because nearly every client sends it.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from tarkpm.core.chat import Message, Role
from tarkpm.core.openai.refusal import ApiRefusal, invalid, unsupported
from tarkpm.core.text import short

MAX_DEPTH: Final = 16
"""Levels of arrays and objects. A message with parts has four."""
MAX_MESSAGES: Final = 2_000
MAX_PARTS: Final = 1_000
MAX_TEXT: Final = 1 << 20
"""Bytes of all contents together, the most that a plugin takes at once (`Limits.arguments`)."""
MAX_STOPS: Final = 4
MAX_STOP: Final = 500
MAX_NAME: Final = 300
"""Characters of a model's id: a plugin's name, a slash and the longest name of a model fit."""

ROLES: Final[Mapping[str, Role]] = {
    "system": "system",
    "developer": "system",  # OpenAI's newer name for the same
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
}

READ: Final = frozenset({"model", "messages", "stream", "stream_options", "stop"})
IGNORED: Final = frozenset(
    {
        *("temperature", "top_p", "top_k", "min_p", "frequency_penalty", "presence_penalty", "logit_bias"),
        *("repetition_penalty", "max_tokens", "max_completion_tokens", "seed", "reasoning_effort"),
        *("verbosity", "user", "safety_identifier", "metadata", "store", "service_tier", "prediction"),
        *("prompt_cache_key", "prompt_cache_retention", "parallel_tool_calls"),
    }
)
"""Parameters that tune an answer. A provider plugin has its own settings for them."""
_HARMLESS: Final[Mapping[str, tuple[Any, ...]]] = {
    "n": (1,),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "tools": ([],),
    "functions": ([],),
    "tool_choice": ("none", "auto"),
    "function_call": ("none", "auto"),
    "modalities": (["text"],),
    "response_format": ({"type": "text"},),
}
"""Values that ask for nothing beyond a text. Other values of these parameters are refused."""


class ChatRequest(msgspec.Struct, frozen=True):
    """A completion that is asked for.

    Attributes:
        model: the id of the model as typed, ``PLUGIN/MODEL``.
        is_streamed: whether the answer is sent as server-sent events, with the usage if ``counts_usage``.
        stop: the answer ends before the first of these texts.
        ignored: the names of parameters that have no effect, sorted.
    """

    model: str
    messages: tuple[Message, ...]
    is_streamed: bool = False
    counts_usage: bool = False
    stop: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()


def read_chat(body: bytes) -> ChatRequest:
    """Read a request. Raises `ApiRefusal`."""
    document = _document(body)
    model, options = document.get("model"), document.get("stream_options")
    if not isinstance(model, str) or not 0 < len(model) <= MAX_NAME:
        raise invalid("model", f"model: expected a text of 1 to {MAX_NAME} characters, found {short(model)}")
    ignored = _check_keys(document)
    return ChatRequest(
        model,
        _messages(document.get("messages")),
        _flag("stream", document.get("stream")),
        isinstance(options, dict) and _flag("stream_options.include_usage", options.get("include_usage")),
        _stops(document.get("stop")),
        ignored,
    )


def _document(body: bytes) -> dict[str, Any]:
    try:
        document = msgspec.json.decode(body)
    except RecursionError:
        raise invalid("", f"the body has more than {MAX_DEPTH} levels") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise ApiRefusal(400, "the body is not JSON", code="invalid_json") from None
    if not isinstance(document, dict):
        raise invalid("", f"expected an object, found {short(document)}")
    _check_depth(document)
    return document


def _check_depth(document: dict[str, Any]) -> None:
    """Raise `ApiRefusal` for a document of more than `MAX_DEPTH` levels, without recursion."""
    level: list[Any] = [document]
    for _ in range(MAX_DEPTH):
        level = [item for value in level for item in _items(value) if isinstance(item, dict | list)]
        if not level:
            return
    raise invalid("", f"the body has more than {MAX_DEPTH} levels")


def _items(value: dict[str, Any] | list[Any]) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else value


def _check_keys(document: dict[str, Any]) -> tuple[str, ...]:
    """Return the parameters that have no effect, sorted. Raises `ApiRefusal` for all others."""
    given = {key: value for key, value in document.items() if value is not None and key not in READ}
    for key, value in given.items():
        if key in IGNORED:
            continue
        if key not in _HARMLESS:
            raise unsupported(key, f"unknown parameter {short(key)}")
        # By type, too: True equals 1 in Python.
        if not any(type(value) is type(usual) and value == usual for usual in _HARMLESS[key]):
            raise unsupported(key, f"{key}: a provider plugin of tark takes and returns only text")
    return tuple(sorted(IGNORED & given.keys()))


def _messages(value: Any) -> tuple[Message, ...]:
    if not isinstance(value, list) or not 0 < len(value) <= MAX_MESSAGES:
        found = f"{len(value):,}" if isinstance(value, list) else short(value)
        raise invalid("messages", f"messages: expected 1 to {MAX_MESSAGES:,} messages, found {found}")
    messages = tuple(_message(turn, f"messages[{place}]") for place, turn in enumerate(value))
    used = sum(len(message.content.encode()) for message in messages)
    if used > MAX_TEXT:
        message = f"messages: expected at most {MAX_TEXT:,} bytes of text, found {used:,}"
        raise ApiRefusal(413, message, code="context_length_exceeded", param="messages")
    return messages


def _message(turn: Any, where: str) -> Message:
    if not isinstance(turn, dict):
        raise invalid(where, f"{where}: expected an object, found {short(turn)}")
    role = turn.get("role")
    if not isinstance(role, str) or role not in ROLES:
        expected = ", ".join(ROLES)
        raise invalid(f"{where}.role", f"{where}.role: expected one of {expected}; found {short(role)}")
    # A tool's answer always names its call. The name is the client's own: the plugin sees the text alone.
    known = {"role", "content", "tool_call_id"} if role == "tool" else {"role", "content"}
    for key, value in turn.items():
        if key not in known and value not in (None, "", []):
            raise unsupported(
                f"{where}.{key}", f"{where}: a message to a provider plugin has only text, found {short(key)}"
            )
    return Message(ROLES[role], _content(turn.get("content"), f"{where}.content"))


def _content(value: Any, where: str) -> str:
    """Return the text of a message. Text parts are joined with line breaks."""
    if isinstance(value, str):
        return value
    if not isinstance(value, list) or not 0 < len(value) <= MAX_PARTS:
        found = f"{len(value):,}" if isinstance(value, list) else short(value)
        raise invalid(where, f"{where}: expected a text or 1 to {MAX_PARTS:,} text parts, found {found}")
    return "\n".join(_part(part, f"{where}[{place}]") for place, part in enumerate(value))


def _part(part: Any, where: str) -> str:
    kind = part.get("type") if isinstance(part, dict) else None
    if kind != "text":
        message = f"{where}: a provider plugin of tark takes only text parts, found {short(kind)}"
        raise unsupported(where, message)
    if not isinstance(part.get("text"), str) or part.keys() - {"type", "text"}:
        raise invalid(where, f"{where}: expected type and text only")
    text: str = part["text"]
    return text


def _flag(where: str, value: Any) -> bool:
    if value is None or isinstance(value, bool):
        return bool(value)
    raise invalid(where, f"{where}: expected true or false, found {short(value)}")


def _stops(value: Any) -> tuple[str, ...]:
    found = [value] if isinstance(value, str) else [] if value is None else value
    if not isinstance(found, list) or len(found) > MAX_STOPS or not all(map(_is_stop, found)):
        expected = f"up to {MAX_STOPS} texts of 1 to {MAX_STOP} characters"
        raise invalid("stop", f"stop: expected {expected}, found {short(value)}")
    return tuple(found)


def _is_stop(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MAX_STOP
