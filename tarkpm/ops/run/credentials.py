"""The file beside a plugin's storage in which tokens are kept, where the user granted one.

Other programs read it, so it is JSON as tark writes it. A new file is made in one place, tark's own for the
plugin of that name, or where the user typed; elsewhere only a file that holds credentials already is replaced
(docs/decisions/0080). It is written by descriptor, following no link, and what is in it is a flat object.
"""

import contextlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from shlex import quote
from typing import Any, Final

import msgspec

from tarkpm.core import home_path
from tarkpm.core.capability import CapabilitySet
from tarkpm.core.digest import sha256
from tarkpm.core.home_path import Parts
from tarkpm.errors import CapabilityDenied, HostError, PluginFailed
from tarkpm.host.image import PluginImage
from tarkpm.host.imports.folders import (
    PathError,
    WorkspaceFolder,
    explained,
    open_folder,
    read_file,
    replace_file,
)
from tarkpm.host.imports.guard import Guard
from tarkpm.host.limits import KIB, size
from tarkpm.host.module.inspect import inspect
from tarkpm.host.runtime import PluginHost
from tarkpm.io.files import atomic_write, make_private, read_optional
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.ui import Ui

MAX_FILE: Final = 64 * KIB
MAX_KEYS: Final = 64
USUAL: Final = ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME")
"""Variables that fill a path; beside them only those the plugin was granted, because a path is seen."""
TYPED: Final = "credentials"
"""Folder of state: for each place of a plugin's data, the path that the user typed at the last login.

Not in the data itself: a folder that is adopted brings data of its own.
"""
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class CredentialsFile:
    """One plugin's file of credentials, in a folder that may not be there yet."""

    def __init__(self, path: str, home: Path, guard: Guard, *, may_create: bool, hint: str = "") -> None:
        """``may_create`` allows a new file; else it must be there, and ``hint`` says how to have one made."""
        self.shown = path
        self._may_create = may_create
        self._hint = hint
        *folder, self._name = home_path.split(path)
        self._folder: Parts = tuple(folder)
        self._workspace = WorkspaceFolder(home, guard)

    def check(self) -> None:
        """Raise `HostError` if the file could not be written, before anybody signs in."""
        with self._explained():
            self._check_there()

    def write(self, text: str) -> None:
        """Replace the file, 0600, with what `flat` made; raises `HostError`."""
        with self._explained():
            self._check_there()
            self._make_folders()
            with self._opened() as folder:
                replace_file(folder, self._name, text.encode(), 0o600)

    def read(self) -> str | None:
        """What is kept, None if there is no such file; raises `HostError` for one that is no credentials."""
        with self._explained(), contextlib.suppress(FileNotFoundError), self._opened() as folder:
            return read_file(folder, self._name, MAX_FILE).decode(errors="replace")
        return None

    def remove(self) -> None:
        """Remove the file, if it is there and holds credentials; raises `HostError`."""
        with self._explained(), contextlib.suppress(FileNotFoundError), self._opened() as folder:
            os.unlink(self._name, dir_fd=folder)

    @contextlib.contextmanager
    def _opened(self) -> Iterator[int]:
        """The file's folder, in which the file holds credentials, or is not there and may be made."""
        with self._workspace.folder(self._folder) as inside:
            folder = inside.open(self._name, credentials=True)
            _check_replaceable(folder, self._name)
            yield folder

    def _check_there(self) -> None:
        """Raise `PathError` for a file that is not there and may not be made."""
        with contextlib.suppress(FileNotFoundError), self._opened() as folder:
            os.stat(self._name, dir_fd=folder, follow_symlinks=False)
            return
        if not self._may_create or self._is_run():
            raise PathError("it is not there, and only a place of the plugin's own is made for it")

    def _is_run(self) -> bool:
        """Whether a new file would be run or name what is run, as the nearest folder that is there tells."""
        for depth in range(len(self._folder), -1, -1):
            with contextlib.suppress(FileNotFoundError), self._workspace.folder(self._folder[:depth]) as near:
                return near.closes(*self._folder[depth:], self._name, write=True, credentials=True)
        return False

    def _make_folders(self) -> None:
        for depth, name in enumerate(self._folder):
            with self._workspace.folder(self._folder[:depth]) as inside:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(name, 0o700, dir_fd=inside.descriptor)
                os.close(open_folder(inside.descriptor, name))

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except PathError as problem:
            why = str(problem)
        except OSError as problem:
            why = explained(problem)
        else:
            return
        raise HostError(f"the credentials cannot be kept: {why}", where=self.shown, hint=self._hint)


def credentials_file(settings: Settings, image: PluginImage) -> CredentialsFile | None:
    """Where this plugin's credentials are kept beside its storage; None if the user granted no such place.

    What the user typed at the last login is before what the manifest says. Raises `HostError` for a path that
    its variables lead astray.
    """
    if remembered := read_optional(_record(settings, image), home_path.MAX_LENGTH):
        path = _typed_path(settings, image, remembered.decode("utf-8", "replace"))
        return _existing(settings, image, path)
    granted = [capability.scope for capability in image.granted if capability.kind == "credentials"]
    if image.oauth is None or image.oauth.credentials_path not in granted:
        return None
    text = image.oauth.credentials_path
    try:
        path = home_path.filled(text, _values(settings.environment, image.granted), str(settings.home))
    except ValueError as problem:
        raise HostError(f"the credentials cannot be kept: {problem}", where=image.name) from None
    _check_own(path, image)
    if home_path.is_own_place(path, image.name):
        return CredentialsFile(path, settings.home, settings.guard, may_create=True)
    return _existing(settings, image, path)


def _existing(settings: Settings, image: PluginImage, path: str) -> CredentialsFile:
    """A file that is not made here; the hint has it made where that is possible, else does without it."""
    hint = f"tarkpm auth login {image.name} --credentials {_absolute(path, settings.home)}"
    if home_path.is_private_place(home_path.split(path), write=True, credentials=True):
        declared = image.oauth.credentials_path if image.oauth else ""
        hint = f"tarkpm revoke {image.name} {quote(f'credentials:{declared}')}"
    return CredentialsFile(path, settings.home, settings.guard, may_create=False, hint=hint)


def typed_file(settings: Settings, image: PluginImage, text: str) -> CredentialsFile:
    """The file that the user typed for this login, which may be new. Raises `HostError`."""
    path = _typed_path(settings, image, text)
    return CredentialsFile(path, settings.home, settings.guard, may_create=True)


def remember(settings: Settings, image: PluginImage, file: CredentialsFile | None) -> None:
    """Keep in mind where the user wants the credentials (None: nowhere but where the manifest says)."""
    record = _record(settings, image)
    if file is None:
        record.unlink(missing_ok=True)
        return
    make_private(record.parent)
    atomic_write(record, file.shown.encode())


def _record(settings: Settings, image: PluginImage) -> Path:
    return settings.paths.state / TYPED / sha256(os.fsencode(image.data))


def _typed_path(settings: Settings, image: PluginImage, text: str) -> str:
    absolute = text if text.startswith(home_path.HOME) else os.path.normpath(settings.cwd / text)
    try:
        path = home_path.filled(absolute, {}, str(settings.home))
    except ValueError as problem:
        raise HostError(f"the credentials cannot be kept: {problem}", where=image.name) from None
    _check_own(path, image)
    return path


def _check_own(path: str, image: PluginImage) -> None:
    if not home_path.is_own(path, image.name):
        raise CapabilityDenied(f"'{path}' holds another plugin's credentials", where=image.name)


def _absolute(path: str, home: Path) -> str:
    return quote(str(home / path.removeprefix(home_path.HOME)))


def hand_over(settings: Settings, ui: Ui, host: PluginHost, image: PluginImage) -> None:
    """Give a channel the credentials that were kept for it.

    The published one holds them in memory alone, and tark hands them over whenever it loads a channel. What
    does not work is noted and no more, because a channel may have others.
    """
    if image.type != "channel" or image.oauth is None:
        return
    try:
        file = credentials_file(settings, image)
        kept = None if file is None else file.read()
        if kept is not None and "channel_auth_init" in inspect(image.wasm, where=image.name).exports:
            host.auth_init(image, kept)
    except HostError as problem:
        ui.note(f"{image.name} was not given its credentials: {problem.message} ({problem.where})")


def flat(text: str, where: str) -> str:
    """Credentials that a plugin made of tokens, as they are kept: a flat JSON object with an access token.

    Raises `PluginFailed`, which says nothing of what is in it.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise PluginFailed("made something of its tokens that is not JSON", where=where) from None
    if not isinstance(found, dict) or not isinstance(found.get("access_token"), str):
        raise PluginFailed("made something of its tokens that has no access token", where=where)
    if len(found) > MAX_KEYS or any(isinstance(value, dict | list) for value in found.values()):
        raise PluginFailed(f"made more of its tokens than a flat object of {MAX_KEYS} keys", where=where)
    written = json.dumps(found, indent=2)
    if len(written) > MAX_FILE:
        raise PluginFailed(f"made more of its tokens than {size(MAX_FILE)}", where=where)
    return written


def _values(environment: Mapping[str, str], granted: CapabilitySet) -> dict[str, str]:
    from tarkpm.core.capability import Capability

    def may(name: str) -> bool:
        asked = CapabilitySet.of([Capability("env", name)]) if _NAME.fullmatch(name) else None
        return name in USUAL or (asked is not None and granted.covers(asked))

    return {name: value for name, value in environment.items() if may(name)}


def _check_replaceable(folder: int, name: str) -> None:
    """Raise `PathError` unless there is no such file, or one of this user's that holds credentials."""
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
        data = read_file(folder, name, MAX_FILE)
    except FileNotFoundError:
        return
    if found.st_uid != os.geteuid():
        raise PathError("the file belongs to somebody else")
    try:
        held = msgspec.json.decode(data, type=dict[str, Any])
    except msgspec.DecodeError:
        held = {}
    if "access_token" not in held:
        raise PathError("the file is there and holds no credentials; move it away first")
