"""Recorded calls of tools, and the world in which one of them can be made again. Pure.

A record holds no secret: what could be one is stars of the same length (`ops.run.recorder`). So a plugin that
builds a URL from a variable asks for the same URL in a replay as in the record.
"""

import shlex
from typing import Annotated, Any, Final

import msgspec

from tarkpm.core import home_path
from tarkpm.core.asked import asked
from tarkpm.core.capability import Capability, CapabilitySet
from tarkpm.core.case import MAX_CLOCK, CannedAnswer, CannedRun, Case, split_request
from tarkpm.core.home_path import HOME

VERSION: Final = 1
_MAX_STAND_INS: Final = 1_000
_MAX_BYTES: Final = 4 * 1024 * 1024
"""Files of which only the size is recorded, and bytes of all of them; further ones are missing or empty."""


class RecordedHostCall(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A host call that was answered. ``args`` and ``answer`` are the JSON forms of the WIT values."""

    interface: str
    function: str
    args: list[Any]
    answer: Any


class RecordedCall(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One call of a tool, with what it asked its host for, without secrets.

    ``at`` is in milliseconds since the epoch; ``module`` is the digest of the code that ran. ``error`` is the
    message of a call that failed. ``left_out`` says why a call is not recorded but for its tool; "" if it is.
    """

    at: Annotated[int, msgspec.Meta(ge=0, le=MAX_CLOCK)]
    module: str
    tool: str
    arguments: str = ""
    output: str = ""
    error: str | None = None
    host_calls: tuple[RecordedHostCall, ...] = ()
    left_out: str = ""
    version: int = VERSION


def case_of(call: RecordedCall) -> tuple[Case, CapabilitySet]:
    """Return the case that makes a call again in its recorded world, and the capabilities it then needs.

    A host call that makes no sense is left out, as a plugin that asks for it again will notice.
    """
    ground = _Ground()
    needed: list[Capability] = []
    for one in call.host_calls:
        ground.add(one)
        if (capability := _asked(one)) is not None:
            needed.append(capability)
    return ground.case(call), CapabilitySet.of(needed)


def _asked(call: RecordedHostCall) -> Capability | None:
    try:
        return asked(call.interface, call.function, call.args)
    except (TypeError, LookupError, AttributeError):  # a record that was edited by hand
        return None


class _Ground:
    """What the recorded host calls show of the world they were made in."""

    def __init__(self) -> None:
        self.env: dict[str, str] = {}
        self.files: dict[str, str] = {}
        self.storage: dict[str, str] = {}
        self.http: dict[str, list[CannedAnswer]] = {}
        self.shell: dict[str, CannedRun] = {}
        self._stand_ins: dict[str, str] = {}
        self._changed: set[str] = set()
        self._left = _MAX_BYTES

    def case(self, call: RecordedCall) -> Case:
        return Case(
            call=call.tool,
            arguments=call.arguments,
            clock=call.at,
            env=self.env,
            files=self._stand_ins | self.files,
            storage={key: text for key, text in self.storage.items() if key},
            http={url: list(answers) for url, answers in self.http.items()},
            shell=self.shell,
        )

    def add(self, call: RecordedHostCall) -> None:
        """Add what one host call shows. Only the first look at what the call itself changes later counts."""
        match call.interface, call.function, call.args, call.answer:
            case "http", ("get" | "post") as method, [str(url), *_], dict(answer):
                self._add_http(f"{method.upper()} {url}", answer)
            case "env", "get", [str(name)], str(value):
                self.env[name] = value
            case "shell", "run", [list(argv), *_], {"ok": {"exit-code": int(code), **streams}}:
                words = (str(word) for word in argv)
                out, err = (str(streams.get(name, "")) for name in ("stdout", "stderr"))
                self.shell[shlex.join(words)] = CannedRun(code, out, err)
            case "fs", "read", [str(path)], {"ok": str(text)}:
                self._add_home(path, text)
            case "filesystem", function, [str(path), *_], {"ok": found}:
                self._add_file(function, path, found)
            case "storage", function, args, answer:
                self._add_stored(function, args, answer)

    def _add_stored(self, function: str, args: list[Any], answer: Any) -> None:
        match function, args, answer:
            case "get", [str(key)], str(text) if key not in self._changed:
                self.storage.setdefault(key, text)
            case "list-keys", _, list(keys):
                for key in keys:
                    if isinstance(key, str) and key not in self._changed:
                        self.storage.setdefault(key, "")
            case _, [str(key), *_], _:
                self._changed.add(key)

    def _add_http(self, request: str, answer: dict[str, Any]) -> None:
        try:
            method, url = split_request(request)
        except ValueError:  # refused before it was sent, or its host was masked
            return
        match answer:
            case {"ok": {"status": int(status), "headers": list(headers), "body": str(body)}}:
                pairs = {str(name): str(value) for name, value in headers}
                canned = CannedAnswer(status=status, headers=pairs, body=body)
            case {"err": {"message": str(message)}}:
                # The request says its place again.
                origin = "/".join(url.split("/")[:3])
                canned = CannedAnswer(error=message.removeprefix(f"{origin}: ") or "failed")
            case _:
                return
        self.http.setdefault(f"{method} {url}", []).append(canned)

    def _add_home(self, path: str, text: str) -> None:
        try:
            name = home_path.normalize_file(path)
        except ValueError:
            return
        self.files.setdefault(name if name.startswith(HOME) else HOME + name, text)

    def _add_file(self, function: str, path: str, found: Any) -> None:
        plain = path.removeprefix("./").removesuffix("/")
        match function, found:
            case "read", str(text) if plain not in self._changed:
                self.files.setdefault(plain, text)
            case "write", _:
                self._changed.add(plain)
                self._stand_ins.setdefault(plain, "")  # for its folder, which must be there
            case "remove", _:
                self._changed.add(plain)
                self._stand_ins.setdefault(plain, "")
            case "stat", {"kind": str(kind), "size": int(size)}:
                self._stand_in(plain, kind, size)
            case "list", list(entries):
                for entry in entries:
                    match entry:
                        case {"name": str(name), "kind": str(kind), "size": int(size)}:
                            self._stand_in(f"{plain}/{name}", kind, size)

    def _stand_in(self, path: str, kind: str, size: int) -> None:
        if len(self._stand_ins) >= _MAX_STAND_INS:
            return
        if kind == "directory":
            self._stand_ins.setdefault(f"{path}/.recorded", "")
        elif kind == "file" and path not in self._changed:
            bytes_ = size if 0 <= size <= self._left else 0
            self._left -= bytes_
            self._stand_ins.setdefault(path, " " * bytes_)
