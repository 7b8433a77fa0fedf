"""Every module and test that the reference pages name is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = ("docs/trust-rules.md",)
CODE = re.compile(r"`((?:[a-z_]+/)*[a-z_]+\.py)`")
FOLDERS = ("", "tarkpm", "tests/attacks")


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_names_is_there(page: str) -> None:
    named = CODE.findall((ROOT / page).read_text())
    assert named
    missing = [name for name in named if not any((ROOT / folder / name).is_file() for folder in FOLDERS)]
    assert missing == []
