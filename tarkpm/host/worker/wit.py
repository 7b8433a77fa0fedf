"""The types of package tark:plugin, and the conversion of their values between JSON and wasmtime's C values.

This module has the plain types; `compound` has those that contain others.

A type has its text (compared with a component's declarations, because wasmtime does not check host functions
when it links), `lift` (from a guest's C value to JSON) and `lower` (from JSON to a C value for the guest).
wasmtime-py's own conversion looks up every type again in each call, which took more than half of a call, and
wraps integers silently. Here a signature is compared once, at load, and values are then read and written
directly. Both directions still check every value.

Ownership: `lift` copies and frees nothing. `lower` keeps the value valid at every moment, so that the owner
of the outermost value can delete it after a failure in the middle.

JSON forms: a record is an object with the WIT's field names, a tuple is a list, an enum its case, an option
its value or null, a result ``{"ok": …}`` or ``{"err": …}``, a variant ``{case: payload or null}``,
``list<u8>`` a list of numbers.
"""

import ctypes
from typing import Any

from wasmtime import _ffi as ffi

from tarkpm.host.ipc.frames import HOISTED, LONG, Texts

_NUL = HOISTED.encode()
Value = ffi.wasmtime_component_val_t
_KIND = {
    name: getattr(ffi, f"WASMTIME_COMPONENT_{name}").value
    for name in (
        "BOOL", "U8", "U16", "U32", "U64", "S32",
        "STRING", "LIST", "RECORD", "TUPLE", "VARIANT", "ENUM", "OPTION", "RESULT",
    )
}  # fmt: skip

# wasmtime-py's own prototype does not accept `bytes`, so every string would be copied once more.
_new_string = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p)(
    ("wasm_byte_vec_new", ffi.dll)
)


class Mismatch(ValueError):
    """A value does not match its type."""


class TooMuch(ValueError):
    """A call passes more text than the limit allows."""


class Meter:
    """The remaining bytes of text of one call. Long texts are collected in ``texts``."""

    def __init__(self, left: int) -> None:
        self._left = left
        self.texts = Texts()

    def charge(self, size: int) -> None:
        """Count ``size`` bytes of text. Raises `TooMuch`."""
        self._left -= size + 1  # one more for each, so that a long list of empty texts reaches the limit
        if self._left < 0:
            raise TooMuch


class Type:
    """A WIT type: its text, and the tag of its C values."""

    def __init__(self, text: str, kind: str) -> None:
        self.text = text
        self._kind = _KIND[kind]

    def lift(self, value: Any, meter: Meter) -> Any:
        """Return the JSON form of a C value. Raises `Mismatch` and `TooMuch`."""
        if value.kind != self._kind:  # otherwise the union would be read as another type
            raise Mismatch(f"expected {self.text}, found a value of kind {value.kind}")
        return self._read(value.of, meter)

    def lower(self, json: Any, value: Any) -> None:
        """Write JSON into a C value that owns nothing yet. Raises `Mismatch`."""
        raise NotImplementedError

    def _read(self, of: Any, meter: Meter) -> Any:
        raise NotImplementedError

    def _refuse(self, json: Any) -> Mismatch:
        return Mismatch(f"expected {self.text}, found {type(json).__name__}")


class Bool(Type):
    """A WIT bool."""

    def __init__(self) -> None:
        super().__init__("bool", "BOOL")

    def _read(self, of: Any, meter: Meter) -> bool:  # noqa: ARG002  # no text
        return bool(of.boolean)

    def lower(self, json: Any, value: Any) -> None:
        """As in `Type`."""
        if type(json) is not bool:
            raise self._refuse(json)
        value.kind = self._kind
        value.of.boolean = json


class Integer(Type):
    """An integer of ``bits`` bits."""

    def __init__(self, bits: int, *, signed: bool = False) -> None:
        self._field = f"{'s' if signed else 'u'}{bits}"
        super().__init__(self._field, self._field.upper())
        least = -(1 << bits - 1) if signed else 0
        self._range = range(least, least + (1 << bits))

    def _read(self, of: Any, meter: Meter) -> int:  # noqa: ARG002  # no text
        number: int = getattr(of, self._field)
        return number

    def lower(self, json: Any, value: Any) -> None:
        """As in `Type`."""
        if type(json) is not int:
            raise self._refuse(json)
        if json not in self._range:
            raise Mismatch(f"expected {self.text}, found {json}")
        value.kind = self._kind
        setattr(value.of, self._field, json)


class String(Type):
    """A WIT string. Long texts are lifted into the `Meter`."""

    def __init__(self) -> None:
        super().__init__("string", "STRING")

    def _read(self, of: Any, meter: Meter) -> str:
        encoded = read_text(of.string, meter)
        if len(encoded) >= LONG or encoded.startswith(_NUL):
            return meter.texts.hoist(encoded)
        return encoded.decode()

    def lower(self, json: Any, value: Any) -> None:
        """As in `Type`."""
        if type(json) is not str:
            raise self._refuse(json)
        write_text(value.of.string, json)
        value.kind = self._kind


class Enum(Type):
    """A WIT enum."""

    def __init__(self, *cases: str) -> None:
        super().__init__(f"enum{{{', '.join(cases)}}}", "ENUM")
        self._cases = cases

    def _read(self, of: Any, meter: Meter) -> str:
        return read_text(of.enumeration, meter).decode()

    def lower(self, json: Any, value: Any) -> None:
        """As in `Type`."""
        if json not in self._cases:
            raise Mismatch(f"expected {self.text}, found {json!r}")
        write_text(value.of.enumeration, json)
        value.kind = self._kind


def read_text(raw: Any, meter: Meter) -> bytes:
    """Return a C string's bytes, which wasmtime has checked to be UTF-8."""
    size = raw.size
    meter.charge(size)
    return ctypes.string_at(raw.data, size) if size else b""


def write_text(raw: Any, text: str) -> None:
    """Write a text into a C string that owns nothing yet."""
    encoded = text.encode()
    _new_string(ctypes.addressof(raw), len(encoded), encoded)
