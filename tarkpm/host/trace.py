"""Traces of host calls, with secrets masked (docs/trust-rules.md, rule 11).

A plugin's host calls carry tokens in headers, bodies, storage and the environment. A `TracedCall` is masked
when it is created, so that it can be shown (`shown`) or kept in a file (`recorded`) without further care.
Values are masked by place (some headers, environment values, random bytes, longer storage values) and, in
URLs, bodies and other text, by name: the values of ``…token…``, ``…secret…`` and the like.
"""

from collections.abc import Callable
from typing import Any, Final, Literal

import msgspec

from tarkpm.core.patterns import lazy_pattern
from tarkpm.core.text import neutral

SHORT: Final = 16
"""Storage values of up to this many characters are shown, unless their key looks like that of a secret."""
MAX_SHOWN: Final = 400
"""Maximum characters of the arguments, and of the answer, in a line to show."""

SECRET_HEADERS: Final = frozenset(
    {"authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key", "api-key", "x-goog-api-key"}
)
# Every repetition before the value is bounded, so that matching a hostile text takes linear time.
_NAMED: Final = lazy_pattern(
    r"""(?ix)
    ( (?: token | secret | password | passwd | api[-_]?key | credential | assertion
        | device_code | code_verifier | authorization | cookie ) [\w-]{0,40}
      \\? ["']? \s{0,4} [=:] \s{0,4} \\? ["']? )
    ( (?: bearer\s )? (?: \\. | [^"'&\s,;}\\] )+ )
    """
)
_SECRET_NAME: Final = lazy_pattern(
    r"(?i)token|secret|passw|api[-_]?key|credential|auth|verifier|device[-_]?code|cookie"
)
_USER_INFO: Final = lazy_pattern(r"(://)([^/@\s]{1,500})(?=@)")


class TracedCall(msgspec.Struct, frozen=True):
    """One host call of one plugin, masked. ``args`` and ``answer`` are the JSON forms of the WIT values."""

    plugin: str
    interface: str
    function: str
    args: list[Any]
    outcome: Literal["answered", "failed", "refused", "unavailable"]
    answer: Any
    milliseconds: float


Trace = Callable[[TracedCall], None]

Hide = Callable[[str, str], str]
"""Return what stands for a secret; the unit is that of its length, "" for one that was found by its name."""


def shown(call: TracedCall) -> str:
    """Return one printable line: ``http.get("https://…", []) -> {…}  12.3 ms``."""
    args = ", ".join(_json(arg) for arg in call.args)
    head = f"{call.interface}.{call.function}({neutral(args, limit=MAX_SHOWN)})"
    if call.outcome in ("refused", "unavailable"):
        return f"{head} {call.outcome}"
    return f"{head} -> {neutral(_json(call.answer), limit=MAX_SHOWN)}  {call.milliseconds:.1f} ms"


def recorded(call: TracedCall) -> bytes:
    """Return one line of JSON with its line break, as ``--record`` writes it."""
    return msgspec.json.encode(call) + b"\n"


def shape(value: str | list[Any], unit: str) -> str:
    """Return what stands for a secret in a trace. A `Hide`."""
    return f"‹{len(value):,} {unit}›" if unit else "‹masked›"


def masked_args(interface: str, function: str, args: tuple[Any, ...], hide: Hide = shape) -> list[Any]:
    """Return a host call's arguments with secrets masked."""
    match interface, function, args:
        case "storage", "set", (key, value):
            return [key, _stored(key, value, hide)]
        case "http", _, (url, *body, headers):
            return [*(_masked(text, hide) for text in (url, *body)), _headers(headers, hide)]
        case "ws", "connect", (url, headers):
            return [_masked(url, hide), _headers(headers, hide)]
    return [_masked(arg, hide) for arg in args]


def masked_answer(
    interface: str, function: str, answer: Any, args: tuple[Any, ...] = ("",), hide: Hide = shape
) -> Any:
    """Return the answer to a host call with these arguments, with secrets masked."""
    match interface, function, answer:
        case "storage", "get", str():
            return _stored(args[0], answer, hide)
        case "env", _, str():
            return hide(answer, "characters")
        case "fs", "read", {"ok": str(text)}:  # files in a home folder that plugins read mostly hold tokens
            return {"ok": hide(text, "characters")}
        case "random", "bytes", list():
            return shape(answer, "bytes")
        case "random", _, _:
            return "‹a number›"
        case "http", _, {"ok": {"status": status, "headers": headers, "body": body}}:
            shown = {"status": status, "headers": _headers(headers, hide), "body": _masked(body, hide)}
            return {"ok": shown}
    return _masked(answer, hide)


def masked_text(text: str, hide: Hide = shape) -> str:
    """Return other text of a plugin with secrets masked by name, and user information in URLs."""
    found: str = _masked(text, hide)
    return found


def _stored(key: str, value: str, hide: Hide) -> str:
    is_shown = len(value) <= SHORT and not _SECRET_NAME.search(key)
    return value if is_shown else hide(value, "characters")


def _headers(headers: list[Any], hide: Hide) -> list[Any]:
    return [
        [name, hide(value, "characters") if name.lower() in SECRET_HEADERS else _masked(value, hide)]
        for name, value in headers
    ]


def _masked(value: Any, hide: Hide) -> Any:
    """Return a JSON value in which the values of secret names, and user information in URLs, are masked."""
    # User information first: a password in a URL has no name by which it could be found.
    if isinstance(value, str):
        value = _USER_INFO.sub(lambda found: found[1] + hide(found[2], ""), value)
        return _NAMED.sub(lambda found: found[1] + hide(found[2], ""), value)
    if isinstance(value, list | tuple):
        return [_masked(item, hide) for item in value]
    if isinstance(value, dict):
        return {key: _masked(item, hide) for key, item in value.items()}
    return value


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
