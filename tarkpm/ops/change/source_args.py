"""Read source arguments: a URL, ``github:owner/repo/folder``, ``oci://…``, a folder, or a plugin's name."""

import os
import re
from collections.abc import Sequence
from shlex import quote
from typing import TYPE_CHECKING, Final

import msgspec

from tarkpm.core.file_names import folder_path
from tarkpm.core.name_similarity import did_you_mean
from tarkpm.core.patterns import lazy_pattern
from tarkpm.core.project import Project
from tarkpm.core.release import (
    GitSource,
    OciSource,
    PathSource,
    PluginName,
    Source,
    is_commit,
    names_folder,
    plugin_name,
)
from tarkpm.core.version import Range
from tarkpm.errors import NotFound, TarkError
from tarkpm.io.paths import expanded
from tarkpm.ops.change.propose import PluginRequest
from tarkpm.ops.project.location import locate
from tarkpm.ops.project.settings import Settings

if TYPE_CHECKING:
    from tarkpm.io.login import Login


class UsageError(TarkError):
    """Arguments that do not fit together."""


_NAMED = lazy_pattern(r"(?:(?P<index>[A-Za-z0-9_-]+):)?(?P<name>[A-Za-z0-9_-]+)(?:@(?P<range>[^:/]*))?")
_HOST_FIRST = lazy_pattern(r"(?P<host>(?:[a-z0-9-]+\.)+[a-z]{2,}(?::[0-9]+)?)/[a-z0-9._/-]+(?:[:@][^/]*)?")
_INDEX_ALONE = lazy_pattern(r"[A-Za-z0-9_-]+:(?:@[^:/]*)?")


class GitRef(msgspec.Struct, frozen=True):
    """The options that go with the URL of a repository."""

    tag: str = ""
    branch: str = ""
    rev: str = ""
    path: str = ""

    @property
    def given(self) -> bool:
        """Return whether any was typed."""
        return self != NO_REF


NO_REF: Final = GitRef()


class SourceArg(msgspec.Struct, frozen=True):
    """One argument of ``add``: a source, or a plugin's name in an index ("": the project's only one)."""

    source: Source | None = None
    index: str = ""
    name: PluginName | None = None
    range: str = ""

    verb: str = "add"

    def request(self, project: Project) -> PluginRequest:
        """Return the request in a project. Raises `NotFound`, or `UsageError` for an ambiguous index."""
        if self.source is not None:
            return PluginRequest(self.source)
        indexes = project.indexes
        if self.index and self.index not in indexes:
            near = did_you_mean(self.index, indexes)
            raise NotFound(f"this project has no index '{self.index}'{near}", hint="tarkpm index list")
        if not indexes:
            hint = "tarkpm index add NAME URL --root sha256:…"
            raise NotFound(f"this project has no index to find the plugin '{self.name}' in", hint=hint)
        if not self.index and len(indexes) > 1:
            known = sorted(indexes)
            raise UsageError(
                f"'{self.name}' is ambiguous: this project has several indexes: {', '.join(known)}",
                hint=f"tarkpm {self.verb} {known[0]}:{self.name}" + (f"@{self.range}" if self.range else ""),
            )
        index = indexes[PluginName(self.index)] if self.index else next(iter(indexes.values()))
        return PluginRequest(index.source, self.name, self.range)


def read_source_args(
    settings: Settings, texts: Sequence[str], ref: GitRef = NO_REF, *, verb: str = "add"
) -> tuple[Settings, list[SourceArg]]:
    """Read source arguments and the options that belong to them; the settings gain the logins in the URLs.

    A login is not part of a source, so it is never written down (docs/trust-rules.md, rule 11). ``verb`` is
    the command that hints name. Raises `UsageError`, or `Refused` for a URL that tarkpm does not accept.
    """
    if len(texts) > 1 and ref.given:
        message = "--tag, --branch, --rev and --path apply to one source, found several"
        raise UsageError(message, hint="add them one by one")
    if sum(map(bool, (ref.tag, ref.branch, ref.rev))) > 1:
        raise UsageError("expected one of --tag, --branch and --rev, found several")
    ref = msgspec.structs.replace(ref, rev=ref.rev.lower())  # git prints ids in lower case and takes both
    if ref.rev and not is_commit(ref.rev):
        raise UsageError(f"--rev expects a full commit id of 40 hexadecimal digits, found '{ref.rev}'")
    logins = dict(settings.logins)
    args = [_read_source_arg(settings, text, ref, verb, logins) for text in texts]
    return msgspec.structs.replace(settings, logins=logins), args


def _read_source_arg(
    settings: Settings, text: str, ref: GitRef, verb: str, logins: "dict[str, Login]"
) -> SourceArg:
    if names_folder(text):
        if ref.given:
            raise UsageError("--tag, --branch, --rev and --path apply only to git sources", where=text)
        return SourceArg(PathSource(relative_folder(settings, text)))
    if text[:6].lower() == "oci://":
        return SourceArg(_registry_source(text, ref))
    if (named := _NAMED.fullmatch(text)) and not _is_half_of_github(settings, named):
        if ref.given:
            raise UsageError("--tag, --branch, --rev and --path apply only to git sources")
        return _named(settings, text, named, verb)
    if _INDEX_ALONE.fullmatch(text):
        text = "expected a plugin name after the index name, as in INDEX:NAME"
        raise UsageError(text, hint="tarkpm search WORDS")
    if ":" not in text or _HOST_FIRST.fullmatch(text):
        _refuse_file(settings, text)
        message = f"expected a URL, a name or a folder like ./{text}, found '{text}'"
        raise UsageError(message, hint=_with_scheme(text, verb))
    return SourceArg(_repository_source(settings, text, ref, logins))


def _repository_source(settings: Settings, text: str, ref: GitRef, logins: "dict[str, Login]") -> GitSource:
    from tarkpm.sources.git.url import expand, parse_typed

    if text.startswith("github:") and "/" not in text:
        raise UsageError(f"expected github:owner/repo or github:owner/repo/folder, found '{text}'")
    address, folder = expand(text)
    url, login = parse_typed(address, allow_http=settings.allow_http)
    # Kept in memory for this command only; the source has the URL without it.
    if login is not None:
        logins[url.public] = login
    source = GitSource(url.public, ref.tag, ref.branch, ref.rev, _folder(ref.path or folder))
    try:
        _ = source.tag_range
    except ValueError as problem:
        raise UsageError(str(problem), where="--tag") from None
    return source


def _with_scheme(text: str, verb: str) -> str:
    """Return the command that was meant by a host without a scheme, as docker and browsers take it."""
    found = _HOST_FIRST.fullmatch(text)
    if found is None:
        return ""
    scheme = "https" if found["host"].startswith(("git", "codeberg.", "bitbucket.")) else "oci"
    return f"tarkpm {verb} {quote(f'{scheme}://{text}')}"


def _registry_source(text: str, ref: GitRef) -> OciSource:
    """Read ``oci://host/repository[:tag|@digest]``. Raises `Refused`, and `UsageError` for options of git."""
    from tarkpm.core.oci.reference import parse

    found = parse(text)
    if ref.given:
        message = "--tag, --branch, --rev and --path apply only to git sources"
        raise UsageError(f"{message}; a tag of a registry follows a colon: {found.location}:TAG")
    return OciSource(f"{found.registry}/{found.repository}", found.tag, found.digest)


def _is_half_of_github(settings: Settings, named: re.Match[str]) -> bool:
    """Return whether ``github:owner`` was typed, in a project that has no index named github."""
    if named["index"] != "github":
        return False
    from tarkpm.core.project import Project

    file = locate(settings).project_file
    if not file.is_file():
        return True
    return PluginName("github") not in Project.parse(file.read_bytes(), where=str(file)).indexes


def relative_folder(settings: Settings, text: str) -> str:
    """Return a path as tark.toml stores it: absolute if typed so, otherwise relative to the project.

    Raises `NotFound`.
    """
    typed = expanded(text)
    if not (settings.cwd / typed).is_dir():
        _refuse_file(settings, text)
        raise NotFound("the folder does not exist", where=str(settings.cwd / typed))
    place = locate(settings)
    if typed.is_absolute() or not place.environment.in_project:
        return str((settings.cwd / typed).resolve())
    relative = os.path.relpath((settings.cwd / typed).resolve(), place.folder)
    return relative if relative.startswith("..") else f"./{relative}" if relative != "." else "."


def _refuse_file(settings: Settings, text: str) -> None:
    """Raise `NotFound` if ``text`` is the path of a file, such as a plugin's module."""
    file = settings.cwd / expanded(text)
    if os.path.isfile(file):  # noqa: PTH113  `Path.is_file` raises where the name is too long
        hint = f"tarkpm inspect {quote(str(file))}" if file.suffix == ".wasm" else ""
        raise NotFound("expected a folder, found a file", where=str(file), hint=hint)


def _folder(text: str) -> str:
    try:
        return folder_path(text)
    except ValueError as problem:
        raise UsageError(str(problem), where="--path") from None


def _named(settings: Settings, text: str, named: re.Match[str], verb: str) -> SourceArg:
    """Read a plugin name with optional index and range: ``text-tools``, ``community:text-tools@^1.2``.

    ``text-tools@1.2.0`` is exactly that version.
    """
    # A folder here and a plugin in an index may have one name: the user must say which is meant.
    if not named["index"] and (settings.cwd / text).is_dir():
        raise UsageError(f"'{text}' is a folder", hint=f"tarkpm {verb} ./{text}")
    wanted = named["range"]
    try:
        return SourceArg(
            None,
            plugin_name(named["index"]) if named["index"] else "",
            plugin_name(named["name"]),
            "" if wanted is None else str(Range.parse_typed(wanted)),
            verb,
        )
    except ValueError as problem:
        raise UsageError(str(problem)) from None  # without the argument: it may be user:password@host
