"""The sources on the pages of languages: those that `tarkpm new` writes, and a test builds and runs."""

import re
from typing import Final

from tarkpm.toolchains.scaffold import NewPlugin

LANGUAGES: Final = ("c", "javascript", "python", "rust")
_SEED: Final = re.compile(
    r"(?P<head>^<!-- seed: (?P<language>\w+) (?P<file>[\w.]+) -->\n\n```\w+\n).*?(?P<end>^```$)",
    re.MULTILINE | re.DOTALL,
)


def filled(page: str) -> str:
    """Return a page with the source of each seed as the program writes it."""
    return _SEED.sub(
        lambda found: found["head"] + _source(found["language"], found["file"]) + found["end"], page
    )


def _source(language: str, file: str) -> str:
    return NewPlugin("word-count", language, "tool", "MIT", "", 2026).files()[file].rstrip("\n") + "\n"
