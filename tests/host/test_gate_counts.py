"""What the gate remembers of the calls that it answers: for hints, for `grant --unused`, and for the trace."""

import time
from collections import Counter
from typing import Any

import pytest

from host.test_gate import Recorder, ask
from tarkpm.core.capability import Capability, CapabilitySet
from tarkpm.errors import CapabilityDenied, LimitReached, PluginFailed
from tarkpm.host.gate import Gate
from tarkpm.host.ipc.decoding import Arguments, ProtocolError
from tarkpm.host.trace import TracedCall

A, B = Capability.parse("http:a.example"), Capability.parse("http:b.example")


class Web(Recorder):
    """An interface that counts by itself."""

    def __init__(self) -> None:
        self.used: Counter[Capability] = Counter()
        self.lacked: Counter[Capability] = Counter()

    def call(self, function: str, args: tuple[Any, ...], deadline: float) -> Any:
        self.used[A] += 1
        self.lacked[B] += 1
        return {"ok": deadline}


class Broken(Recorder):
    def call(self, function: str, args: tuple[Any, ...], deadline: float) -> Any:
        raise PluginFailed("it broke")


class Failing(Recorder):
    def call(self, function: str, args: tuple[Any, ...], deadline: float) -> Any:
        return {"err": "no such file"}


def gate_of(
    *grants: str, tell: list[TracedCall] | None = None, calls: int = 50, **served: Recorder
) -> tuple[Gate, list[str]]:
    reports: list[str] = []
    granted = CapabilitySet.of(map(Capability.parse, grants))
    log = None if tell is None else tell.append
    return Gate(granted, served, reports.append, calls=calls, plugin="demo", tell=log), reports


def test_an_interface_that_counts_by_itself_is_asked_and_cleared() -> None:
    web = Web()
    gate, _ = gate_of("http:a.example", "storage", http=web, storage=Recorder())
    deadline = time.monotonic() + 5
    given = Arguments(b'["https://a.example/x", []]')  # type: ignore[arg-type]  # bytes decode alike
    assert gate.answer("http", "get", given, deadline) == {"ok": deadline}
    ask(gate, "storage", "get", "k")
    assert gate.lacked() == {B: 1}
    assert gate.lacked() == {B: 1}
    assert gate.take_used() == {A: 1, Capability("storage"): 1}
    assert (gate.take_used(), web.used) == ({}, {})


def test_what_was_lacking_is_bounded_and_known_scopes_are_counted_on() -> None:
    gate, _ = gate_of("env:GIVEN", env=Recorder())
    for _ in range(2):
        for number in range(25):
            ask(gate, "env", "get", f"V{number}")
        gate.begin()
    assert len(gate.lacked()) == 20
    assert set(gate.lacked().values()) == {2}
    assert gate.lacked()[Capability.parse("env:V19")] == 2


def test_what_is_not_granted_at_all_is_lacking_with_its_scope() -> None:
    gate, reports = gate_of()
    ask(gate, "http", "get", "https://a.example", [])
    ask(gate, "http", "get", "https://a.example/other", [])
    ask(gate, "http", "get", "no url", [])
    ask(gate, "storage", "get", "k")
    assert gate.lacked() == {A: 2, Capability("storage"): 1}
    assert gate.refusals == {"http.get": 3, "storage.get": 1}
    assert len(reports) == 2
    assert not gate.take_used()


def test_shell_and_log_are_counted_without_a_scope_or_not_at_all() -> None:
    gate, _ = gate_of("shell", shell=Recorder(), log=Recorder(), clock=Recorder())
    ask(gate, "shell", "run", ["ls"], None, None, None)
    ask(gate, "log", "info", "m")
    ask(gate, "clock", "now")
    assert gate.take_used() == {Capability("shell"): 1}
    assert not gate.lacked()


def test_the_limit_holds_before_the_first_begin_and_counts_what_is_refused() -> None:
    gate, _ = gate_of(calls=2)
    ask(gate, "storage", "get", "k")
    ask(gate, "env", "get", "A")
    with pytest.raises(LimitReached):
        ask(gate, "storage", "get", "k")
    assert gate.refusals.total() == 2


def test_arguments_that_do_not_match_name_the_function() -> None:
    gate, _ = gate_of("storage", storage=Recorder())
    with pytest.raises(ProtocolError, match=r"^arguments that do not match storage\.get$"):
        ask(gate, "storage", "get", 1)
    with pytest.raises(ProtocolError, match=r"^a call to an unknown host function$"):
        ask(gate, "storage", "none")


def test_every_outcome_is_traced() -> None:
    told: list[TracedCall] = []
    gate, _ = gate_of(
        "storage", "filesystem:docs/", "http:a.example", tell=told, storage=Recorder(), filesystem=Failing(),
        clock=Broken(),
    )  # fmt: skip
    assert ask(gate, "storage", "set", "k", "v") == ["set", "k", "v"]
    assert ask(gate, "filesystem", "read", "docs/a") == {"err": "no such file"}
    assert ask(gate, "shell", "run", ["ls"], None, None, None) == {
        "err": "shell is not granted to this plugin"
    }
    ask(gate, "http", "get", "https://a.example", [])
    with pytest.raises(PluginFailed):
        ask(gate, "clock", "now")
    with pytest.raises(CapabilityDenied):
        ask(gate, "random", "number")
    seen = [(one.plugin, f"{one.interface}.{one.function}", one.outcome) for one in told]
    assert seen == [
        ("demo", "storage.set", "answered"),
        ("demo", "filesystem.read", "failed"),
        ("demo", "shell.run", "refused"),
        ("demo", "http.get", "unavailable"),
        ("demo", "clock.now", "failed"),
        ("demo", "random.number", "failed"),
    ]
    assert told[1].answer == {"err": "no such file"}
    assert told[4].answer == {"err": "it broke"}
    assert all(
        0 <= one.milliseconds < 5_000 and round(one.milliseconds, 3) == one.milliseconds for one in told
    )
    assert told[0].args[0] == "k"


def test_what_has_no_error_case_answers_with_nothing() -> None:
    gate, reports = gate_of("env:A")
    assert ask(gate, "env", "get", "A") is None
    assert ask(gate, "log", "info", "m") is None
    assert reports == [
        "asked for env, which is not available here",
        "asked for log, which is not available here",
    ]


class Text(Recorder):
    def call(self, function: str, args: tuple[Any, ...], deadline: float) -> Any:
        return "an err" if args else {"ok": None}


def test_only_a_result_with_an_error_counts_as_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter([1.0, 1.25, 2.0, 2.5])
    monkeypatch.setattr(time, "perf_counter", lambda: next(moments, 9.0))
    told: list[TracedCall] = []
    gate, _ = gate_of("storage", tell=told, storage=Text())
    ask(gate, "storage", "get", "k")
    ask(gate, "storage", "list-keys")
    assert [(one.outcome, one.milliseconds) for one in told] == [("answered", 250.0), ("answered", 500.0)]


def test_a_clock_that_is_not_there_is_never_invented() -> None:
    gate, _ = gate_of()
    with pytest.raises(CapabilityDenied, match="the plugin asked for clock, which is not available here"):
        ask(gate, "clock", "now")


def test_hosts_are_left_to_what_serves_them() -> None:
    """Which grant a request lacks depends on addresses, which only the interface knows."""
    gate, _ = gate_of("http:a.example", http=Recorder())
    ask(gate, "http", "get", "https://b.example", [])
    assert not gate.lacked()
