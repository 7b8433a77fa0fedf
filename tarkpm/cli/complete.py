"""Values for shell completion. A function here never raises, starts no plugin and makes no network request.

What is offered was often written by somebody else, so only values of a strict grammar are: plugin and index
names, key names, and capabilities as tarkpm itself writes them.
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from tarkpm.core.patterns import lazy_pattern
from tarkpm.errors import TarkError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from tarkpm.core.project import Project
    from tarkpm.core.release import PluginName
    from tarkpm.ops.project.location import Location
    from tarkpm.ops.project.settings import Settings

_PLAIN = lazy_pattern(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
"""Names that mean nothing else to a shell."""
MAX_FILES: Final = 20_000
"""Files of an index that are looked at when somebody presses TAB."""
_Complete = Callable[[click.Context, click.Parameter, str], list[str]]


def _completion(values: "Callable[[click.Context, Settings], Iterable[str]]") -> _Complete:
    """Turn a function that returns values into one that completes what is typed, whatever goes wrong."""

    def complete(context: click.Context, _: click.Parameter, typed: str) -> list[str]:
        try:
            offered = values(context, _settings(context))
            found = [value for value in offered if value.lower().startswith(typed.lower())]
        except (TarkError, OSError, ValueError):
            return []
        given = {value for many in context.params.values() if isinstance(many, tuple) for value in many}
        return [value for value in found if value not in given]

    return complete


def _settings(context: click.Context) -> "Settings":
    import os

    from tarkpm.ops.project.settings import Settings, user_paths

    given = {**context.find_root().params, **{key: v for key, v in context.params.items() if v}}
    return Settings(
        cwd=Path.cwd(),
        paths=user_paths(os.environ),
        project=given.get("project"),
        user=bool(given.get("user")),
    )


def _location(settings: "Settings") -> "Location":
    from tarkpm.ops.project.location import checked_place

    return checked_place(settings, create=True)


def _project(location: "Location") -> "Project":
    from tarkpm.core.names import MAX_PROJECT
    from tarkpm.core.project import Project
    from tarkpm.io.files import read_file

    return Project.parse(read_file(location.project_file, MAX_PROJECT))


def _plugins(_: click.Context, settings: "Settings") -> Iterable[str]:
    from tarkpm.core.release import is_plugin_name

    # A folder whose name no plugin can have is not offered.
    return filter(is_plugin_name, _location(settings).environment.names())


def _indexes(_: click.Context, settings: "Settings") -> Iterable[str]:
    return _project(_location(settings)).indexes


def _keys(_: click.Context, settings: "Settings") -> Iterable[str]:
    from tarkpm.store.keys import KeyStore

    return KeyStore.in_state(settings.paths.state).names()


def _all_keys(_: click.Context, settings: "Settings") -> Iterable[str]:
    from tarkpm.store.keys import KeyStore

    return [entry.name for entry in KeyStore.in_state(settings.paths.state).entries()]


def _plugin(context: click.Context) -> "PluginName":
    """Return the plugin that was typed before. Raises `ValueError` if none was."""
    from tarkpm.core.release import plugin_name

    return plugin_name(context.params.get("name") or "")


def _granted(context: click.Context, settings: "Settings") -> Iterable[str]:
    granted = _project(_location(settings)).granted(_plugin(context))
    # A secret by its name: the rest of it contains blanks.
    return [f"secret:{one.secret.id}" if one.secret else str(one) for one in granted]


def _grantable(context: click.Context, settings: "Settings") -> Iterable[str]:
    from tarkpm.core.manifest import Manifest
    from tarkpm.core.names import MANIFEST

    name, location = _plugin(context), _location(settings)
    declared = Manifest.parse(location.environment.read(name, MANIFEST), where=MANIFEST).capabilities
    granted = _project(location).granted(name)
    asked = [one for one in declared if not any(other.covers(one) for other in granted)]
    secrets = [one.secret.id for one in asked if one.secret]
    found = [str(one) for one in asked if not one.secret]
    return found + [f"secret:{id_}={secret}" for id_ in secrets for secret in _secrets(context, settings)]


def _secrets(_: click.Context, settings: "Settings") -> list[str]:
    from tarkpm.store.secrets import SecretStore

    return SecretStore(settings.paths.state).names()


def _tools(context: click.Context, settings: "Settings") -> Iterable[str]:
    from tarkpm.core.lockfile import parse
    from tarkpm.core.names import MAX_LOCK
    from tarkpm.io.files import read_file

    # From the pins: no plugin runs because somebody presses TAB.
    lock = parse(read_file(_location(settings).lock_file, MAX_LOCK))
    entry = lock.get(context.params.get("plugin") or "")
    return [one.name for one in (entry.tools if entry else None) or () if _PLAIN.fullmatch(one.name)]


def _of_type(*types: str) -> "Callable[[click.Context, Settings], Iterable[str]]":
    """Return a function that returns the installed plugins of some types, or that sign in if one is auth."""

    def values(context: click.Context, settings: "Settings") -> Iterable[str]:
        from tarkpm.core.manifest import Manifest
        from tarkpm.core.names import MANIFEST

        environment = _location(settings).environment
        for name in _plugins(context, settings):
            with suppress(TarkError, OSError, ValueError):  # one that cannot be read hides no other
                manifest = Manifest.parse(environment.read(name, MANIFEST), where=MANIFEST)
                if manifest.type in types or (manifest.oauth and "auth" in types):
                    yield name

    return values


def _required(_: click.Context, settings: "Settings") -> Iterable[str]:
    from tarkpm.core.lockfile import parse
    from tarkpm.core.names import MAX_LOCK
    from tarkpm.io.files import read_file

    location = _location(settings)
    with suppress(FileNotFoundError):
        yield from (entry.name for entry in parse(read_file(location.lock_file, MAX_LOCK)).entries)


def sources(_: click.Context, __: click.Parameter, typed: str) -> "list[CompletionItem]":
    """Complete a source of `add`: a folder, which the shell completes by itself."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(typed, type="dir")] if typed[:1] in (".", "/", "~") else []


def files(_: click.Context, __: click.Parameter, typed: str) -> "list[CompletionItem]":
    """Complete a file, which the shell completes by itself."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(typed, type="file")]


def releases(context: click.Context, _: click.Parameter, typed: str) -> list[str]:
    """Complete NAME@VERSION in an index's folder. Names of files are read, and verified by nobody."""
    from tarkpm.core import rows
    from tarkpm.core.layout import rows_path
    from tarkpm.core.release import PluginName, folded, is_plugin_name
    from tarkpm.io.files import read_file

    name, at, _version = typed.partition("@")
    try:
        if not is_plugin_name(name) and name:
            return []
        top = Path(context.params.get("folder") or Path()) / "targets"
        beyond = rows_path(PluginName("x")).rpartition("/")[0]
        ends = f".{folded(name)}.json" if at else ".json"
        files = [file for file in islice((top / beyond).iterdir(), MAX_FILES) if file.name.endswith(ends)]
        if not at:
            names = {file.name.split(".")[1] for file in files}
            return sorted(f"{one}@" for one in names if is_plugin_name(one) and one.startswith(name))
        listed = [rows.parse(read_file(file, rows.MAX_ROWS), where=file.name) for file in files]
        found = {f"{one.name}@{row.version}": row.version for one in listed for row in one.rows}
        return [text for text in sorted(found, key=found.__getitem__) if text.startswith(typed)]
    except (TarkError, OSError, ValueError):
        return []


def _generations(_: click.Context, settings: "Settings") -> Iterable[str]:
    from tarkpm.store.history import History
    from tarkpm.store.state import State

    state = State(settings.paths.state)
    record = state.find(str(_location(settings).folder))
    return map(str, History(state.root, record.environment).numbers() if record else ())


plugin_names = _completion(_plugins)
provider_names = _completion(_of_type("provider"))
channel_names = _completion(_of_type("channel"))
auth_names = _completion(_of_type("auth"))
tool_plugin_names = _completion(_of_type("tool"))
locked_names = _completion(_required)
index_names = _completion(_indexes)
tool_names = _completion(_tools)
key_names = _completion(_keys)
all_key_names = _completion(_all_keys)
granted = _completion(_granted)
grantable = _completion(_grantable)
secret_names = _completion(_secrets)
generations = _completion(_generations)
