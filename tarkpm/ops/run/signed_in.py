"""Record whose sign-in wrote a credentials file: tokens of one publisher's plugin are not given to another's.

Plugins of one name declare one file, even from several publishers, and tark reads and writes it by name. The
file cannot say whose tokens it holds, so a record in the user's state does.
"""

import os
from pathlib import Path
from typing import Final

from tarkpm.core.digest import sha256
from tarkpm.host.image import PluginImage
from tarkpm.io.files import atomic_write, make_private, read_optional
from tarkpm.ops.project.settings import Settings

FOLDER: Final = "signed-in"
"""The folder of state with one record for each credentials file."""
MAX_BYTES: Final = 4096


def record_sign_in(settings: Settings, image: PluginImage, path: str) -> None:
    """Record that this plugin's owner wrote the credentials file at ``path``."""
    record = _record(settings, path)
    make_private(record.parent)
    atomic_write(record, os.fsencode(image.data))


def is_own(settings: Settings, image: PluginImage, path: str) -> bool:
    """Return whether this plugin's owner may be given the credentials at ``path``.

    ``image.data`` is the owner's data folder. A file that tarkpm did not write may come from tark, which
    knows plugins by name: the first publisher of the name gets it, whose data folder has exactly that name.
    Source: docs/trust-rules.md, rule 0.
    """
    wrote = read_optional(_record(settings, path), MAX_BYTES)
    if wrote is None:
        return image.data.name == image.name
    return wrote == os.fsencode(image.data)


def _record(settings: Settings, path: str) -> Path:
    return settings.paths.state / FOLDER / sha256(path.encode(errors="surrogateescape"))
