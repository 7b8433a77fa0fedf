"""Read a case of `tarkpm test`: one TOML file, described in docs/sdk/testing.md. Pure."""

import shlex
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, get_args

import msgspec
from msgspec import UNSET, UnsetType

from tarkpm.core.capability import Capability, CapabilitySet
from tarkpm.core.case_calls import ChannelCall, ChatCall, HookCall, PollCall, check_auth, check_channel
from tarkpm.core.document import convert, parse_toml
from tarkpm.core.name_similarity import did_you_mean
from tarkpm.core.text import EMPTY
from tarkpm.core.toml_scan import Keys
from tarkpm.core.urls import parse as parse_url
from tarkpm.errors import CaseError

MAX_CASE: Final = 1 << 20
"""Bytes of a case."""
EPOCH: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""The time of a case that sets none."""
MAX_CLOCK: Final = 253_402_300_799_999
"""The last millisecond of the year 9999, the last one that RFC 3339 can write."""
METHODS: Final = ("GET", "POST")
_MEANT: Final = {"args": "arguments", "params": "arguments", "input": "arguments"}
"""What other tools call a key, too far from its name for a mistyped one."""


class CannedAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The answer to an HTTP request. ``error`` makes the request fail instead.

    ``sent`` is a part of the body that must be sent, compared as `Expected.contains`, and ``sent_headers``
    are headers that must be sent.
    """

    status: int = 200
    headers: dict[str, str] = {}
    body: str = ""
    json: Any = UNSET
    error: str = ""
    sent: Any = UNSET
    sent_headers: dict[str, str] = {}

    @property
    def text(self) -> str:
        """Return the body."""
        return self.body if self.json is UNSET else msgspec.json.encode(self.json).decode()


class CannedRun(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The outcome of a program that `shell` runs."""

    exit_code: int = 0
    stdout: str = ""
    stderr: str = ""


class Expected(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a case expects. A case that expects no ``error`` and no ``refused`` expects success.

    ``result`` is the whole output and ``contains`` a part of it; both are compared as JSON where the output
    is JSON. ``error`` is a part of the message. ``refused`` are capabilities that must be asked for and
    denied. ``files`` and ``storage`` are contents afterwards, false for what must not be there.
    """

    result: Any = UNSET
    contains: Any = UNSET
    error: str | UnsetType = UNSET
    refused: str | list[str] = []
    files: dict[str, str | bool] = {}
    storage: dict[str, str | bool] = {}

    @property
    def denied(self) -> tuple[Capability, ...]:
        """Return the capabilities of ``refused``. Raises `ValueError`."""
        texts = [self.refused] if isinstance(self.refused, str) else self.refused
        return tuple(map(Capability.parse, texts))


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One call into a plugin, the world it is made in, and what is expected of it.

    Exactly one of ``call``, ``chat``, ``hook``, ``auth`` and ``channel`` is set. ``grant`` replaces what
    plugin.toml declares. ``random`` is the seed of `tark:plugin/random`.
    """

    call: str = ""
    arguments: Any = {}
    chat: ChatCall | None = None
    hook: HookCall | None = None
    auth: str | PollCall = ""
    channel: str | ChannelCall = ""
    grant: list[str] | None = None
    clock: datetime | int = EPOCH
    random: int = 0
    env: dict[str, str] = {}
    files: dict[str, str] = {}
    storage: dict[str, str] = {}
    http: dict[str, CannedAnswer | list[CannedAnswer]] = {}
    shell: dict[str, CannedRun] = {}
    expect: Expected = Expected()

    @property
    def plugin_type(self) -> str:
        """Return the type of the plugins that it calls."""
        if self.call:
            return "tool"
        if self.chat is not None:
            return "provider"
        if self.hook is not None:
            return "hook"
        return "auth" if self.auth else "channel"

    @property
    def milliseconds(self) -> int:
        """Return the time of the case, since 1970. A time without a zone is UTC."""
        if isinstance(self.clock, int):
            return self.clock
        zoned = self.clock if self.clock.tzinfo else self.clock.replace(tzinfo=UTC)
        return int(zoned.timestamp() * 1000)

    @property
    def arguments_text(self) -> str:
        """Return the arguments as JSON text; a string is that text itself, which need not be JSON."""
        if isinstance(self.arguments, str):
            return self.arguments
        return msgspec.json.encode(self.arguments).decode()

    def granted(self, declared: CapabilitySet) -> CapabilitySet:
        """Return what the plugin is granted. Raises `ValueError` for more than it declares."""
        if self.grant is None:
            return declared
        chosen = CapabilitySet.of(map(Capability.parse, self.grant))
        if beyond := chosen.beyond(declared):
            raise ValueError(f"'{beyond.items[0]}' is not declared in plugin.toml")
        return chosen


def parse_case(data: bytes, *, where: str) -> Case:
    """Read a case. Raises `CaseError` with ``where`` and the key."""
    table = parse_toml(data, where=where, error=CaseError, limit=MAX_CASE)
    answers = _each(table, "http", CannedAnswer | list[CannedAnswer], where)
    runs = _each(table, "shell", CannedRun, where)
    _refuse_unknown(table.get("expect"), Expected, where, ("expect",))
    case: Case = _converted({**table, "http": {}, "shell": {}}, Case, where, ())
    case = msgspec.structs.replace(case, http=answers, shell=runs)
    asked = [key for key in ("call", "chat", "hook", "auth", "channel") if getattr(case, key)]
    if len(asked) != 1:
        found = " and ".join(asked) or "none"
        raise CaseError(f"expected one of call, chat, hook, auth and channel, found {found}", where=where)
    for path, check in _checks(case):
        try:
            check()
        except ValueError as problem:
            raise _error(str(problem), where, path) from None
    return case


def _each(table: dict[str, Any], name: str, shape: Any, where: str) -> dict[str, Any]:
    """Return the entries of a table, each converted by itself, so that an error names its key."""
    entries = table.get(name, {})
    if not isinstance(entries, dict):
        raise _error("expected a table, found something else", where, (name,))
    return {key: _converted(value, shape, where, (name, key)) for key, value in entries.items()}


def _converted(value: Any, shape: Any, where: str, path: Keys) -> Any:
    _refuse_unknown(value, shape, where, path)
    try:
        return convert(value, shape, where="", error=CaseError)
    except CaseError as problem:
        below = problem.where.removeprefix(": ")
        raise _error(problem.message, where, (*path, *(below.split(".") if below else ()))) from None


def _refuse_unknown(value: Any, shape: Any, where: str, path: Keys) -> None:
    """Raise `CaseError` at a key that the shape has not: the error of a conversion names the table above."""
    shapes = [shape] if isinstance(shape, type) else list(get_args(shape))
    for one in shapes:
        if isinstance(value, dict) and isinstance(one, type) and issubclass(one, msgspec.Struct):
            known = [field.encode_name for field in msgspec.structs.fields(one)]
            for key in (key for key in value if key not in known):
                text = f"'{key[:40]}' is not a known key{did_you_mean(_MEANT.get(key, key[:40]), known)}"
                raise _error(text, where, (*path, key))


def _error(message: str, where: str, path: Keys) -> CaseError:
    return CaseError(message, path=path, where=f"{where}: {'.'.join(path)}" if path else where)


def split_request(key: str) -> tuple[str, str]:
    """Return the method ("" for any) and the URL of a key of ``[http]``. Raises `ValueError`.

    >>> split_request("POST https://api.example.com/v1?x=1")
    ('POST', 'https://api.example.com/v1?x=1')
    """
    method, blank, url = key.partition(" ")
    if not blank:
        method, url = "", key
    if method and method not in METHODS:
        raise ValueError(f"expected GET or POST, found {method[:20]!r}")
    return method, parse_url(url).url


def _check_json(value: Any) -> None:
    """Raise `ValueError` for a value that TOML has and JSON has not."""
    if isinstance(value, dict):
        for item in value.values():
            _check_json(item)
    elif isinstance(value, list):
        for item in value:
            _check_json(item)
    elif not isinstance(value, str | int | float | bool | None | UnsetType) or value != value:  # noqa: PLR0124  nan
        raise ValueError(f"expected a value that JSON has, found {value}")


def _check_http(key: str, answer: CannedAnswer | list[CannedAnswer]) -> None:
    split_request(key)
    if answer == []:
        raise ValueError("expected an answer, found an empty list")
    for one in answer if isinstance(answer, list) else [answer]:
        _check_json(one.json)
        _check_json(one.sent)
        if not 100 <= one.status <= 599:
            raise ValueError(f"expected a status from 100 to 599, found {one.status}")


def _check_range(number: int, least: int, most: int) -> None:
    if not least <= number <= most:
        raise ValueError(f"expected a number from {least} to {most}, found {str(number)[:40]}")


def _check_line(line: str) -> None:
    try:
        shlex.split(line)
    except ValueError:
        raise ValueError("expected words as in a shell, found a quotation that does not end") from None


def _check_text(text: str | UnsetType) -> None:
    if text == "":
        raise ValueError(EMPTY)


def _check_content(text: str | bool) -> None:
    if text is True:
        raise ValueError("expected a text, or false for what must not exist, found true")


def _checks(case: Case) -> Iterator[tuple[Keys, Callable[[], object]]]:
    """Yield what is checked beyond types, each with its key."""
    expect = case.expect
    yield ("arguments",), lambda: _check_json(case.arguments)
    yield ("hook", "payload"), lambda: _check_json(case.hook.payload if case.hook else None)
    yield ("clock",), lambda: _check_range(case.milliseconds, 0, MAX_CLOCK)
    yield ("auth",), lambda: check_auth(case.auth)
    yield ("channel",), lambda: check_channel(case.channel)
    if isinstance(case.channel, ChannelCall):
        yield ("channel", "authenticate"), partial(_check_json, case.channel.authenticate)
        yield ("channel", "event"), partial(_check_json, case.channel.event)
    yield ("grant",), lambda: [Capability.parse(text) for text in case.grant or ()]
    for key, answer in case.http.items():
        yield ("http", key), partial(_check_http, key, answer)
    for line, run in case.shell.items():
        yield ("shell", line), partial(_check_line, line)
        yield ("shell", line, "exit_code"), partial(_check_range, run.exit_code, -(1 << 31), (1 << 31) - 1)
    for name in ("files", "storage"):
        for key, text in getattr(expect, name).items():
            yield ("expect", name, key), partial(_check_content, text)
    yield ("expect", "refused"), lambda: expect.denied
    yield ("expect", "result"), lambda: _check_json(expect.result)
    yield ("expect", "contains"), lambda: _check_json(expect.contains)
    yield ("expect", "error"), lambda: _check_text(expect.error)
