"""Sources as people type them: a URL, ``github:owner/repo/folder``, or a folder."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from tarkpm.core.release import (
    GitSource,
    PathSource,
    Source,
    folder_path,
    is_commit,
    names_folder,
    plugin_name,
)
from tarkpm.errors import NotFound, TarkError
from tarkpm.ops.context import locate
from tarkpm.ops.settings import Settings

if TYPE_CHECKING:
    from tarkpm.io.login import Login


class UsageError(TarkError):
    """Arguments that do not fit together."""


def read_sources(
    settings: Settings,
    texts: Sequence[str],
    *,
    tag: str = "",
    branch: str = "",
    rev: str = "",
    path: str = "",
) -> tuple[Settings, list[Source]]:
    """Read source arguments and the options that belong to them; the settings gain the logins in the URLs.

    A login is used by this command and not part of a source, so nothing can write it down. Raises
    `UsageError`, or `Refused` for a URL that tarkpm does not take.
    """
    if len(texts) > 1 and (tag or branch or rev or path):
        raise UsageError("--tag, --branch, --rev and --path take one source", hint="add them one by one")
    if sum(map(bool, (tag, branch, rev))) > 1:
        raise UsageError("expected one of --tag, --branch and --rev, found several")
    if rev and not is_commit(rev):
        raise UsageError(f"--rev takes a whole commit id of 40 hexadecimal digits, found '{rev}'")
    logins = dict(settings.logins)
    sources = [_read_source(settings, text, tag, branch, rev, path, logins) for text in texts]
    return msgspec.structs.replace(settings, logins=logins), sources


def _read_source(
    settings: Settings, text: str, tag: str, branch: str, rev: str, path: str, logins: "dict[str, Login]"
) -> Source:
    if names_folder(text):
        if tag or branch or rev or path:
            raise UsageError("--tag, --branch, --rev and --path belong to git sources", where=text)
        return PathSource(_relative(settings, text))
    if ":" not in text:
        raise _index_name(text)
    from tarkpm.sources.git.url import expand, parse_typed

    address, folder = expand(text)
    url, login = parse_typed(address, allow_http=settings.allow_http)
    if login is not None:
        logins[url.public] = login
    return GitSource(url.public, tag, branch, rev, _folder(path or folder))


def _relative(settings: Settings, text: str) -> str:
    """The path as tark.toml holds it: absolute if it was typed so, else relative to the project."""
    typed = Path(text).expanduser()
    if not (settings.cwd / typed).is_dir():
        raise NotFound("there is no such folder", where=str(settings.cwd / typed))
    place = locate(settings)
    if typed.is_absolute() or not place.environment.in_project:
        return str((settings.cwd / typed).resolve())
    relative = os.path.relpath((settings.cwd / typed).resolve(), place.folder)
    return relative if relative.startswith("..") else f"./{relative}" if relative != "." else "."


def _folder(text: str) -> str:
    try:
        return folder_path(text)
    except ValueError as problem:
        raise UsageError(str(problem), where="--path") from None


def _index_name(text: str) -> TarkError:
    name = text.partition("@")[0]
    if (Path(text)).is_dir():
        return UsageError(f"'{text}' is a folder", hint=f"tarkpm add ./{text}")
    try:
        plugin_name(name)
    except ValueError:
        return UsageError(f"expected a git URL or a folder like ./{text}, found '{text}'")
    return NotFound(
        f"'{text}' is a name, and no index is set up to look it up in",
        hint="tarkpm add https://…  or  ./folder",
    )
