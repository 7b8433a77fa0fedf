"""What a release was built from, as its publisher signs it: a commit and a toolchain (docs/decisions/0224).

Optional in a release statement, as ``predicate.source``::

    {"git": "https://…", "commit": "…", "path": "folder", "toolchain": "ziglang 0.17.1"}

``path`` and ``toolchain`` are left out if they are empty.
"""

from typing import Any, Final

import msgspec

from tarkpm.core import git_url
from tarkpm.core.file_names import folder_path
from tarkpm.core.release import GitSource, is_commit
from tarkpm.core.text import short
from tarkpm.errors import Refused

MAX_TOOLCHAIN: Final = 80
_SCHEMES: Final = frozenset({"https", "http"})
"""Anybody is to be able to fetch it: ssh needs an account, and a ``file:`` is on the publisher's disk."""


class BuiltFrom(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A folder of a repository at a commit, and the toolchain that built it with its version; "" if unknown.

    Use `checked`, which validates the texts.
    """

    git: str
    commit: str
    path: str = ""
    toolchain: str = ""

    @property
    def source(self) -> GitSource:
        """The commit as a source."""
        return GitSource(self.git, rev=self.commit, path=self.path, commit=self.commit)

    def is_at(self, other: "BuiltFrom") -> bool:
        """Return whether both name one folder of one commit, by whatever toolchain."""
        return msgspec.structs.replace(self, toolchain="") == msgspec.structs.replace(other, toolchain="")

    def table(self) -> dict[str, str]:
        """Return the JSON object."""
        table: dict[str, str] = msgspec.to_builtins(self)
        return table

    def __str__(self) -> str:
        return f"{self.git} commit {self.commit}" + (f" folder {self.path}" if self.path else "")


def checked(built: BuiltFrom) -> BuiltFrom:
    """Return ``built`` if its texts are valid and in the one spelling that is signed. Raises `ValueError`."""
    try:
        url = git_url.parse(built.git)
    except Refused as problem:
        raise ValueError(f"git: {problem.message}") from None
    if url.scheme not in _SCHEMES or url.public != built.git:
        raise ValueError(f"git: expected the https URL of a repository, found {short(built.git)}")
    if not is_commit(built.commit):
        raise ValueError(f"commit: expected 40 hexadecimal digits, found {short(built.commit)}")
    if folder_path(built.path) != built.path:
        raise ValueError(f"path: expected a folder of the repository, found {short(built.path)}")
    text = built.toolchain
    # It is shown on a terminal, and compared as text.
    if len(text) > MAX_TOOLCHAIN or not (text.isascii() and text.isprintable()):
        raise ValueError(f"toolchain: expected a name and a version, found {short(text)}")
    return built


def from_table(value: Any) -> BuiltFrom:
    """Read the JSON object. Raises `ValueError`."""
    from tarkpm.core.shapes import from_value

    try:
        return checked(from_value(value, BuiltFrom))
    except msgspec.ValidationError as problem:
        raise ValueError(f"source: {problem}") from None
