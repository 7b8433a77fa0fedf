"""The types of package tark:plugin, and how their values cross between JSON and wasmtime.

A type knows its text (compared with what a component declares, because wasmtime does not check host
functions when it links), `lift` (a value that came from the guest, to JSON) and `lower` (JSON to what
wasmtime takes). Both check everything: wasmtime's own conversion wraps integers silently.

JSON forms: a record is an object with the WIT's field names, a tuple a list, an enum its case, an option
its value or null, a result ``{"ok": …}`` or ``{"err": …}``, a variant ``{case: payload or null}``.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from wasmtime.component import Record, Variant


class Mismatch(ValueError):
    """A value that is not of its type."""


class TooMuch(ValueError):
    """More text than is allowed."""


class Meter:
    """How many more bytes of text may pass."""

    def __init__(self, left: int) -> None:
        self._left = left

    def charge(self, text: str) -> None:
        self._left -= len(text) if text.isascii() else len(text.encode())
        self._left -= 1  # so that a list of nothing is not free
        if self._left < 0:
            raise TooMuch


class Type:
    """A WIT type. ``python`` is what wasmtime-py tells the cases of a variant apart by."""

    def __init__(self, text: str, *python: type) -> None:
        self.text = text
        self.python = frozenset(python)

    def lift(self, value: Any, meter: Meter) -> Any:
        raise NotImplementedError

    def lower(self, value: Any) -> Any:
        raise NotImplementedError


class Plain(Type):
    """A type whose JSON and Python values are the same: strings, booleans, enums, integers."""

    def lift(self, value: Any, meter: Meter) -> Any:
        checked = self.lower(value)
        if type(checked) is str:
            meter.charge(checked)
        return checked

    def lower(self, value: Any) -> Any:
        if type(value) not in self.python:
            raise Mismatch(f"expected {self.text}, found {type(value).__name__}")
        return value


class Integer(Plain):
    """An unsigned integer of so many bits."""

    def __init__(self, bits: int) -> None:
        super().__init__(f"u{bits}", int)
        self._limit = 1 << bits

    def lower(self, value: Any) -> Any:
        if not 0 <= super().lower(value) < self._limit:
            raise Mismatch(f"expected {self.text}, found {value}")
        return value


class Enum(Plain):
    def __init__(self, *cases: str) -> None:
        super().__init__(f"enum{{{', '.join(cases)}}}", str)
        self._cases = cases

    def lower(self, value: Any) -> Any:
        if super().lower(value) not in self._cases:
            raise Mismatch(f"expected {self.text}, found {value!r}")
        return value


class ListOf(Type):
    def __init__(self, element: Type) -> None:
        super().__init__(f"list<{element.text}>", list)
        self._element = element

    def lift(self, value: Any, meter: Meter) -> Any:
        if type(value) is not list:
            raise Mismatch(f"expected {self.text}, found {type(value).__name__}")
        return [self._element.lift(item, meter) for item in value]

    def lower(self, value: Any) -> Any:
        if type(value) is not list:
            raise Mismatch(f"expected {self.text}, found {type(value).__name__}")
        return [self._element.lower(item) for item in value]


class TupleOf(Type):
    def __init__(self, *elements: Type) -> None:
        super().__init__(f"tuple<{', '.join(e.text for e in elements)}>", tuple)
        self._elements = elements

    def _checked(
        self, value: Any, kind: type[list[Any]] | type[tuple[Any, ...]]
    ) -> Iterator[tuple[Type, Any]]:
        if not isinstance(value, kind) or len(value) != len(self._elements):
            raise Mismatch(f"expected {self.text}, found {type(value).__name__}")
        return zip(self._elements, value, strict=True)

    def lift(self, value: Any, meter: Meter) -> Any:
        return [element.lift(item, meter) for element, item in self._checked(value, tuple)]

    def lower(self, value: Any) -> Any:
        return tuple(element.lower(item) for element, item in self._checked(value, list))


class RecordOf(Type):
    def __init__(self, **fields: Type) -> None:
        self._fields = {name.replace("_", "-"): field for name, field in fields.items()}
        text = ", ".join(f"{name}: {field.text}" for name, field in self._fields.items())
        super().__init__(f"record{{{text}}}", Record)

    def lift(self, value: Any, meter: Meter) -> Any:
        if type(value) is not Record or vars(value).keys() != self._fields.keys():
            raise Mismatch(f"expected {self.text}, found {type(value).__name__}")
        return {name: field.lift(getattr(value, name), meter) for name, field in self._fields.items()}

    def lower(self, value: Any) -> Any:
        if type(value) is not dict or value.keys() != self._fields.keys():
            raise Mismatch(f"expected {self.text}, found {type(value).__name__}")
        record = Record()
        for name, field in self._fields.items():
            setattr(record, name, field.lower(value[name]))
        return record


class VariantOf(Type):
    """A variant or a result. wasmtime-py gives a case's payload bare when Python types tell cases apart."""

    def __init__(self, text: str, cases: Mapping[str, Type | None]) -> None:
        kinds = [frozenset({object}) if case is None else case.python for case in cases.values()]
        every = frozenset[type]().union(*kinds)
        self._cases = cases
        self._tagged = len(every) < sum(map(len, kinds))
        super().__init__(text, *([Variant] if self._tagged else every))

    def lift(self, value: Any, meter: Meter) -> Any:
        tag, payload = self._told_apart(value)
        case = self._cases[tag]
        return {tag: None if case is None else case.lift(payload, meter)}

    def _told_apart(self, value: Any) -> tuple[str, Any]:
        if self._tagged:
            if type(value) is Variant and value.tag in self._cases:
                return value.tag, value.payload
        else:
            for tag, case in self._cases.items():
                if value is None if case is None else type(value) in case.python:
                    return tag, value
        raise Mismatch(f"expected {self.text}, found {type(value).__name__}")

    def lower(self, value: Any) -> Any:
        tag = str(next(iter(value))) if type(value) is dict and len(value) == 1 else ""
        if tag not in self._cases:
            raise Mismatch(f"expected {self.text}, found {type(value).__name__}")
        case = self._cases[tag]
        payload = None if case is None else case.lower(value[tag])
        return Variant(tag, payload) if self._tagged else payload


class OptionOf(Type):
    """Of anything but another option: null would be ambiguous, and tark has none."""

    def __init__(self, inside: Type) -> None:
        super().__init__(f"option<{inside.text}>", object, *inside.python)
        self._inside = inside

    def lift(self, value: Any, meter: Meter) -> Any:
        return None if value is None else self._inside.lift(value, meter)

    def lower(self, value: Any) -> Any:
        return None if value is None else self._inside.lower(value)


def result(ok: Type | None, err: Type) -> VariantOf:
    return VariantOf(f"result<{ok.text if ok else '_'}, {err.text}>", {"ok": ok, "err": err})


class Function:
    """A function's parameters by name, and its result."""

    def __init__(self, result: Type | None = None, /, **params: Type) -> None:
        self.params = {name.replace("_", "-"): param for name, param in params.items()}
        self.result = result
        text = ", ".join(f"{name}: {param.text}" for name, param in self.params.items())
        self.text = f"func({text})" + (f" -> {result.text}" if result else "")

    def lower(self, args: list[Any]) -> list[Any]:
        """JSON arguments, for a call into the guest."""
        if len(args) != len(self.params):
            raise Mismatch(f"expected {len(self.params)} arguments, found {len(args)}")
        return [param.lower(arg) for param, arg in zip(self.params.values(), args, strict=True)]

    def lift(self, args: tuple[Any, ...], meter: Meter) -> list[Any]:
        """A guest's arguments, for a call out of it."""
        if len(args) != len(self.params):
            raise Mismatch(f"expected {len(self.params)} arguments, found {len(args)}")
        return [param.lift(arg, meter) for param, arg in zip(self.params.values(), args, strict=True)]


Interface = Mapping[str, Function]
