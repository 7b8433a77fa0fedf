"""The user's own configuration: ``config.toml`` in the folder of tarkpm beside that of tark."""

import os
import shlex
import stat
from typing import TYPE_CHECKING, Final

from tarkpm.errors import DocumentError, StoreError
from tarkpm.io.files import read_optional

if TYPE_CHECKING:  # without the file nothing of it is imported
    from pathlib import Path

    from tarkpm.core.key import PublicKey
    from tarkpm.core.user_config import UserConfig
    from tarkpm.ops.project.settings import Settings

CONFIG: Final = "config.toml"
_LIMIT: Final = 64 << 10


def config_file(settings: "Settings") -> "Path":
    """Return the path of the user's own configuration."""
    return settings.paths.config.parent / "tarkpm" / CONFIG


def user_config(settings: "Settings") -> "UserConfig | None":
    """Return the user's own configuration; None without one. Raises `DocumentError`."""
    file = config_file(settings)
    try:
        data = read_optional(file, _LIMIT)
    except (OSError, StoreError) as problem:
        raise DocumentError(f"the configuration cannot be read: {problem}", where=str(file)) from None
    if data is None:
        return None
    from tarkpm.core.user_config import UserConfig

    return UserConfig.parse(data, where=str(file))


def mirrored(settings: "Settings", place: str) -> str:
    """Return where to fetch what is at ``place``, a URL or ``oci://host/repository``.

    Raises `DocumentError` for a configuration that cannot be used: silently asking the canonical place would
    send requests that the user meant to keep from it.
    """
    config = user_config(settings)
    return place if config is None else config.mirrors.of(place)


def compiled_by(settings: "Settings") -> "frozenset[PublicKey]":
    """Return the keys whose compiled code may run: nobody's, unless the user's own configuration lists them.

    Raises `DocumentError` for a configuration that cannot be used, or that lists keys and can be changed by
    others.
    """
    config = user_config(settings)
    if config is None or not config.compiled_by:
        return frozenset()
    file = config_file(settings)
    for path in (file, file.parent):
        if not _is_ours(path):
            raise DocumentError(
                "other users can change whose compiled code may run",
                where=str(path),
                hint=f"chmod go-w {shlex.quote(str(path))}",
            )
    return config.compiled_by


def _is_ours(path: "Path") -> bool:
    """Return whether only this user and root can change a file, or what is in a folder."""
    try:
        status = path.stat()
    except OSError:  # it was there when it was read
        return False
    return status.st_uid in (os.geteuid(), 0) and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
