"""The credentials file: tokens of a plugin outside its storage, where the user granted a path.

Other programs read it, so it is JSON as tark writes it. A new file is created only in tark's own place for
the plugin, or at a path the user typed; elsewhere only a file that already holds credentials is replaced
(docs/decisions/0080). It is written by descriptor, without following links, and holds a flat object.
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
from tarkpm.core.shapes import from_json
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
from tarkpm.ops.run.kept_tokens import keeps_tokens
from tarkpm.ops.run.signed_in import is_own

MAX_FILE: Final = 64 * KIB
MAX_KEYS: Final = 64
USUAL: Final = ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME")
"""Variables that may fill a path, besides those the plugin was granted: the path is visible to others."""
TYPED: Final = "credentials"
"""Folder in state with the path that the user typed at the last login, per data folder of a plugin.

It is not in the data itself, because an adopted folder brings its own data.
"""
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class CredentialsFile:
    """One plugin's credentials file, in a folder that may not exist yet."""

    def __init__(self, path: str, home: Path, guard: Guard, *, may_create: bool, hint: str = "") -> None:
        """``may_create`` allows a new file; otherwise it must exist, and ``hint`` says how to create one."""
        self.shown = path
        self._may_create = may_create
        self._hint = hint
        *folder, self._name = home_path.split(path)
        self._folder: Parts = tuple(folder)
        self._workspace = WorkspaceFolder(home, guard)

    def check(self) -> None:
        """Raise `HostError` if the file cannot be written; called before the user signs in."""
        with self._explained():
            self._check_there()

    def write(self, text: str) -> None:
        """Replace the file, mode 0600, with the output of `flat`. Raises `HostError`."""
        with self._explained():
            self._check_there()
            self._make_folders()
            with self._opened() as folder:
                replace_file(folder, self._name, text.encode(), 0o600)

    def read(self) -> str | None:
        """Return the contents, None without a file. Raises `HostError` if it does not hold credentials."""
        with self._explained(), contextlib.suppress(FileNotFoundError), self._opened() as folder:
            return _contents(folder, self._name).decode(errors="replace")
        return None

    def remove(self) -> None:
        """Remove the file if it exists. Raises `HostError` if it does not hold credentials."""
        with self._explained(), contextlib.suppress(FileNotFoundError), self._opened() as folder:
            os.unlink(self._name, dir_fd=folder)

    @contextlib.contextmanager
    def _opened(self) -> Iterator[int]:
        """Open the file's folder, once the file is known to be absent or to hold credentials."""
        with self._workspace.folder(self._folder) as inside:
            folder = inside.open(self._name, credentials=True)
            _check_replaceable(folder, self._name)
            yield folder

    def _check_there(self) -> None:
        """Raise `PathError` for a file that does not exist and may not be created."""
        with contextlib.suppress(FileNotFoundError), self._opened() as folder:
            os.stat(self._name, dir_fd=folder, follow_symlinks=False)
            return
        # The manifest's path may name what another program runs or is configured by (decision 0080).
        if not self._may_create or self._is_run():
            raise PathError("the file does not exist, and tarkpm creates it only in the plugin's own place")

    def _is_run(self) -> bool:
        """Return whether a new file would be executed or configure what is, judged by the nearest folder."""
        for depth in range(len(self._folder), -1, -1):
            with contextlib.suppress(FileNotFoundError), self._workspace.folder(self._folder[:depth]) as near:
                return near.closes(*self._folder[depth:], self._name, write=True, credentials=True)
        return False

    def _make_folders(self) -> None:
        # One by one and by descriptor, so that a link in place of any of them is refused.
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
        raise HostError(f"the credentials cannot be stored: {why}", where=self.shown, hint=self._hint)


def credentials_file(settings: Settings, image: PluginImage) -> CredentialsFile | None:
    """Return this plugin's credentials file; None if the user granted no path.

    The path typed at the last login takes precedence over the manifest's. Raises `HostError` for a path whose
    variables make it invalid.
    """
    if remembered := read_optional(_record(settings, image), home_path.MAX_LENGTH):
        path = _typed_path(settings, image, remembered.decode("utf-8", "replace"))
        # Remembered to replace and remove credentials, never to create a file (decision 0080).
        return _existing(settings, image, path)
    # The manifest alone grants nothing: the user must have agreed to this very path.
    granted = [capability.scope for capability in image.granted if capability.kind == "credentials"]
    if image.oauth is None or image.oauth.credentials_path not in granted:
        return None
    text = image.oauth.credentials_path
    try:
        path = home_path.filled(text, _values(settings.environment, image.granted), str(settings.home))
    except ValueError as problem:
        raise HostError(f"the credentials cannot be stored: {problem}", where=image.name) from None
    _check_own(path, image)
    if home_path.is_own_place(path, image.name):
        return CredentialsFile(path, settings.home, settings.guard, may_create=True)
    return _existing(settings, image, path)


def _existing(settings: Settings, image: PluginImage, path: str) -> CredentialsFile:
    """Return a file that must exist; its hint creates it where that is allowed, or revokes the grant."""
    hint = f"tarkpm auth login {image.name} --credentials {_absolute(path, settings.home)}"
    if home_path.is_private_place(home_path.split(path), write=True, credentials=True):
        declared = image.oauth.credentials_path if image.oauth else ""
        hint = f"tarkpm revoke {image.name} {quote(f'credentials:{declared}')}"
    return CredentialsFile(path, settings.home, settings.guard, may_create=False, hint=hint)


def typed_file(settings: Settings, image: PluginImage, text: str) -> CredentialsFile:
    """Return the file that the user typed for this login; it may be new. Raises `HostError`."""
    path = _typed_path(settings, image, text)
    return CredentialsFile(path, settings.home, settings.guard, may_create=True)


def remember(settings: Settings, image: PluginImage, file: CredentialsFile | None) -> None:
    """Remember the file that the user typed for the credentials (None: only the manifest's counts)."""
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
        raise HostError(f"the credentials cannot be stored: {problem}", where=image.name) from None
    _check_own(path, image)
    return path


def _check_own(path: str, image: PluginImage) -> None:
    if not home_path.is_own(path, image.name):
        raise CapabilityDenied(f"'{path}' holds another plugin's credentials", where=image.name)


def _absolute(path: str, home: Path) -> str:
    return quote(str(home / path.removeprefix(home_path.HOME)))


def hand_over(settings: Settings, ui: Ui, host: PluginHost, image: PluginImage) -> None:
    """Give a channel its stored credentials.

    A published channel keeps them only in memory, so tark passes them whenever it loads one. A failure is
    only noted, because the channel may have other credentials.
    """
    if image.type != "channel" or image.oauth is None or keeps_tokens(image):
        return
    try:
        file = credentials_file(settings, image)
        kept = None if file is None else file.read()
        if file is not None and kept is not None and not is_own(settings, image, file.shown):
            raise HostError("the credentials are another publisher's; sign in again", where=image.name)
        if kept is not None and "channel_auth_init" in inspect(image.wasm, where=image.name).exports:
            host.auth_init(image, kept)
    except HostError as problem:
        ui.note(f"{image.name} did not receive its credentials: {problem.message} ({problem.where})")


def flat(text: str, where: str) -> str:
    """Return credentials as they are stored: a flat JSON object with an access token.

    ``text`` is what the plugin made of the tokens. Raises `PluginFailed`, without repeating the contents.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise PluginFailed("the plugin's credentials are not JSON", where=where) from None
    if not isinstance(found, dict) or not isinstance(found.get("access_token"), str):
        raise PluginFailed("the plugin's credentials have no access token", where=where)
    # A flat object cannot be another program's settings file (decision 0060).
    if len(found) > MAX_KEYS or any(isinstance(value, dict | list) for value in found.values()):
        message = f"the plugin's credentials are not a flat object of at most {MAX_KEYS} keys"
        raise PluginFailed(message, where=where)
    written = json.dumps(found, indent=2)
    if len(written) > MAX_FILE:
        raise PluginFailed(f"the plugin's credentials are larger than {size(MAX_FILE)}", where=where)
    return written


def _values(environment: Mapping[str, str], granted: CapabilitySet) -> dict[str, str]:
    from tarkpm.core.capability import Capability

    def may(name: str) -> bool:
        asked = CapabilitySet.of([Capability("env", name)]) if _NAME.fullmatch(name) else None
        return name in USUAL or (asked is not None and granted.covers(asked))

    return {name: value for name, value in environment.items() if may(name)}


def _contents(folder: int, name: str) -> bytes:
    """Return a whole file. Raises `PathError` if it is too large: a part of it would be another token."""
    data = read_file(folder, name, MAX_FILE)
    if len(data) > MAX_FILE:
        raise PathError(f"the file is larger than {size(MAX_FILE)}")
    return data


def _check_replaceable(folder: int, name: str) -> None:
    """Raise `PathError` unless there is no such file, or one of this user's that holds credentials."""
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
        data = _contents(folder, name)
    except FileNotFoundError:
        return
    if found.st_uid != os.geteuid():
        raise PathError("the file belongs to another user")
    try:
        held = from_json(data, dict[str, Any])
    except msgspec.DecodeError:
        held = {}
    if "access_token" not in held:
        raise PathError("the existing file does not hold credentials; move it away first")
