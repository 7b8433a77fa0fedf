"""The one door: what is granted, what is refused and how, what is counted."""

import time
from typing import Any

import msgspec
import pytest

from tarkpm.core.capability import Capability, CapabilitySet
from tarkpm.errors import CapabilityDenied, LimitReached
from tarkpm.host.gate import PARAMETERS, Gate
from tarkpm.host.ipc.decoding import Arguments, ProtocolError
from tarkpm.host.worker.interfaces import IMPORTS


class Recorder:
    """An interface that answers with what it was asked."""

    def call(self, function: str, args: tuple[Any, ...], deadline: float) -> Any:
        return [function, *args]

    def close(self) -> None:
        pass


def ask(gate: Gate, interface: str, function: str, *args: Any) -> Any:
    given = Arguments(msgspec.Raw(msgspec.json.encode(args)))
    return gate.answer(interface, function, given, time.monotonic() + 1)


def gate_for(*kinds: str, calls: int = 100, older: bool = False) -> tuple[Gate, list[str]]:
    reports: list[str] = []
    granted = CapabilitySet.of(Capability.parse(kind) for kind in kinds)
    served = {"storage": Recorder(), "log": Recorder(), "clock": Recorder()}
    return Gate(granted, served, reports.append, calls=calls, older=older), reports


def test_it_knows_the_functions_the_worker_knows() -> None:
    known = {name: set(functions) for name, functions in PARAMETERS.items()}
    assert known.pop("fs") == {"read"}
    assert known.pop("ws") == {"connect", "send", "recv", "close"}
    assert known == {name: set(functions) for name, functions in IMPORTS.items()}


def test_what_is_granted_is_served_and_counted() -> None:
    gate, reports = gate_for("storage")
    assert ask(gate, "storage", "set", "k", "v") == ["set", "k", "v"]
    assert ask(gate, "storage", "get", "k") == ["get", "k"]
    assert ask(gate, "log", "info", "m") == ["info", "m"]
    assert gate.uses == {"storage.set": 1, "storage.get": 1, "log.info": 1}
    assert not gate.refusals
    assert reports == []


def test_uses_are_counted_by_the_granted_capability_and_taken_once() -> None:
    gate = Gate(
        CapabilitySet.of(map(Capability.parse, ("storage", "env:LC_*"))),
        {"storage": Recorder(), "env": Recorder()},
        print,
        calls=100,
    )
    ask(gate, "storage", "get", "k")
    ask(gate, "env", "get", "LC_ALL")
    ask(gate, "env", "get", "LC_TIME")
    ask(gate, "env", "get", "HOME")
    ask(gate, "shell", "run", ["ls"], None, None, None)
    assert gate.take_used() == {Capability.parse("storage"): 1, Capability.parse("env:LC_*"): 2}
    assert not gate.take_used()


def test_plugins_of_the_older_abi_are_told_of_a_refusal_in_one_shape() -> None:
    gate, reports = gate_for(older=True)
    calls: list[tuple[str, str, list[Any]]] = [
        ("fs", "read", ["~/x"]),
        ("ws", "connect", ["wss://a.example", [["k", "v"]]]),
        ("ws", "send", [1, "text"]),
        ("ws", "recv", [1, 0, 65536]),
        ("ws", "close", [1]),
        ("storage", "get", ["k"]),
        ("storage", "set", ["k", "v"]),
        ("env", "get", ["A"]),
        ("http", "get", ["https://a.example", []]),
    ]
    for interface, function, args in calls:
        no = {"message": f"{interface} is not granted to this plugin", "denied": True}
        assert ask(gate, interface, function, *args) == {"err": no}
    names = ("fs", "ws", "storage", "env", "http")
    assert reports == [f"asked for {name}, which is not granted to this plugin" for name in names]


def test_web_sockets_are_open_to_whoever_was_granted_hosts() -> None:
    gate, _ = gate_for("http:a.example", older=True)
    answer = ask(gate, "ws", "close", 1)
    assert answer == {"err": {"message": "ws is not available here", "denied": True}}
    with pytest.raises(ProtocolError, match="arguments that do not match ws.close"):
        ask(gate, "ws", "close", -1)


def test_what_is_not_granted_answers_with_the_interfaces_own_error() -> None:
    gate, reports = gate_for()
    assert ask(gate, "storage", "get", "k") is None
    assert ask(gate, "storage", "list-keys") == []
    no = {"err": "storage is not granted to this plugin"}
    assert ask(gate, "storage", "set", "k", "v") == no
    assert ask(gate, "storage", "delete", "k") == no
    no_http = {"err": {"message": "http is not granted to this plugin", "status": None}}
    assert ask(gate, "http", "get", "https://example.com", []) == no_http
    assert ask(gate, "http", "post", "https://example.com", "body", [("a", "b")]) == no_http
    assert ask(gate, "env", "get", "HOME") is None
    no_shell = {"err": "shell is not granted to this plugin"}
    assert ask(gate, "shell", "run", ["id"], None, None, None) == no_shell
    no_files = {"err": "filesystem is not granted to this plugin"}
    for function in ("read", "list", "stat", "remove"):
        assert ask(gate, "filesystem", function, "x") == no_files
    assert ask(gate, "filesystem", "write", "x", "y") == no_files
    assert gate.refusals.total() == 13
    assert not gate.uses
    assert reports == [
        "asked for storage, which is not granted to this plugin",
        "asked for http, which is not granted to this plugin",
        "asked for env, which is not granted to this plugin",
        "asked for shell, which is not granted to this plugin",
        "asked for filesystem, which is not granted to this plugin",
    ]


def test_what_needs_no_grant() -> None:
    gate, _ = gate_for()
    assert ask(gate, "clock", "now") == ["now"]
    assert gate.uses == {"clock.now": 1}


@pytest.mark.parametrize(("function", "args"), [("bytes", [8]), ("number", [])])
def test_randomness_that_is_not_there_is_never_invented(function: str, args: list[Any]) -> None:
    gate, reports = gate_for()
    with pytest.raises(CapabilityDenied) as caught:
        ask(gate, "random", function, *args)
    assert caught.value.message == "the plugin asked for random, which is not available here"
    assert reports == ["asked for random, which is not available here"]


def test_what_is_granted_but_not_there_yet() -> None:
    gate, reports = gate_for("http:example.com", "env:HOME")
    assert ask(gate, "http", "get", "https://example.com", []) == {
        "err": {"message": "http is not available here", "status": None}
    }
    assert ask(gate, "env", "get", "HOME") is None
    assert len(reports) == 2


@pytest.mark.parametrize(
    ("interface", "function", "args"),
    [
        ("shell", "run", ["id"]),
        ("shell", "run", ["id", None, None, None]),
        ("shell", "run", [["id"], None, None, 1 << 32]),
        ("shell", "run", [["id"], None, None, -1]),
        ("random", "bytes", [-1]),
        ("random", "bytes", ["8"]),
        ("filesystem", "chmod", ["x"]),
        ("sockets", "open", []),
        ("storage", "drop", []),
        ("storage", "get", []),
        ("storage", "get", ["k", "v"]),
        ("storage", "get", [1]),
        ("storage", "get", [None]),
        ("storage", "list-keys", ["k"]),
        ("http", "get", ["u", [["a"]]]),
        ("http", "get", ["u", {"a": "b"}]),
    ],
)
def test_calls_no_plugin_can_have_made(interface: str, function: str, args: list[Any]) -> None:
    gate, _ = gate_for("storage", "http:example.com")
    with pytest.raises(ProtocolError):
        ask(gate, interface, function, *args)
    assert not gate.uses


def test_calls_are_limited_for_each_call_into_the_plugin() -> None:
    gate, _ = gate_for("storage", calls=2)
    for _ in range(3):
        gate.begin()
        ask(gate, "storage", "list-keys")
        ask(gate, "log", "info", "m")
        with pytest.raises(LimitReached) as caught:
            ask(gate, "log", "info", "m")
        assert caught.value.message == "the plugin made more than 2 host calls in one call"
