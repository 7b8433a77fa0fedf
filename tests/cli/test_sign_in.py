"""Signing in at a terminal: what is shown, and when a browser opens."""

import sys
import threading

import pytest

from tarkpm.cli import sign_in as module
from tarkpm.cli.console import Console
from tarkpm.cli.sign_in import Terminal
from tarkpm.host.results import DeviceCode

from .conftest import Streams

URL = "https://id.example/authorize?x=1"


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, str]]]:
    """The pages that were opened, with the environment of what opened them."""
    pages: list[tuple[str, dict[str, str]]] = []
    monkeypatch.setattr(module, "_open", lambda url, environment: pages.append((url, environment)))
    return pages


def joined() -> None:
    for thread in threading.enumerate():
        if thread.name == "browser":
            thread.join()


@pytest.mark.parametrize(
    ("terminal", "browser", "environment", "opens"),
    [
        (True, True, {"DISPLAY": ":0"}, True),
        (True, True, {"WAYLAND_DISPLAY": "w"}, True),
        (True, True, {"BROWSER": "mine"}, True),
        (True, True, {}, False),  # Python would start a text browser in this terminal
        (True, True, {"DISPLAY": ""}, False),
        (True, False, {"DISPLAY": ":0"}, False),
        (False, True, {"DISPLAY": ":0"}, False),
    ],
)
def test_a_browser_opens_where_somebody_sees_it(
    streams: Streams,
    opened: list[tuple[str, dict[str, str]]],
    monkeypatch: pytest.MonkeyPatch,
    terminal: bool,
    browser: bool,
    environment: dict[str, str],
    opens: bool,
) -> None:
    _, err = streams(terminal=terminal)
    monkeypatch.setattr(sys, "platform", "linux")
    Terminal(Console(), {"PATH": "/usr/bin:.", **environment}, browser=browser).page(URL)
    joined()
    assert [url for url, _ in opened] == ([URL] if opens else [])
    assert URL in err.shown
    for _, variables in opened:
        assert "." not in variables["PATH"].split(":")  # a relative entry is the current folder's


def test_a_mac_always_has_a_browser(
    streams: Streams, opened: list[tuple[str, dict[str, str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    streams(terminal=True)
    monkeypatch.setattr(sys, "platform", "darwin")
    Terminal(Console(), {}, browser=True).page(URL)
    joined()
    assert len(opened) == 1


def test_what_a_plugin_sends_is_shown_and_not_obeyed(streams: Streams) -> None:
    _, err = streams(terminal=False)
    terminal = Terminal(Console(), {}, browser=True)
    terminal.code(DeviceCode("d", "AB\x1b[2J-CD", "https://id.example/\x1b[2J", 60, 5))
    terminal.page("https://id.example/\r")
    assert "\x1b[2J" not in err.shown
    assert "\r" not in err.shown
    assert "Enter AB\\x1b[2J-CD" in err.shown


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (59, "0:59"), (60, "1:00"), (605, "10:05")])
def test_the_time_that_is_left(streams: Streams, seconds: int, text: str) -> None:
    _, err = streams(terminal=True)
    Terminal(Console(), {}, browser=False).waiting(seconds)
    assert f"waiting; {text} left" in err.shown


def test_a_browser_that_cannot_start_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    module._open(URL, {})
