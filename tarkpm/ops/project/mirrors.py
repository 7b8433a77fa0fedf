"""The user's mirrors, from ``config.toml`` in the folder of tarkpm beside that of tark."""

from typing import TYPE_CHECKING, Final

from tarkpm.errors import DocumentError, StoreError
from tarkpm.io.files import read_optional

if TYPE_CHECKING:  # without the file nothing of it is imported
    from pathlib import Path

    from tarkpm.ops.project.settings import Settings

CONFIG: Final = "config.toml"
_LIMIT: Final = 64 << 10


def user_config(settings: "Settings") -> "Path":
    """Return the path of the user's own configuration."""
    return settings.paths.config.parent / "tarkpm" / CONFIG


def mirrored(settings: "Settings", place: str) -> str:
    """Return where to fetch what is at ``place``, a URL or ``oci://host/repository``.

    Raises `DocumentError` for a configuration that cannot be used: silently asking the canonical place would
    send requests that the user meant to keep from it.
    """
    file = user_config(settings)
    try:
        data = read_optional(file, _LIMIT)
    except (OSError, StoreError) as problem:
        raise DocumentError(f"the configuration cannot be read: {problem}", where=str(file)) from None
    if data is None:
        return place
    from tarkpm.core.mirrors import Mirrors

    return Mirrors.parse(data, where=str(file)).of(place)
