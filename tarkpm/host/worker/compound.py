"""The types of package tark:plugin that contain other types. See `wit` for the rules of all types."""

import ctypes
from collections.abc import Mapping
from typing import Any

from wasmtime import _ffi as ffi

from tarkpm.host.worker.wit import Meter, Mismatch, Type, Value, read_text, write_text

_SIZE = ctypes.sizeof(Value)
_ENTRY_SIZE = ctypes.sizeof(ffi.wasmtime_component_valrecord_entry_t)
_NEW = {
    "list": ffi.wasmtime_component_vallist_new_uninit,
    "tuple": ffi.wasmtime_component_valtuple_new_uninit,
    "record": ffi.wasmtime_component_valrecord_new_uninit,
}


class ListOf(Type):
    """A WIT list."""

    def __init__(self, element: Type) -> None:
        super().__init__(f"list<{element.text}>", "LIST")
        self._element = element

    def _read(self, of: Any, meter: Meter) -> list[Any]:
        items, lift = of.list, self._element.lift
        found, data = [], items.data
        for index in range(items.size):
            meter.charge(0)
            found.append(lift(data[index], meter))
        return found

    def lower(self, json: Any, value: Any) -> None:
        """As in `Type`."""
        if type(json) is not list:
            raise self._refuse(json)
        data = _many(value, self._kind, "list", len(json))
        for index, item in enumerate(json):
            self._element.lower(item, data[index])


class TupleOf(Type):
    """A WIT tuple."""

    def __init__(self, *elements: Type) -> None:
        super().__init__(f"tuple<{', '.join(e.text for e in elements)}>", "TUPLE")
        self._elements = elements

    def _read(self, of: Any, meter: Meter) -> list[Any]:
        items = of.tuple
        if items.size != len(self._elements):
            raise Mismatch(f"expected {self.text}, found {items.size} elements")
        return [element.lift(items.data[index], meter) for index, element in enumerate(self._elements)]

    def lower(self, json: Any, value: Any) -> None:
        """As in `Type`."""
        if type(json) is not list or len(json) != len(self._elements):
            raise self._refuse(json)
        data = _many(value, self._kind, "tuple", len(json))
        for index, element in enumerate(self._elements):
            element.lower(json[index], data[index])


class RecordOf(Type):
    """A WIT record; underscores in the names of ``fields`` stand for hyphens."""

    def __init__(self, **fields: Type) -> None:
        self._fields = {name.replace("_", "-"): field for name, field in fields.items()}
        text = ", ".join(f"{name}: {field.text}" for name, field in self._fields.items())
        super().__init__(f"record{{{text}}}", "RECORD")

    def _read(self, of: Any, meter: Meter) -> dict[str, Any]:
        items = of.record
        if items.size != len(self._fields):
            raise Mismatch(f"expected {self.text}, found {items.size} fields")
        # By position: wasmtime keeps the order of the WIT, and the names were compared at load.
        return {
            name: field.lift(items.data[index].val, meter)
            for index, (name, field) in enumerate(self._fields.items())
        }

    def lower(self, json: Any, value: Any) -> None:
        """As in `Type`."""
        if type(json) is not dict or json.keys() != self._fields.keys():
            raise self._refuse(json)
        data = _many(value, self._kind, "record", len(json))
        for index, (name, field) in enumerate(self._fields.items()):
            write_text(data[index].name, name)
            field.lower(json[name], data[index].val)


class VariantOf(Type):
    """A WIT variant; a case of type None has no payload."""

    def __init__(self, **cases: Type | None) -> None:
        self._cases = {name.replace("_", "-"): case for name, case in cases.items()}
        text = ", ".join(name + (f"({case.text})" if case else "") for name, case in self._cases.items())
        super().__init__(f"variant{{{text}}}", "VARIANT")

    def _read(self, of: Any, meter: Meter) -> dict[str, Any]:
        tag = read_text(of.variant.discriminant, meter).decode()
        if tag not in self._cases:
            raise Mismatch(f"expected {self.text}, found case {tag!r}")
        case = self._cases[tag]
        return {tag: None if case is None else case.lift(of.variant.val.contents, meter)}

    def lower(self, json: Any, value: Any) -> None:
        """As in `Type`."""
        tag, payload = _only(json)
        if tag not in self._cases:
            raise self._refuse(json)
        write_text(value.of.variant.discriminant, tag)
        value.of.variant.val = None
        value.kind = self._kind
        case = self._cases[tag]
        if case is not None:
            value.of.variant.val = _box()
            case.lower(payload, value.of.variant.val.contents)


class ResultOf(Type):
    """A WIT result; ``ok`` None has no payload."""

    def __init__(self, ok: Type | None, err: Type) -> None:
        super().__init__(f"result<{ok.text if ok else '_'}, {err.text}>", "RESULT")
        self._cases = {"ok": ok, "err": err}

    def _read(self, of: Any, meter: Meter) -> dict[str, Any]:
        tag = "ok" if of.result.is_ok else "err"
        case = self._cases[tag]
        return {tag: None if case is None else case.lift(of.result.val.contents, meter)}

    def lower(self, json: Any, value: Any) -> None:
        """As in `Type`."""
        tag, payload = _only(json)
        if tag not in self._cases:
            raise self._refuse(json)
        value.of.result.is_ok = tag == "ok"
        value.of.result.val = None
        value.kind = self._kind
        case = self._cases[tag]
        if case is not None:
            value.of.result.val = _box()
            case.lower(payload, value.of.result.val.contents)


class OptionOf(Type):
    """An option of any type but another option, for which null would be ambiguous. tark has none."""

    def __init__(self, inside: Type) -> None:
        super().__init__(f"option<{inside.text}>", "OPTION")
        self._inside = inside

    def _read(self, of: Any, meter: Meter) -> Any:
        return self._inside.lift(of.option.contents, meter) if of.option else None

    def lower(self, json: Any, value: Any) -> None:
        """As in `Type`."""
        value.of.option = None
        value.kind = self._kind
        if json is not None:
            value.of.option = _box()
            self._inside.lower(json, value.of.option.contents)


def _only(json: Any) -> tuple[str, Any]:
    """Return the case and the payload of a variant's JSON; the case "" if it is not a variant."""
    if type(json) is not dict or len(json) != 1:
        return "", None
    return next(iter(json.items()))


def _many(value: Any, kind: int, field: str, count: int) -> Any:
    """Make ``value`` hold ``count`` zeroed elements, which are valid to delete. Returns their address."""
    raw = getattr(value.of, field)
    _NEW[field](ctypes.byref(raw), count)
    if count:
        ctypes.memset(raw.data, 0, count * (_ENTRY_SIZE if field == "record" else _SIZE))
    value.kind = kind
    return raw.data


def _box() -> Any:
    """Return a new C value, initially false, which wasmtime frees."""
    return ffi.wasmtime_component_val_new(ctypes.byref(Value()))


InterfaceTypes = Mapping[str, "Function"]


class Function:
    """A function's parameters, by name, and its result type."""

    def __init__(self, result: Type | None = None, /, **params: Type) -> None:
        self.params = {name.replace("_", "-"): param for name, param in params.items()}
        self.result = result
        text = ", ".join(f"{name}: {param.text}" for name, param in self.params.items())
        self.text = f"func({text})" + (f" -> {result.text}" if result else "")
