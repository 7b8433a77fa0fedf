"""What strangers wrote, broken into lines and quoted: nothing is lost, nothing is too wide."""

from hypothesis import given
from hypothesis import strategies as st

from tarkpm.core.text import columns, cut, is_legible, neutral, quoted, wrapped


@given(st.text(), st.integers(2, 100))
def test_lines_are_narrow_enough_and_have_every_character(text: str, width: int) -> None:
    lines = wrapped(neutral(text), width)
    assert all(columns(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(neutral(text).split())
    assert all(line == line.strip() and "  " not in line for line in lines)


@given(st.text(), st.integers(0, 400))
def test_a_quotation_has_two_marks_and_is_one_line(text: str, limit: int) -> None:
    said = quoted(text, limit)
    assert said[0] == said[-1] == '"'
    assert '"' not in said[1:-1]
    assert said.isprintable()
    assert len(said) < 10 * limit + 60


@given(st.text(max_size=30), st.integers(2, 40))
def test_what_is_cut_is_narrow_enough(text: str, width: int) -> None:
    assert columns(cut(text, width)) <= width


@given(st.text(max_size=20))
def test_a_legible_name_is_shown_as_it_is(text: str) -> None:
    if is_legible(text):
        assert neutral(text) == text
        assert wrapped(text, 100) == [text]
