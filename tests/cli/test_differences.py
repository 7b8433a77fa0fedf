"""Changes in a few words, as `tarkpm log` prints them."""

import pytest

from tarkpm.cli.differences import summary_words
from tarkpm.core.generation import GenerationChange


@pytest.mark.parametrize(
    ("before", "after", "kinds", "words"),
    [
        (
            "1.0.0",
            "1.1.0",
            ("version", "source", "digest", "files"),
            "~ calc 1.0.0 → 1.1.0: source, contents",
        ),
        ("1.0.0", "1.1.0", ("version", "commit"), "~ calc 1.0.0 → 1.1.0"),
        ("1.0.0", "1.0.0", ("commit",), "~ calc 1.0.0: commit"),
        ("1.0.0", "1.0.0", ("digest",), "~ calc 1.0.0: digest"),
        ("1.0.0", "1.0.0", ("range",), "~ calc 1.0.0: range"),
    ],
)
def test_a_summary_names_what_changed(before: str, after: str, kinds: tuple[str, ...], words: str) -> None:
    assert summary_words(GenerationChange("calc", "changed", before, after, kinds)) == words
