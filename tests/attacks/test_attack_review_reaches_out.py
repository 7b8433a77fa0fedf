"""A new release that nobody agreed to, while its update is reviewed: what it tries, and how it looks."""

import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from support import wat
from support.services import Chat, serving

from tarkpm.core.recorded import RecordedCall, RecordedHostCall
from tarkpm.core.text import neutral
from tarkpm.ops.author import replay as replays
from tarkpm.ops.author.replay import Modules, ReplayedCall, replay
from tarkpm.ops.project.settings import Paths, Settings

URL = "https://api.example/v1"
ANSWER = {"ok": {"status": 200, "headers": [["content-type", "text/plain"]], "body": "hello"}}
FETCHED = RecordedCall(
    1, "", "fetch", f'{{"url":"{URL}"}}', "hello", None, (RecordedHostCall("http", "get", [URL, []], ANSWER),)
)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache for the compiled modules of all tests here."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def settings(tmp_path: Path, cache: Path) -> Settings:
    cwd, home = tmp_path / "app", tmp_path / "home"
    for folder in (cwd, home):
        folder.mkdir()
    paths = Paths(tmp_path / "config", tmp_path / "data", tmp_path / "state", cache)
    return Settings(cwd, paths, {"HOME": str(home), "PATH": "/usr/bin:/bin"})


def asked(found: ReplayedCall) -> list[str]:
    """What the new release newly asks for: capabilities, and calls within recorded ones."""
    return [ask.capability or ask.call for ask in found.new]


def one(settings: Settings, after: bytes, call: RecordedCall = FETCHED) -> ReplayedCall:
    """The outcome of one call, recorded of the tool that fetches."""
    (found,) = replay(settings, Modules("plugin", wat.fetching_tool(), after), [call])
    return found


def test_the_network_is_not_reached(settings: Settings) -> None:
    with serving(Chat) as service:
        url = f"http://{service.authority}/v1/models"
        found = one(settings, wat.asking_also(url))
        assert (found.result, asked(found)) == ("same", [f"http:{service.authority}"])
        # A host that the record shows is not reached either, for another path.
        known = RecordedCall(
            1,
            "",
            "fetch",
            f'{{"url":"{url}"}}',
            "hello",
            None,
            (RecordedHostCall("http", "get", [url, []], ANSWER),),
        )
        found = one(settings, wat.asking_also(f"{url}?all"), known)
        assert (found.result, asked(found)) == ("same", [f"GET {url}?all"])
        assert service.requests == []


def test_variables_are_not_read(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "of this machine")
    found = one(settings, wat.reading_also("MY_KEY"))
    assert (found.result, asked(found)) == ("same", ["env:MY_KEY"])


def test_files_and_programs_are_not_reached(settings: Settings) -> None:
    (settings.cwd / "mine.txt").write_text("mine")
    tries = {
        ("w", "stolen"): "filesystem:out.txt",
        ("r", "mine.txt"): "filesystem:mine.txt:ro",
        ("d", "mine.txt"): "filesystem:mine.txt",
        ("l", "docs"): "filesystem:docs/:ro",
        ("s", "/bin/true"): "shell",
    }
    calls = [RecordedCall(1, "", tool, arguments, arguments) for tool, arguments in tries]
    # The installed release has no such tools, and fails: what the new one asks for is told all the same.
    found = replay(settings, Modules("plugin", wat.fetching_tool(), wat.reaching_tool()), calls)
    assert [asked(one) for one in found] == [[new] for new in tries.values()]
    assert "/bin/true" in found[-1].new[0].call
    assert [path.name for path in settings.cwd.iterdir()] == ["mine.txt"]
    assert (settings.cwd / "mine.txt").read_text() == "mine"


def test_recorded_files_and_programs_are_those_of_the_record(settings: Settings) -> None:
    (settings.cwd / "a.txt").write_text("real")
    reads = RecordedCall(
        1,
        "",
        "r",
        "a.txt",
        "kept",
        None,
        (RecordedHostCall("filesystem", "read", ["a.txt"], {"ok": "kept"}),),
    )
    ran = {"ok": {"exit-code": 0, "stdout": "ran", "stderr": ""}}
    runs = RecordedCall(
        1,
        "",
        "s",
        "./a.sh",
        "ran",
        None,
        (RecordedHostCall("shell", "run", [["./a.sh"], None, None, 1000], ran),),
    )
    (settings.cwd / "a.sh").write_text("#!/bin/sh\ntouch touched\n")
    (settings.cwd / "a.sh").chmod(0o755)
    both = Modules("plugin", wat.reaching_tool(), wat.reaching_tool())
    assert [found.result for found in replay(settings, both, [reads, runs])] == ["same", "same"]
    assert not (settings.cwd / "touched").exists()


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("(loop $x (br $x))", "0.5 s"),
        ("(if (i32.eq (memory.grow (i32.const 16384)) (i32.const -1)) (then unreachable))", ""),
        ("(return (call $result (i32.const 1) (i32.const 0) (i32.const 1073741824)))", ""),
        ("(return (call $result (i32.const 1) (i32.const 0) (i32.const 65000)))", ""),
        ("(loop $x (call $info (i32.const 0) (i32.const 9)) (br $x))", ""),
        ("unreachable", ""),
    ],
)
def test_it_ends(settings: Settings, monkeypatch: pytest.MonkeyPatch, code: str, reason: str) -> None:
    limits = msgspec.structs.replace(replays.LIMITS, seconds=0.5, output=60_000)
    monkeypatch.setattr(replays, "LIMITS", limits)
    start = time.monotonic()
    found = one(settings, wat.fetching_tool_that(code))
    assert (found.result, found.new) == ("failed", ())
    assert reason in found.reason
    assert 0 < len(found.reason) < 500
    assert time.monotonic() - start < 20


def test_all_replays_together_end(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replays, "SECONDS", 0.0)
    found = replay(settings, Modules("plugin", wat.fetching_tool(), wat.fetching_tool()), [FETCHED] * 30)
    assert {(call.result, call.reason) for call in found} == {("unknown", "the time for replays was used up")}
    assert len(found) == replays.MAX_CALLS


def test_what_it_says_is_shown_harmless_and_short(settings: Settings) -> None:
    says = "(return (call $result (i32.const {}) (i32.const 700) (i32.const 14)))"
    text = "\\1b[2J\\e2\\80\\ae\\0d\\0a\\07end"
    for failed in (0, 1):
        found = one(settings, wat.fetching_tool_that(says.format(failed), text))
        assert found.result == ("changed" if failed else "failed")
        shown = msgspec.json.encode(found).decode() + "".join(found.diff) + found.reason
        assert neutral(shown, keep="\n") == shown


def test_a_host_name_is_no_escape_sequence(settings: Settings) -> None:
    # No host has one; a URL that is refused is no capability, and is not shown at all.
    found = one(settings, wat.asking_also("https://a\\1b[2Jb.example/"))
    assert found.new == ()


def test_time_and_randomness_are_not_guessed(settings: Settings) -> None:
    both = Modules("plugin", wat.reaching_tool(), wat.reaching_tool())
    now = RecordedCall(1_700_000_000_000, "", "n", "", "1700000000123")
    (found,) = replay(settings, both, [now])
    assert found.result == "unknown"
    assert found.reason.startswith("the installed release does not repeat its recorded result: ")


def test_what_cannot_be_replayed_is_named(settings: Settings) -> None:
    fetching = wat.fetching_tool()
    gone = Modules("plugin", fetching, fetching, frozenset({"other"}))
    assert [found.reason for found in replay(settings, gone, [FETCHED])] == [
        "the new release has no such tool"
    ]
    none = Modules("plugin", b"", wat.asking_also("https://b.example/"))
    (found,) = replay(settings, none, [FETCHED])
    assert (found.result, found.reason, asked(found)) == (
        "unknown",
        "the installed release cannot be run",
        ["http:b.example"],
    )
    left_out = RecordedCall(1, "", "fetch", left_out="it used a WebSocket")
    assert one(settings, fetching, left_out).reason == "it is not recorded: it used a WebSocket"


NONSENSE: list[tuple[str, str, list[Any], Any]] = [
    ("http", "get", [], None),
    ("http", "get", ["https://a\x00b/", 7], {"ok": {"status": -1, "headers": [[1]], "body": "x"}}),
    ("http", "get", [URL, []], {"ok": {"status": 99999999, "headers": [["a"]], "body": "x"}}),
    ("shell", "run", [[["a"]], 1], {"ok": {"exit-code": 1 << 60}}),
    ("filesystem", "read", ["../../etc/passwd"], {"ok": "x"}),
    ("filesystem", "read", ["/etc/passwd"], {"ok": "x"}),
    ("filesystem", "list", ["a"], {"ok": [{"name": "../x", "kind": "file", "size": 1 << 50}]}),
    ("filesystem", "stat", ["a\x00"], {"ok": {"kind": "directory", "size": 0}}),
    ("fs", "read", ["~/../x"], {"ok": "x"}),
    ("storage", "get", ["k" * 5000], "x"),
    ("storage", "list-keys", [], [1, "", "k"]),
    ("env", "get", [{}], "x"),
    ("nothing", "at-all", [[]], [[]]),
]


def test_a_record_that_makes_no_sense_harms_nobody(settings: Settings) -> None:
    damaged = [
        msgspec.structs.replace(FETCHED, host_calls=(RecordedHostCall(*call), *FETCHED.host_calls))
        for call in NONSENSE
    ]
    fetching = Modules("plugin", wat.fetching_tool(), wat.fetching_tool())
    assert len(replay(settings, fetching, damaged)) == len(NONSENSE)
    assert not any(path for folder in (settings.cwd, settings.home) for path in folder.iterdir())
