"""package tark:plugin as data: `wit/*.wit`, function by function. A test compares the two."""

from collections.abc import Mapping
from typing import Final

from tarkpm.host.worker.wit import (
    Enum,
    Function,
    Integer,
    Interface,
    ListOf,
    OptionOf,
    Plain,
    RecordOf,
    TupleOf,
    result,
)

PACKAGE: Final = "tark:plugin/"

STRING: Final = Plain("string", str)
BOOL: Final = Plain("bool", bool)

_DONE = result(None, STRING)
_HEADERS = ListOf(TupleOf(STRING, STRING))
_RESPONSE = result(
    RecordOf(status=Integer(16), headers=_HEADERS, body=STRING),
    RecordOf(message=STRING, status=OptionOf(Integer(16))),
)

IMPORTS: Final[Mapping[str, Interface]] = {
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
}

_TOOL = RecordOf(name=STRING, description=STRING, parameters_schema=STRING)
_TOOL_RESULT = RecordOf(success=BOOL, output=STRING, error=OptionOf(STRING))
_RISK = Enum("read-only", "write", "risky", "dangerous")

EXPORTS: Final[Mapping[str, Interface]] = {
    "tool": {
        "get-tools": Function(ListOf(_TOOL)),
        "get-risk-level": Function(_RISK, tool_name=STRING),
        "execute": Function(_TOOL_RESULT, tool_name=STRING, arguments=STRING),
    },
}
"""What a plugin of each type exports, as interface ``<type>-plugin``."""
