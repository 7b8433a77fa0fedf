"""Decode values as msgspec types, in any thread.

msgspec analyses a Struct when a value is first decoded as one, and other threads see the analysis before it
is complete: a thread that decodes the same Struct in the meantime reads a null pointer, and the process ends
with SIGSEGV (msgspec 0.22). Here each type is analysed completely before it is used (docs/decisions/0145).
"""

import threading
from typing import Any, TypeVar

import msgspec

from tarkpm.core.text import json_flaw

T = TypeVar("T")

_ANALYSING = threading.Lock()
_analysed: set[Any] = set()


def from_json(data: bytes | bytearray | msgspec.Raw, shape: type[T]) -> T:
    """Decode JSON as a ``shape``. Raises `msgspec.DecodeError`."""
    _analyse(shape)
    try:
        return msgspec.json.decode(data, type=shape)
    except (UnicodeDecodeError, RecursionError) as problem:
        # msgspec lets them through, and half of the callers did not expect them.
        raise msgspec.DecodeError(json_flaw(problem)) from problem


def from_value(value: Any, shape: type[T], *, strict: bool = True) -> T:
    """Convert a plain value to a ``shape``. Raises `msgspec.ValidationError`; ``strict`` is msgspec's."""
    _analyse(shape)
    try:
        return msgspec.convert(value, shape, strict=strict)
    except UnicodeEncodeError as problem:
        # `json` reads half of a surrogate pair, also in a key. No field has such a name.
        raise msgspec.ValidationError("a key is not Unicode: it has half of a surrogate pair") from problem


def _analyse(shape: type[Any]) -> None:
    if shape not in _analysed:
        # one lock for all types: two of them may share a third
        with _ANALYSING:
            msgspec.json.Decoder(shape)
            _analysed.add(shape)
