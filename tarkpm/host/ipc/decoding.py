"""Decoding of data from a worker, which is not trusted."""

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar

import msgspec

from tarkpm.core.shapes import from_json, from_value
from tarkpm.host.ipc.frames import Texts

_T = TypeVar("_T")


class ProtocolError(ValueError):
    """A worker sent something that does not follow the protocol."""


class Arguments(NamedTuple):
    """A host call's arguments as they arrived: JSON, the lengths of its long texts, and the texts."""

    json: msgspec.Raw
    lengths: Sequence[int] = ()
    tail: bytes | bytearray = b""


def decoded(payload: bytearray | msgspec.Raw, shape: type[_T]) -> _T:
    """Return JSON decoded as a ``shape``. Raises `ProtocolError`."""
    try:
        return from_json(payload, shape)
    except msgspec.DecodeError:
        raise ProtocolError(f"an invalid {_name(shape)}") from None


def valued(json: msgspec.Raw, lengths: Sequence[int], tail: bytes | bytearray, shape: type[_T]) -> _T:
    """Return JSON whose long texts are in a tail, decoded as a ``shape``.

    Raises `ProtocolError` and `FrameError`.
    """
    if not lengths and not tail:
        return decoded(json, shape)
    try:
        whole: Any = Texts(lengths, tail).lowered(msgspec.json.decode(json))
        return from_value(whole, shape)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError, RecursionError):
        raise ProtocolError(f"an invalid {_name(shape)}") from None


def _name(shape: Any) -> str:
    return getattr(shape, "__name__", str(shape))
