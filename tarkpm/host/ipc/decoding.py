"""What a worker sent, as what it must be, or `ProtocolError`."""

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar

import msgspec

from tarkpm.host.ipc.frames import Texts

_T = TypeVar("_T")


class ProtocolError(ValueError):
    """Something no worker says: it is not what it should be."""


class Arguments(NamedTuple):
    """A host call's arguments as they arrived: JSON, the lengths of its long texts, and these."""

    json: msgspec.Raw
    lengths: Sequence[int] = ()
    tail: bytes | bytearray = b""


def decoded(payload: bytearray | msgspec.Raw, shape: type[_T]) -> _T:
    """JSON as a ``shape``."""
    try:
        return msgspec.json.decode(payload, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ProtocolError(f"an invalid {_name(shape)}") from None


def valued(json: msgspec.Raw, lengths: Sequence[int], tail: bytes | bytearray, shape: type[_T]) -> _T:
    """JSON whose long texts are in a tail, as a ``shape``. Also raises `FrameError`."""
    if not lengths and not tail:
        return decoded(json, shape)
    try:
        whole: Any = Texts(lengths, tail).lowered(msgspec.json.decode(json))
        return msgspec.convert(whole, type=shape)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError, RecursionError):
        raise ProtocolError(f"an invalid {_name(shape)}") from None


def _name(shape: Any) -> str:
    return getattr(shape, "__name__", str(shape))
