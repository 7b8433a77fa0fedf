"""The staging area: a plugin's folder is built beside the environment before anything is switched."""

import os
from collections.abc import Mapping
from pathlib import Path

from tarkpm.core.digest import FileEntry
from tarkpm.io.files import make_private, open_new, write_new
from tarkpm.store.blobs import BlobStore
from tarkpm.store.environment import DATA, DISABLED, Environment, describe_file
from tarkpm.store.state import InstalledFile


def stage(
    environment: Environment,
    name: str,
    files: tuple[FileEntry, ...],
    store: BlobStore,
    *,
    data: Path,
    contents: Mapping[str, bytes],
    enabled: bool,
) -> tuple[InstalledFile, ...]:
    """Build a plugin's folder, read-only, of bytes that were checked.

    They come from ``contents`` where given (by file name), whose bytes the caller checked, else from
    ``store``, and are checked as they are copied. Without ``enabled`` it gets
    the ``.disabled`` marker; ``data`` is linked to the plugin's data folder. Raises `BlobMissing`, and then
    leaves nothing.
    """
    folder = environment.staging / name
    try:
        folder.mkdir()
    except FileNotFoundError:
        make_private(environment.staging)
        folder.mkdir()
    described = [_place(folder, entry, store, contents.get(entry.name)) for entry in files]
    if not enabled:
        open_new(folder / DISABLED, 0o644).close()
    make_private(data)
    (folder / DATA).symlink_to(data)
    return tuple(described)


def _place(folder: Path, entry: FileEntry, store: BlobStore, content: bytes | None) -> InstalledFile:
    target = folder / entry.name
    if "/" in entry.name:
        target.parent.mkdir(parents=True, exist_ok=True)
    if content is None:
        store.copy(entry, target)
    else:
        write_new(target, content, 0o444)
    described = describe_file(os.fspath(folder), entry.name, entry.sha256)
    assert described is not None, "a file was just written"
    return described
