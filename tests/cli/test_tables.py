"""Tables fit the terminal, and are whole in a pipe."""

import re
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.advised import advise, advisory
from support.indexed import IndexedProject
from support.sandbox import Sandbox
from support.terminal import Terminal

from tarkpm.cli import tables
from tarkpm.cli.tables import fitted, table
from tarkpm.core.layout import SEARCH
from tarkpm.core.release import PluginName
from tarkpm.core.search import SearchEntry, render
from tarkpm.core.version import Version


@pytest.mark.parametrize(
    ("widths", "room", "fit"),
    [
        ((4, 5), 80, [4, 5]),
        ((4, 50), 30, [4, 24]),
        ((40, 50), 30, [14, 14]),
        ((4, 50, 60), 40, [4, 16, 16]),
        ((10, 10), 1, [1, 1]),
    ],
)
def test_the_widest_columns_are_cut(widths: tuple[int, ...], room: int, fit: list[int]) -> None:
    assert fitted(widths, room) == fit


@pytest.mark.parametrize(
    ("widths", "kept", "room", "fit"),
    [
        ((20, 7, 4, 30, 60), (0,), 59, [20, 7, 4, 10, 10]),
        ((10, 7, 20, 60), (3,), 59, [4, 4, 4, 41]),
        ((4, 50), (0,), 80, [4, 50]),
        ((200, 4), (0,), 59, [53, 4]),
    ],
)
def test_what_a_person_types_again_has_room_first(
    widths: tuple[int, ...], kept: tuple[int, ...], room: int, fit: list[int]
) -> None:
    assert fitted(widths, room, kept) == fit


@given(st.lists(st.integers(1, 200), min_size=1, max_size=8), st.integers(30, 200))
def test_all_columns_fit(widths: list[int], room: int) -> None:
    fit = fitted(widths, room)
    assert sum(fit) + 2 * (len(fit) - 1) <= room
    assert all(0 < now <= wanted for now, wanted in zip(fit, widths, strict=True))
    if sum(widths) + 2 * (len(widths) - 1) <= room:
        assert fit == widths


def test_a_path_goes_on_below_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    path = "/home/someone/" + "/".join(["a-long-folder"] * 6)
    monkeypatch.setattr(tables, "is_terminal", lambda _stream: True)
    monkeypatch.setattr(tables, "size", lambda _stream: (60, 24))
    lines = table(
        ("ACCEPTED", "DIGEST", "PROJECT"), [("2026-11-28", "sha256:" + "a" * 12, path)], whole=("PROJECT",)
    )
    assert all(len(line) < 60 for line in lines)
    assert "".join(line[lines[0].index("PROJECT") :] for line in lines[1:]) == path


def test_names_versions_and_times_are_whole_in_a_narrow_terminal(
    indexed: IndexedProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The least important column is cut: a source, a digest, a description, a command."""
    sandbox, name, version, newer = indexed.sandbox, "a-name-of-18-chars", "1.20.30-rc.12", "1.20.30-rc.13"
    for each in (version, newer):
        indexed.release(name, each, '[capabilities]\nhttp = ["api.example.com", "cdn.example.com"]')
    entry = SearchEntry(PluginName(name), Version.parse(newer), "tool", ("http",), "words " * 19)
    indexed.repo.put(SEARCH, render([entry]))
    indexed.repo.publish()
    indexed.use()
    sandbox.run("add", f"{name}@={version}", "--accept-capabilities").ok()
    monkeypatch.setattr(tables, "is_terminal", lambda _stream: True)
    monkeypatch.setattr(tables, "size", lambda _stream: (60, 24))
    shown = {
        "list": (name, version),
        "outdated": (name, version, newer),
        "log": ("1", datetime.now().astimezone().strftime("%Y-%m-%d"), f"+ {name}"),
        "accepted": (datetime.now().astimezone().strftime("%Y-%m-%d"),),
        f"search {name}": (f"community:{name}", newer),
        f"versions {name}": (version, newer, "locked"),
    }
    for command, texts in shown.items():
        page = sandbox.run(*command.split()).out
        assert all(len(line) < 60 for line in page.splitlines() if ": " not in line), page
        assert all(text in page for text in texts), page


def test_a_list_in_a_narrow_terminal(sandbox: Sandbox) -> None:
    sandbox.init()
    folder = sandbox.plugin(
        sandbox.root / "src" / "a-name-of-18-chars",
        name="a-name-of-18-chars",
        extra=f'authors = ["{"x" * 90}"]',
    )
    sandbox.run("add", str(folder), "--accept-capabilities").ok()
    with Terminal(sandbox, "list", columns=60) as terminal:
        shown = terminal.finish().ok().err
    plain = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    rows = plain.partition("\r\n\r\n")[0].splitlines()
    assert len(rows) == 2, shown
    assert all(len(row) < 60 for row in rows), rows
    assert rows[1].startswith("a-name-of-18-chars  ")
    assert "✓ enabled" in rows[1]
    assert "…" in rows[1]
    assert "…" not in sandbox.run("list").ok().out


def test_no_rule_and_no_advisory_is_cut_in_a_narrow_terminal(
    indexed: IndexedProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox = indexed.sandbox
    indexed.release("text-tools")
    indexed.use()
    sandbox.run("add", "text-tools", "--accept-capabilities").ok()
    advise(indexed.repo, advisory(indexed.repo, id_="x_TARK-2026-0001"))
    policy = sandbox.home / ".config" / "tarkpm" / "policy.toml"
    policy.parent.mkdir(parents=True)
    policy.write_text(
        f'signers = ["{sandbox.key("lead")}"]\nlicenses = ["MIT", "Apache-2.0", "BSD-3-Clause"]\n'
    )
    monkeypatch.setattr(tables, "is_terminal", lambda _stream: True)
    monkeypatch.setattr(tables, "size", lambda _stream: (60, 24))
    for words in (("policy", "show"), ("policy", "explain", "text-tools"), ("audit",), ("licenses",)):
        lines = sandbox.run(*words).out.splitlines()
        assert "…" not in "".join(lines), lines
        assert all(len(line) < 60 for line in lines if "checked" not in line), lines
        assert "x_TARK-2026-0001" in "".join(lines) or words != ("audit",)
