"""Tables fit the terminal, and are whole in a pipe."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.sandbox import Sandbox
from support.terminal import Terminal

from tarkpm.cli.console import fitted


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


@given(st.lists(st.integers(1, 200), min_size=1, max_size=8), st.integers(30, 200))
def test_all_columns_fit(widths: list[int], room: int) -> None:
    fit = fitted(widths, room)
    assert sum(fit) + 2 * (len(fit) - 1) <= room
    assert all(0 < now <= wanted for now, wanted in zip(fit, widths, strict=True))
    if sum(widths) + 2 * (len(widths) - 1) <= room:
        assert fit == widths


def test_a_list_in_a_narrow_terminal(sandbox: Sandbox) -> None:
    sandbox.init()
    folder = sandbox.plugin(sandbox.root / "src" / "text-tools", extra=f'authors = ["{"x" * 90}"]')
    sandbox.run("add", str(folder), "--accept-capabilities").ok()
    with Terminal(sandbox, "list", columns=60) as terminal:
        shown = terminal.finish().ok().err
    plain = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    rows = plain.partition("\r\n\r\n")[0].splitlines()
    assert len(rows) == 2, shown
    assert all(len(row) < 60 for row in rows), rows
    assert rows[1].startswith("text-tools  1.0.0")
    assert "…" in rows[1]
    assert "…" not in sandbox.run("list").ok().out
