"""The staging area: build a plugin's folder before the environment is changed."""

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
    """Build a plugin's folder of read-only files from checked bytes.

    Files come from ``contents`` by name, whose bytes the caller has checked, or else from ``store``, which
    checks them as it copies them. If not ``enabled``, the folder gets the ``.disabled`` marker. ``data`` in
    it is a link to the plugin's data folder. Raises `BlobMissing`.
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
