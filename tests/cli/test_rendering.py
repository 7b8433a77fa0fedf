"""Lines that several commands print."""

import click
import pytest

from tarkpm.cli import console
from tarkpm.cli.rendering import (
    colored,
    enabled_line,
    grant_lines,
    note_lines,
    print_log,
    status_text,
    taken_lines,
)
from tarkpm.host.imports.log import LogLine
from tarkpm.ops.change.grants import GrantReport
from tarkpm.ops.change.report import Previous, Taken, TakeReport
from tarkpm.ops.release.listing import PluginRow

from .conftest import Streams


def plain(lines: list[str]) -> list[str]:
    return [click.unstyle(line) for line in lines]


def taken(change: str, **more: object) -> Taken:
    facts = {
        "name": "calc",
        "version": "1.1.0",
        "type": "tool",
        "source": "s",
        "commit": "",
        "signer": "k",
        "capabilities": (),
    }
    return Taken(change=change, **{**facts, **more})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("plugin", "options", "lines"),
    [
        (taken("unchanged"), {}, ["calc 1.1.0 is unchanged"]),
        (taken("added"), {}, ["✓ added calc 1.1.0"]),
        (taken("added", commit="a" * 40), {}, [f"✓ added calc 1.1.0 at {'a' * 12}"]),
        (taken("added"), {"dry_run": True}, ["✓ would add calc 1.1.0"]),
        (taken("added"), {"locked": True}, ["✓ locked calc 1.1.0"]),
        (taken("adopted"), {"dry_run": True, "locked": True}, ["✓ would lock calc 1.1.0"]),
        (
            taken(
                "replaced",
                previous=Previous("1.0.0", "b" * 40, "k"),
                gained=("shell",),
                lost=("storage", "env:A"),
            ),
            {},
            ["✓ replaced calc 1.1.0", f"    was 1.0.0 at {'b' * 12}; gains shell; loses storage, env:A"],
        ),
        (
            taken("replaced", previous=Previous("1.0.0", "", "old")),
            {},
            ["✓ replaced calc 1.1.0", "    was 1.0.0; signer was old"],
        ),
        (
            taken("replaced", previous=Previous("1.0.0", "", "")),
            {},
            ["✓ replaced calc 1.1.0", "    was 1.0.0"],
        ),
    ],
)
def test_what_add_update_and_lock_print(plugin: Taken, options: dict[str, bool], lines: list[str]) -> None:
    report = TakeReport((plugin,), ("mind this",))
    found = plain(taken_lines(report, **{"dry_run": False, **options}))
    assert found == [*lines, "note: mind this"]


def test_what_a_plugin_says_of_itself_starts_no_line() -> None:
    was = taken("replaced", previous=Previous("1.0.0", "", "k"), gained=("env:A\n✓ added evil",))
    assert not any("\n" in line for line in taken_lines(TakeReport((was,)), dry_run=False))
    assert plain(note_lines(("a\nb",))) == ["note: a\\nb"]


@pytest.mark.parametrize(
    ("status", "text"),
    [
        ("enabled", "✓ enabled"),
        ("disabled", "✗ disabled"),
        ("revoked", "✗ revoked"),
        ("missing", "! missing"),
    ],
)
def test_a_status_has_a_mark(status: str, text: str) -> None:
    assert status_text(status) == text


def test_only_the_first_status_of_a_line_is_colored() -> None:
    line = "calc  ✓ enabled  says: ✓ enabled"
    assert colored(line) == "calc  \x1b[32m✓ enabled\x1b[0m  says: ✓ enabled"
    assert colored("calc  ! missing") == "calc  ! missing"


@pytest.mark.parametrize(
    ("dry_run", "text"), [(False, "✗ disabled calc"), (True, "nothing was changed; calc is disabled")]
)
def test_what_disable_prints(dry_run: bool, text: str) -> None:
    row = PluginRow("calc", "1.0.0", "tool", "disabled", "k", "")
    assert plain([enabled_line(row, dry_run=dry_run)]) == [text]


@pytest.mark.parametrize(
    ("report", "dry_run", "lines"),
    [
        (
            GrantReport("calc", ("shell",), ("shell",), ("storage",)),
            False,
            ["+ calc is allowed shell", "- calc is no longer allowed storage", "calc is granted: shell"],
        ),
        (GrantReport("calc", ()), True, ["calc would be granted: nothing"]),
        (
            GrantReport("calc", ("shell",), ("shell",)),
            True,
            ["+ calc would be allowed shell", "calc would be granted: shell"],
        ),
    ],
)
def test_what_grant_and_revoke_print(report: GrantReport, dry_run: bool, lines: list[str]) -> None:
    assert plain(grant_lines(report, dry_run=dry_run)) == lines


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (LogLine("calc", "info", "hello"), "[calc] info: hello\n"),
        (LogLine("calc", "error", "bad"), "[calc] error: bad\n"),
        (LogLine("calc", "debug", "hidden"), ""),
        (LogLine("calc", "warn", "too long", by_host=True), "[tarkpm] calc: too long\n"),
    ],
)
def test_a_plugins_log(streams: Streams, line: LogLine, shown: str) -> None:
    out, err = streams()
    print_log(line)
    assert (out.shown, err.shown) == ("", shown)


def test_debug_messages_and_output_are_for_authors(streams: Streams, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console._Verbosity, "is_on", True)
    _, err = streams()
    print_log(LogLine("calc", "debug", "shown"))
    print_log(LogLine("calc", "debug", "printed", stream="stderr"))
    assert err.shown == "[calc] debug: shown\n[calc] stderr: printed\n"
