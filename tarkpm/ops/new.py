"""``tarkpm new``: the folder of a new plugin, which builds and passes its own test."""

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from tarkpm.core.release import plugin_name
from tarkpm.core.text import is_legible
from tarkpm.errors import Refused, TarkError
from tarkpm.io.files import open_new, remove_tree, sync_folder
from tarkpm.io.programs import child_environment, find_program
from tarkpm.io.temporary import temporary
from tarkpm.ops.project.ownership import check_new_folder
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.release.checks import check_license
from tarkpm.toolchains.scaffold import LICENSES, NewPlugin

_GIT_SECONDS: Final = 5
_MAX_AUTHOR: Final = 100


class NewReport(msgspec.Struct, frozen=True):
    """The new folder, its files, and notes."""

    folder: str
    name: str
    language: str
    type: str
    toolchain: str
    files: tuple[str, ...]
    notes: tuple[str, ...] = ()


def new(
    settings: Settings, name: str, *, language: str, plugin_type: str, spdx: str, author: str | None
) -> NewReport:
    """Write a new plugin into the folder ``name``, which must be empty or not exist.

    Without ``author``, git's ``user.name`` is taken. Raises `TarkError` for a name, license or
    author that would be refused later, and `Refused` for a folder with files.
    """
    checked = _checked_name(name, language)
    check_license(spdx, "--license")
    folder = settings.cwd / name
    check_new_folder(folder, hint="tarkpm new --help")
    if os.path.lexists(folder) and (not folder.is_dir() or any(folder.iterdir())):
        hint = "choose another name, or remove what is there"
        raise Refused("there is already something here", where=str(folder), hint=hint)
    if author is not None and not is_legible(author):
        raise TarkError("expected a name on one line, without quotes", where="--author")
    who = _git_name(settings) if author is None else author
    plugin = NewPlugin(checked, language, plugin_type, spdx, who, time.gmtime().tm_year)
    files = plugin.files()
    if not settings.dry_run:
        _write(folder, files)
    notes = tuple(_notes(folder, spdx))
    return NewReport(
        str(folder), checked, language, plugin_type, plugin.toolchain, tuple(sorted(files)), notes
    )


def _notes(folder: Path, spdx: str) -> Iterator[str]:
    if spdx not in LICENSES:
        yield f"add the text of {spdx} as the file LICENSE"
    repository = next((parent for parent in folder.parents if os.path.lexists(parent / ".git")), None)
    if repository is not None:
        # GitHub reads workflows from the top folder only: this one would never run, without a word.
        yield f"{repository} is a git repository, and .github is read only there: move or delete the workflow"


def _checked_name(name: str, language: str) -> str:
    try:
        checked = plugin_name(name)
    except ValueError as problem:
        raise TarkError(
            str(problem), where=f"'{name[:80]}'", hint=f"tarkpm new my-plugin --lang {language}"
        ) from None
    if checked != name:  # the folder is named so, too
        raise TarkError(
            f"expected '{checked}', found '{name}'",
            where="NAME",
            hint=f"tarkpm new {checked} --lang {language}",
        )
    return checked


def _git_name(settings: Settings) -> str:
    """Return the author's name as git knows it; "" without git, or for a name that cannot be shown."""
    git = find_program("git", settings.search_path)
    if git is None:
        return ""
    try:
        done = subprocess.run(
            [git, "config", "--get", "user.name"],
            cwd=settings.home,
            env=child_environment(settings.environment),
            capture_output=True,
            timeout=_GIT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    name = done.stdout.decode("utf-8", "replace").strip()[:_MAX_AUTHOR]
    return name if is_legible(name) else ""


def _write(folder: Path, files: dict[str, str]) -> None:
    """Write the folder under a temporary name, then rename it: it appears as a whole or not at all."""
    staging = temporary(folder)
    try:
        for path, text in files.items():
            (staging / path).parent.mkdir(parents=True, exist_ok=True)
            with open_new(staging / path, 0o644) as file:
                file.write(text.encode())
        staging.rename(folder)
    except BaseException:
        if staging.exists():
            remove_tree(staging)
        raise
    sync_folder(folder.parent)
