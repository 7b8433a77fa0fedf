"""``tarkpm mcp connect`` and ``disconnect``: have a client start this project's server, or stop doing so."""

import difflib
import json
import shlex
import shutil
import sys
import tomllib
from pathlib import Path

import msgspec

from tarkpm.core.agent import jsonc
from tarkpm.core.agent.clients import CLIENTS, NAME, Client, entry
from tarkpm.core.document import inline, lower_first
from tarkpm.core.names import PROJECT
from tarkpm.core.toml_edit import rewrite
from tarkpm.errors import ConsentError, DocumentError, Edited, HostError
from tarkpm.io.files import atomic_write, read_optional
from tarkpm.io.paths import resolved
from tarkpm.ops.project.links import followed
from tarkpm.ops.project.location import Location, locate
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.ui import Ui

MAX_SETTINGS = 16 * 1024 * 1024
"""Bytes of a client's settings; Claude Code keeps its history in the same file."""


class ConnectReport(msgspec.Struct, frozen=True):
    """A change of a client's settings: ``diff`` as unified lines, ``snippet`` as a person would paste it."""

    client: str
    file: str
    changed: bool
    diff: tuple[str, ...]
    snippet: str


class Change(msgspec.Struct, frozen=True):
    """What a file is to become. ``before`` is None if there is no file, ``after`` if it is to be deleted.

    Folders below ``top`` that are empty then are deleted with it.
    """

    file: Path
    before: bytes | None
    after: bytes | None
    report: ConnectReport
    top: Path


def plan(settings: Settings, name: str, *, remove: bool = False) -> Change:
    """Return the change that connects a client, or disconnects it. Raises `HostError`, `DocumentError`."""
    client = CLIENTS[name]
    location = locate(settings)
    file = _file(settings, location, client)
    before = read_optional(file, MAX_SETTINGS)
    command, arguments = _command(settings, location, client, file)
    wanted = entry(client, command, arguments)
    snippet = _snippet(client, wanted)
    try:
        text = "" if before is None else before.decode("utf-8")
        after = _edited(client, text, None if remove else wanted)
    except jsonc.JsonError as problem:
        line = text.count("\n", 0, problem.at) + 1
        raise _unreadable(f"the file is not JSON: {problem} (line {line})", name, file) from None
    except tomllib.TOMLDecodeError as problem:  # its text has the line
        raise _unreadable(f"the file is not TOML: {lower_first(str(problem))}", name, file) from None
    except UnicodeDecodeError:
        raise _unreadable("the file is not UTF-8 text", name, file) from None
    except ValueError as problem:
        raise _unreadable(f"the file cannot be edited automatically: {problem}", name, file) from None
    old = str(file) if before is not None else "/dev/null"
    top = location.folder if file.is_relative_to(location.folder) else settings.home
    # Exactly what `connect` writes where there is no file: it created this one, and nobody used it since.
    deletes = (
        remove and text == _edited(client, "", wanted) and file in _own_places(settings, location, client)
    )
    new = "/dev/null" if deletes else str(file)
    after = "" if deletes else after
    diff = difflib.unified_diff(text.splitlines(), after.splitlines(), old, new, lineterm="")
    report = ConnectReport(name, str(file), text != after, tuple(diff), snippet)
    return Change(file, before, None if deletes else after.encode(), report, top)


def _own_places(settings: Settings, location: Location, client: Client) -> tuple[Path, ...]:
    """Return where the file is if no link leads to it: a link would be left without its file."""
    return location.folder / client.project, settings.home / client.user


def _unreadable(message: str, name: str, file: Path) -> DocumentError:
    return DocumentError(message, where=str(file), hint=f"tarkpm mcp connect {name} --print")


def apply(settings: Settings, ui: Ui, change: Change) -> None:
    """Ask, unless ``--yes`` was given, and write the file. Raises `ConsentError`, `Edited`."""
    if not change.report.changed or settings.dry_run:
        return
    where = str(change.file)
    if not settings.yes and not ui.interactive:
        raise ConsentError(
            "the settings of another program are changed only with consent",
            where=where,
            hint=f"{settings.command} --yes",
        )
    if not settings.yes and not ui.confirm("Write this change?"):
        raise ConsentError("the settings were not changed", where=where)
    if read_optional(change.file, MAX_SETTINGS) != change.before:
        raise Edited("the file changed while you were asked", where=where, hint=settings.command)
    if change.after is None:
        _delete(change.file, change.top)
        return
    change.file.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(change.file, change.after)


def _delete(file: Path, top: Path) -> None:
    """Delete a file, and the folders above it that are empty then, up to ``top``."""
    file.unlink()
    for folder in file.parents:
        if folder == top or not folder.is_relative_to(top):
            return
        try:
            folder.rmdir()
        except OSError:  # it holds something else
            return


def _file(settings: Settings, location: Location, client: Client) -> Path:
    in_project = location.environment.in_project
    if in_project and client.project:
        # A repository must not make `connect` write elsewhere: a link out of the project is not followed.
        file = followed(location.folder / client.project, within=location.folder)
        real = resolved(file.parent)
        if file.is_symlink() or not real.is_relative_to(location.folder):
            raise HostError(
                "the settings file is a link that leads out of the project",
                where=str(file),
                hint=f"ls -ld {shlex.quote(str(file))}",
            )
        return file
    if not in_project and client.user.startswith(".config/Code/") and sys.platform == "darwin":
        return settings.home / "Library/Application Support" / client.user.removeprefix(".config/")
    return followed(settings.home / client.user)


def _command(settings: Settings, location: Location, client: Client, file: Path) -> tuple[str, list[str]]:
    """Return the program and its arguments. A file in the project holds no path of this machine."""
    found = shutil.which("tarkpm", path=settings.search_path)
    program = found or str(Path(sys.executable).with_name("tarkpm"))
    in_project = location.environment.in_project
    if not in_project:
        return program, ["mcp", "--user"]
    if not file.is_relative_to(location.folder):
        return program, ["mcp", "--project", str(location.folder)]
    if not (location.folder / PROJECT).exists():
        raise HostError(f"there is no {PROJECT} here", where=str(location.folder), hint="tarkpm init")
    return "tarkpm" if found else program, [
        "mcp",
        *(["--project", client.placeholder] if client.placeholder else []),
    ]


def _edited(client: Client, text: str, wanted: dict[str, object] | None) -> str:
    if client.form == "json":
        path = (client.key, NAME)
        return jsonc.without_member(text, path) if wanted is None else jsonc.with_member(text, path, wanted)
    table = tomllib.loads(text.removeprefix("\ufeff"))
    servers = dict(table.get(client.key, {}))
    servers.pop(NAME, None)
    if wanted is not None:
        servers[NAME] = wanted
    return rewrite(text, {**table, client.key: servers}, blocks=(client.key,))


def _snippet(client: Client, wanted: dict[str, object]) -> str:
    if client.form == "json":
        return json.dumps({client.key: {NAME: wanted}}, indent=2)
    lines = (f"{key} = {inline(value)}" for key, value in wanted.items())
    return "\n".join((f"[{client.key}.{NAME}]", *lines))
