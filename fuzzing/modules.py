"""WebAssembly files, and the texts that plugins of the older ABI answer with."""

import contextlib
import json
from typing import Any

from fuzzing.target import Target
from tarkpm.host.module import component, inspect, outline, producers
from tarkpm.host.module.core_types import read_core_types
from tarkpm.host.module.type_scope import Unreadable
from tarkpm.host.worker.engine import Failure
from tarkpm.host.worker.legacy_abi import exports
from tarkpm.host.worker.legacy_abi.answers import _Bad, _headers, _text
from tarkpm.host.worker.legacy_abi.plugin import CallRefused, _words
from tarkpm.host.worker.wit import Meter, Mismatch

CORE = b"\0asm\x01\0\0\0"
COMPONENT = b"\0asm\x0d\0\x01\0"
_GIVEN: dict[str, tuple[Any, ...]] = {
    "init": ("{}",),
    "process-tokens": ("{}",),
    "chat": ([{"role": "user", "text": "a"}], "m"),
    "channel-event": ("{}",),
    "channel-send": ({},),
    "channel-webhook": ({},),
}
_NAMES = (
    "tark:plugin/tool-plugin",
    "tark:plugin/log",
    "wasi:io/streams@0.2.3",
    "memory",
    "alloc",
    "tark:http",
)


def names(data: bytes) -> None:
    """Read the imports and exports of a file, and everything that is derived from their names."""
    found = inspect.inspect(data)
    assert found.unknown_imports is not None
    assert found.interfaces is not None
    assert found.worlds is not None
    assert found.kinds is not None


def component_types(data: bytes) -> None:
    """Read the types of a component."""
    for part in component.read_types(COMPONENT + data):
        for item in part.values():
            component.functions(item)


def core_types(data: bytes) -> None:
    """Read the types of a core module."""
    read_core_types(CORE + data)


def outlines(data: bytes) -> None:
    """Take the core modules out of a component: none is lost, and each is a part of the file."""
    found = outline.outlined(COMPONENT + data)
    if found:
        assert all(bytes(part) in COMPONENT + data for part in found.parts)
        assert found.rest.startswith(COMPONENT)


def producer_names(data: bytes) -> None:
    """Read who made a file."""
    producers.producers(COMPONENT + data)
    producers.producers(CORE + data)


def older_answers(data: bytes) -> None:
    """Answer every call of the parent with this text: the result can be sent to the parent."""
    text = data.decode("utf-8", "replace")
    for calls in exports.FUNCTIONS.values():
        for name, call in calls.items():
            for number in (0, 7, -1):
                with contextlib.suppress(Mismatch, Failure):
                    found = call(_Answering(text, number), *_GIVEN.get(name, ()))
                    json.dumps(found, ensure_ascii=False).encode()
    _words(data)


class _Answering:
    """A plugin whose every export gives one text or one number."""

    def __init__(self, text: str, number: int) -> None:
        self._text, self._number = text, number

    def __contains__(self, name: str) -> bool:
        return True

    def first(self, *names: str) -> str:
        return names[0]

    def number(self, name: str) -> int:
        return self._number

    def do(self, name: str, *texts: str) -> None:
        if self._number < 0:
            raise CallRefused(f"{name} returned {self._number}")

    def ask(self, name: str, *texts: str, room: int) -> str:
        self.do(name)
        return self._text


def older_arguments(data: bytes) -> None:
    """Read the texts and headers that a plugin of the older ABI passes."""
    for read in (_headers, _text):
        with contextlib.suppress(_Bad):
            read(data, Meter(1 << 20))


TARGETS = (
    Target("wasm-names", names, words=_NAMES),
    Target("wasm-component-types", component_types, (Unreadable,), _NAMES),
    Target("wasm-core-types", core_types, (Unreadable,), _NAMES),
    Target("wasm-outline", outlines),
    Target("wasm-producers", producer_names, words=("producers", "language", "processed-by", "sdk")),
    Target(
        "older-abi-answers",
        older_answers,
        words=("access_token", "text", "usage", "headers", "\\ud800", "[{"),
    ),
    Target("older-abi-arguments", older_arguments, words=('[["a","b"]]', "\\ud800", "\0")),
)
