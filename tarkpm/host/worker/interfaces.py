"""The interfaces of package tark:plugin as data, from `wit/*.wit`. A test compares the two."""

from collections.abc import Mapping
from typing import Final

from tarkpm.host.worker.compound import (
    Function,
    InterfaceTypes,
    ListOf,
    OptionOf,
    RecordOf,
    ResultOf,
    TupleOf,
    VariantOf,
)
from tarkpm.host.worker.wit import Bool, Enum, Integer, String

PACKAGE: Final = "tark:plugin/"

STRING: Final = String()

_DONE = ResultOf(None, STRING)
_HEADERS = ListOf(TupleOf(STRING, STRING))
_RESPONSE = ResultOf(
    RecordOf(status=Integer(16), headers=_HEADERS, body=STRING),
    RecordOf(message=STRING, status=OptionOf(Integer(16))),
)
_OUTPUT = RecordOf(exit_code=Integer(32, signed=True), stdout=STRING, stderr=STRING)
_ENTRY = RecordOf(name=STRING, kind=Enum("file", "directory", "other"), size=Integer(64))

IMPORTS: Final[Mapping[str, InterfaceTypes]] = {
    "storage": {
        "get": Function(OptionOf(STRING), key=STRING),
        "set": Function(_DONE, key=STRING, value=STRING),
        "delete": Function(_DONE, key=STRING),
        "list-keys": Function(ListOf(STRING)),
    },
    "http": {
        "get": Function(_RESPONSE, url=STRING, headers=_HEADERS),
        "post": Function(_RESPONSE, url=STRING, body=STRING, headers=_HEADERS),
    },
    "env": {"get": Function(OptionOf(STRING), name=STRING)},
    "log": {level: Function(message=STRING) for level in ("debug", "info", "warn", "error")},
    "shell": {
        "run": Function(
            ResultOf(_OUTPUT, STRING),
            argv=ListOf(STRING),
            stdin=OptionOf(STRING),
            cwd=OptionOf(STRING),
            timeout_ms=OptionOf(Integer(32)),
        ),
    },
    "filesystem": {
        "read": Function(ResultOf(STRING, STRING), path=STRING),
        "write": Function(_DONE, path=STRING, content=STRING),
        "list": Function(ResultOf(ListOf(_ENTRY), STRING), path=STRING),
        "stat": Function(ResultOf(_ENTRY, STRING), path=STRING),
        "remove": Function(_DONE, path=STRING),
    },
    "clock": {"now": Function(Integer(64)), "monotonic": Function(Integer(64))},
    "random": {"bytes": Function(ListOf(Integer(8)), count=Integer(32)), "number": Function(Integer(64))},
}
"""The functions that tark provides to a plugin, by interface."""

_TOOL = RecordOf(name=STRING, description=STRING, parameters_schema=STRING)
_TOOL_RESULT = RecordOf(success=Bool(), output=STRING, error=OptionOf(STRING))
_RISK = Enum("read-only", "write", "risky", "dangerous")

_DEVICE_CODE = RecordOf(
    device_code=STRING,
    user_code=STRING,
    verification_url=STRING,
    expires_in=Integer(64),
    interval=Integer(64),
)
_POLL = VariantOf(pending=None, success=STRING, expired=None, error=STRING)

_MESSAGE = RecordOf(role=Enum("system", "user", "assistant", "tool"), content=STRING)
_USAGE = RecordOf(input_tokens=Integer(32), output_tokens=Integer(32))
_CHAT = RecordOf(text=STRING, usage=OptionOf(_USAGE))

_OUTCOME = VariantOf(**{"continue": None, "replace": STRING, "stop": STRING})

EXPORTS: Final[Mapping[str, InterfaceTypes]] = {
    "tool": {
        "get-tools": Function(ListOf(_TOOL)),
        "get-risk-level": Function(_RISK, tool_name=STRING),
        "execute": Function(_TOOL_RESULT, tool_name=STRING, arguments=STRING),
    },
    "auth": {
        "display-name": Function(STRING),
        "status": Function(Enum("not-authenticated", "authenticated", "expired")),
        "start-device-flow": Function(ResultOf(_DEVICE_CODE, STRING)),
        "poll": Function(_POLL, device_code=STRING),
        "get-token": Function(ResultOf(STRING, STRING)),
        "logout": Function(_DONE),
    },
    "provider": {
        "name": Function(STRING),
        "models": Function(ListOf(STRING)),
        "chat": Function(ResultOf(_CHAT, STRING), messages=ListOf(_MESSAGE), model=STRING),
    },
    "hook": {
        "events": Function(ListOf(STRING)),
        "handle": Function(_OUTCOME, event=STRING, payload=STRING),
    },
}
"""The functions that a plugin of each type exports, in the interface ``<type>-plugin``."""
