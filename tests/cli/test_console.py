"""Terminal output: what is prompted, colored, neutralized and masked, and on which stream."""

import json

import pytest
from support.streams import Stream

from tarkpm.cli.console import (
    Console,
    clear_line,
    echo,
    echo_json,
    echo_output,
    print_error,
    style,
)
from tarkpm.cli.tables import table
from tarkpm.errors import Unreachable
from tarkpm.ops.project.ui import Card, CardRow

from .conftest import Streams

CARD = Card("calc", (CardRow("signer", "UNSIGNED", loud=True), CardRow("says", "\x1b[2Jhello")))


@pytest.mark.parametrize(
    ("stdin", "stderr", "interactive"), [(True, True, True), (True, False, False), (False, True, False)]
)
def test_a_user_needs_a_terminal_to_read_and_one_to_type(
    monkeypatch: pytest.MonkeyPatch, stdin: bool, stderr: bool, interactive: bool
) -> None:
    monkeypatch.setattr("sys.stdin", Stream(terminal=stdin))
    monkeypatch.setattr("sys.stderr", Stream(terminal=stderr))
    assert Console().interactive is interactive


def test_closed_streams_are_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    monkeypatch.setattr("sys.stderr", None)
    assert not Console().interactive
    clear_line()


@pytest.mark.parametrize(("terminal", "escaped"), [(True, True), (False, False)])
def test_cards_go_to_standard_error_and_are_safe(streams: Streams, terminal: bool, escaped: bool) -> None:
    out, err = streams(terminal=terminal)
    Console().show([CARD])
    assert out.shown == ""
    assert "\\x1b[2Jhello" in err.shown
    assert ("\x1b[33m" in err.shown) is escaped  # yellow, where it is loud
    assert "\x1b[2J" not in err.shown


@pytest.mark.parametrize(
    ("answer", "agreed"), [("y\n", True), ("yes\n", True), ("n\n", False), ("\n", False)]
)
def test_only_yes_is_yes(streams: Streams, answer: str, agreed: bool) -> None:
    out, err = streams(terminal=True, stdin=answer)
    assert Console().confirm("Proceed?") is agreed
    assert out.shown == ""
    assert "Proceed? [y/N]" in err.shown


@pytest.mark.parametrize(("typed", "line"), [("  hello \nmore\n", "hello"), ("", "")])
def test_a_line_is_read_stripped(streams: Streams, typed: str, line: str) -> None:
    _, err = streams(terminal=True, stdin=typed)
    assert Console().read("> ") == line
    assert err.shown.endswith("\n") is (not typed)  # Ctrl-D leaves the cursor behind the prompt


# -- progress


def test_progress_is_for_a_terminal(streams: Streams) -> None:
    _, err = streams(terminal=False)
    console = Console()
    console.busy("fetching")
    console.busy("")
    assert err.shown == ""


def test_progress_is_one_line_that_the_next_output_replaces(streams: Streams) -> None:
    _, err = streams(terminal=True)
    console = Console()
    console.busy("")  # nothing is shown, so that nothing is cleared
    assert err.shown == ""
    console.busy("fetching " + "x" * 200 + "\n\x1b[2J")
    console.note("done")
    first, _, rest = err.shown.partition("\r\x1b[2K")[2].partition("\r\x1b[2K")
    assert "…" in first
    assert len(first.replace("\x1b[2m", "").replace("\x1b[0m", "")) == 79
    assert "note: " in rest


def test_a_note_of_a_plugin_is_neutral(streams: Streams) -> None:
    _, err = streams()
    Console().note("a\x1b[2J\nb")
    assert err.shown == "note: a\\x1b[2J\\nb\n"


# -- color


@pytest.mark.parametrize(
    ("terminal", "variables", "colored"),
    [(True, {}, True), (False, {}, False), (True, {"NO_COLOR": "1"}, False), (True, {"TERM": "dumb"}, False)],
)
def test_color(
    streams: Streams,
    monkeypatch: pytest.MonkeyPatch,
    terminal: bool,
    variables: dict[str, str],
    colored: bool,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    out, err = streams(terminal=terminal)
    echo(style("ok", fg="green"))
    Console().say(style("ok", fg="green"))
    for stream in (out, err):
        assert ("\x1b[32m" in stream.shown) is colored
        assert "ok" in stream.shown


# -- a plugin's output


@pytest.mark.parametrize(("terminal", "shown"), [(True, "a\\x1b[2J\n\tb\n"), (False, "a\x1b[2J\n\tb\n")])
def test_a_plugins_output_is_neutral_at_a_terminal_and_exact_in_a_file(
    streams: Streams, terminal: bool, shown: str
) -> None:
    out, _ = streams(terminal=terminal)
    echo_output("a\x1b[2J\n\tb")
    assert out.shown == shown


def test_json_is_ascii_whatever_a_plugin_says(streams: Streams) -> None:
    out, _ = streams(terminal=True)
    echo_json({"text": "\x1b[2J\u202e\ud800é"})
    assert out.shown.isascii()
    assert json.loads(out.shown)["text"] == "\x1b[2J\u202e\ud800é"


# -- errors


def test_an_error_says_three_things(streams: Streams) -> None:
    out, err = streams()
    status = print_error(Unreachable("down\x1b[2J", where="https://h/x", hint="try again"))
    assert status == 5
    assert err.shown == "error: down\\x1b[2J\n  where: https://h/x\n  help: try again\n"
    assert out.shown == ""


def test_an_error_about_a_very_long_argument_is_cut_visibly(streams: Streams) -> None:
    _, err = streams()
    print_error(Unreachable("no such name", where="x" * 131_071, hint="y"))
    assert err.shown == f"error: no such name\n  where: {'x' * 8_192}… (122,879 characters more)\n  help: y\n"


def test_an_error_without_place_and_hint_is_one_line(streams: Streams) -> None:
    _, err = streams()
    print_error(Unreachable("down"))
    assert err.shown == "error: down\n"


def test_an_error_is_also_json(streams: Streams) -> None:
    out, _ = streams()
    print_error(Unreachable("down", where="w", hint="h"), as_json=True)
    assert json.loads(out.shown)["error"] == {
        "code": "Unreachable",
        "message": "down",
        "where": "w",
        "hint": "h",
        "exit_status": 5,
    }


def test_a_password_is_repeated_nowhere(streams: Streams) -> None:
    out, err = streams()
    url = "https://me:s3cret@git.example/x"
    print_error(Unreachable(f"cannot read {url}", where=url, hint=f"git ls-remote {url}"), as_json=True)
    assert "s3cret" not in out.shown + err.shown
    assert err.shown.count("me:…@git.example") == 3


def test_a_reader_that_is_gone_changes_no_exit_status(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone(Stream):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr("sys.stderr", Gone())
    assert print_error(Unreachable("down")) == 5


# -- tables


def test_columns_are_aligned_and_the_last_is_not_padded() -> None:
    assert table(("A", "LONG"), [("x", "y"), ("longer", "")]) == ["A       LONG", "x       y", "longer"]
    assert table(("A", "B"), []) == ["A  B"]


@pytest.mark.parametrize(("terminal", "cut"), [(True, True), (False, False)])
def test_a_line_does_not_wrap_into_what_looks_like_another(
    streams: Streams, terminal: bool, cut: bool
) -> None:
    streams(terminal=terminal)
    *_, line = table(("A", "B"), [("x", "y" * 200)])
    assert (len(line) < 80) is cut
