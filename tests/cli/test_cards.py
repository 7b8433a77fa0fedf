"""Cards as lines: no text of a plugin can stand where a label does, or push a loud row away."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tarkpm.cli.cards import BAR, card_lines
from tarkpm.core.text import columns
from tarkpm.ops.project.ui import Card, CardRow

CARD = Card(
    "calc 1.0.0 (tool) new",
    (
        CardRow("source", "https://git.example/calc.git tag v1"),
        CardRow("signer", "ed25519:x (NEW)", loud=True),
        CardRow("says", '"adds numbers"'),
    ),
    ("requests 'x', which tarkpm never grants",),
)


def lines(*cards: Card, width: int | None = None, height: int | None = None) -> list[str]:
    return [line.before + line.text for line in card_lines(cards, width, height)]


def test_loud_rows_and_warnings_come_first() -> None:
    assert lines(CARD) == [
        "",
        "  calc 1.0.0 (tool) new",
        f"   signer {BAR} ed25519:x (NEW)",
        f"  warning {BAR} requests 'x', which tarkpm never grants",
        f"   source {BAR} https://git.example/calc.git tag v1",
        f'     says {BAR} "adds numbers"',
    ]


def test_styles_say_what_is_loud() -> None:
    found = {line.text: (line.loud, line.bold) for line in card_lines([CARD], None, None)}
    assert found["calc 1.0.0 (tool) new"] == (False, True)
    assert found["ed25519:x (NEW)"] == (True, False)
    assert found["requests 'x', which tarkpm never grants"] == (True, False)
    assert found['"adds numbers"'] == (False, False)


def test_a_continued_text_stays_behind_the_bar() -> None:
    card = Card("t", (CardRow("says", "word " * 12), CardRow("signer", "x")))
    found = lines(card, width=40)
    assert all(line.startswith(f"         {BAR} word") for line in found[3:-1])
    assert len(found) > 4


def test_a_narrow_terminal_puts_the_text_below_its_label() -> None:
    found = lines(Card("t", (CardRow("capabilities", "shell: runs programs"),)), width=24)
    assert found[2:4] == ["  capabilities", f"  {BAR} shell: runs"]


@pytest.mark.parametrize(("height", "again"), [(None, False), (8, False), (7, True), (3, True)])
def test_what_scrolled_away_is_shown_again(height: int | None, again: bool) -> None:
    """The last line of a terminal is the prompt's."""
    found = lines(CARD, height=height)
    assert ("  look again:" in found) is again
    if again:
        assert found[-3:] == [
            "  calc 1.0.0 (tool) new",
            f"   signer {BAR} ed25519:x (NEW)",
            f"  warning {BAR} requests 'x', which tarkpm never grants",
        ]


def test_nothing_loud_is_nothing_to_look_at_again() -> None:
    assert "  look again:" not in lines(Card("t", (CardRow("a", "b"),) * 9), height=3)


def test_only_cards_with_something_loud_are_shown_again() -> None:
    quiet = Card("quiet", (CardRow("a", "b"),))
    found = lines(quiet, CARD, height=5)
    assert [line for line in found if "quiet" in line] == ["  quiet"]


TEXT = st.text(st.characters(codec="utf-8"), max_size=120)


@given(TEXT, TEXT, st.integers(20, 100))
def test_no_text_begins_a_line_or_wraps(title: str, text: str, width: int) -> None:
    card = Card(title, (CardRow("says", text), CardRow("signer", "UNSIGNED", loud=True)))
    _, *shown = card_lines([card], width, None)
    for line in shown:
        assert line.before.startswith("  ")
        assert (line.before + line.text).isprintable()
        assert len(line.before) + columns(line.text) < width or columns(line.text) <= 2
