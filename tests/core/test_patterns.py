"""Patterns that are compiled when they are first used."""

import re

import pytest

from tarkpm.core import patterns
from tarkpm.core.patterns import lazy_pattern


def test_it_is_compiled_at_its_first_use_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[str] = []

    class Counting:
        @staticmethod
        def compile(text: str, flags: int) -> re.Pattern[str]:
            compiled.append(text)
            return re.compile(text, flags)

    monkeypatch.setattr(patterns, "re", Counting)
    number = lazy_pattern(r"[0-9]+")
    assert compiled == []
    assert number.fullmatch("12")
    assert not number.fullmatch("1x")
    assert compiled == [r"[0-9]+"]


def test_it_does_what_a_compiled_one_does() -> None:
    word = lazy_pattern(r"(?P<word>[a-z]+)", re.IGNORECASE)
    found = word.search("1 Word")
    assert found is not None
    assert found["word"] == "Word"
    assert word.sub("-", "a b") == "- -"
    assert (word.pattern, word.flags & re.IGNORECASE) == (r"(?P<word>[a-z]+)", re.IGNORECASE)
    assert lazy_pattern(rb"\x00").match(b"\x00")


def test_one_that_cannot_be_compiled_raises_what_compile_raises() -> None:
    with pytest.raises(re.error):
        lazy_pattern("(").match("")
