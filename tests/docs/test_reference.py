"""docs/reference/: the generated pages say what the program says, and so do the tables of the others."""

import re
from pathlib import Path

from docgen import reference
from docgen.exit_codes import MEANING, classes, family
from docgen.seeds import LANGUAGES
from tarkpm.core import variables
from tarkpm.core.version import Range, Version

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
ROW = re.compile(r"^\| (.+) \|$", re.MULTILINE)
VARIABLE = re.compile(r'(?<=")TARKPM_[A-Z_]*')
INTERNAL = {"TARKPM_COMPLETE", "TARKPM_"}
"""What the completion scripts of shells set, and a prefix by itself."""


def rows(text: str) -> list[list[str]]:
    """The rows of all tables of a text, without their heads."""
    cells = [re.split(r"(?<!\\) \| ", row) for row in ROW.findall(text)]
    return [row for row in cells if not set("".join(row)) <= set("-|")]


def test_a_generated_page_is_as_it_would_be_generated() -> None:
    stale = [str(file) for file, text in reference.current().items() if file.read_text("utf-8") != text]
    assert stale == [], "type: python3 dev.py docs"


def test_the_page_of_a_language_shows_what_new_writes() -> None:
    """The sources are built and called by tests/ops/test_new.py."""
    for language in LANGUAGES:
        assert f"<!-- seed: {language} plugin." in (DOCS / "sdk" / f"{language}.md").read_text("utf-8")


def test_every_exit_status_of_an_error_has_its_meaning() -> None:
    assert {one.exit_status for one in classes()} <= set(MEANING)


def test_every_error_has_its_row_in_the_table_of_its_family() -> None:
    """A code that a user reads must be found, with what to do."""
    page = (DOCS / "troubleshooting.md").read_text("utf-8")
    found = {}
    for section in page.split("\n## ")[1:]:
        heading = section.partition("\n")[0]
        found.update({row[0].strip("`"): heading for row in rows(section) if row[0].startswith("`")})
    assert found == {one.__name__: family(one) for one in classes()}


def test_every_variable_has_its_row() -> None:
    """The names in the program: where a string begins, whole or with a part to be filled in."""
    texts = (file.read_text("utf-8") for file in (ROOT / "tarkpm").rglob("*.py"))
    used = {name for text in texts for name in VARIABLE.findall(text)} - INTERNAL
    page = (DOCS / "reference" / "environment.md").read_text("utf-8").partition("## Others")[0]
    named = {row[0].strip("`") for row in rows(page) if row[0].startswith("`")}
    assert {name.partition("<")[0] for name in named} == used


def test_the_words_for_on_and_off_are_the_program_s() -> None:
    page = (DOCS / "reference" / "environment.md").read_text("utf-8")
    words = re.findall(r"On is (.*?); off is (.*?)\.", page)[0]
    assert tuple(tuple(re.findall(r"`(\w+)`", part)) for part in words) == (variables.YES, variables.NO)


def test_a_range_means_the_versions_of_its_row() -> None:
    """Every version of a grid is in the range if and only if the row's words say so."""
    page = (DOCS / "reference" / "ranges.md").read_text("utf-8").partition("\n## ")[0]
    grid = [Version(n // 100, n // 10 % 10, n % 10) for n in range(300)]
    checked = 0
    for typed, written, meant in rows(page)[1:]:
        for text in re.findall(r'`"(.+?)"`', written):
            wanted = [one for one in grid if _means(meant, one)]
            assert [one for one in grid if Range.parse(text).matches(one)] == wanted, (text, meant)
            checked += 1
        if found := re.search(r"NAME@([^'`]+)", typed):
            assert f'`"{Range.parse_typed(found[1])}"`' in written
    assert checked > 10


def _means(words: str, version: Version) -> bool:
    """Whether a version is among `1.4.2`, `any 1.4`, `any` or `1.4.2 and later, below 2.0.0`."""
    if words.startswith("any"):
        return f"{version}.".startswith(words.removeprefix("any").strip() + "." if len(words) > 3 else "")
    bounds = [Version.parse(text) for text in re.findall(r"\d+\.\d+\.\d+", words)]
    return bounds[0] <= version < bounds[1] if len(bounds) == 2 else version == bounds[0]
