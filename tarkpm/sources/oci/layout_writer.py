"""Write folders that stand for repositories: image layouts, which `LayoutFolder` reads.

Each file gets its name when it is complete. Blobs come before the manifests that name them, and index.json,
which makes a manifest visible, comes last.
"""

import threading
from pathlib import Path
from typing import Any

import msgspec

from tarkpm.core.bundle.layout import IMAGE_INDEX
from tarkpm.core.digest import sha256
from tarkpm.core.oci.artifact import MANIFEST_TYPE
from tarkpm.core.shapes import from_json
from tarkpm.errors import Refused, TarkError
from tarkpm.io.files import atomic_write, read_file, read_optional
from tarkpm.sources.oci.layout import MAX_INDEX, REF_NAME, LayoutFolder, read_index
from tarkpm.sources.oci.registry import FetchedManifest

LAYOUT = b'{"imageLayoutVersion": "1.0.0"}'


class LayoutTree:
    """Folders with the interface of a `Registry` that is pushed to. A repository is named by its folder."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def __enter__(self) -> "LayoutTree":
        return self

    def __exit__(self, *_: object) -> None:
        """Do nothing: there is no connection."""

    def manifest(self, repository: str, reference: str, *, push: bool = False) -> FetchedManifest:
        """Return the manifest of a tag or digest. Raises what `LayoutFolder.manifest` does."""
        del push
        return LayoutFolder(Path(repository)).manifest("", reference)

    def blob(self, repository: str, digest: str, size: int) -> bytes:
        """Return a blob of ``size`` bytes. Raises what `LayoutFolder.blob` does."""
        return LayoutFolder(Path(repository)).blob("", digest, size)

    def push_blob(self, repository: str, data: bytes) -> str:
        """Write a blob unless the folder has it, and return its digest. Raises `OSError`."""
        digest = sha256(data)
        file = Path(repository) / "blobs" / "sha256" / digest
        if not _has(file, data):
            file.parent.mkdir(parents=True, exist_ok=True)
            atomic_write(file, data)
        return f"sha256:{digest}"

    def push_manifest(self, repository: str, reference: str, data: bytes) -> str:
        """Write a manifest, whose blobs are there, under a tag or its digest, and return its digest.

        Raises `OSError`, and `Refused` for a tag that leads to another one or an index.json that is none.
        """
        digest = self.push_blob(repository, data)
        folder = Path(repository)
        described: dict[str, Any] = {"mediaType": MANIFEST_TYPE, "digest": digest, "size": len(data)}
        if reference != digest:
            described["annotations"] = {REF_NAME: reference}
        with self._lock:  # two plugins may be in one repository
            atomic_write(folder / "oci-layout", LAYOUT)
            atomic_write(folder / "index.json", _indexed(folder / "index.json", described))
        return digest


def _indexed(file: Path, described: dict[str, Any]) -> bytes:
    """Return an index.json with one manifest more. What others wrote into it stays."""
    data = read_optional(file, MAX_INDEX)
    if data is None:
        index: dict[str, Any] = {"schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": []}
    else:
        tag, digest = described.get("annotations", {}).get(REF_NAME, ""), described["digest"]
        # Whoever looked at the manifest before may have found that it is lost or damaged.
        if read_index(data, where=str(file)).get(tag, digest) != digest:
            raise Refused(f"the tag '{tag}' leads to another manifest", where=str(file.parent))
        index = from_json(data, dict[str, Any])
    if described not in index["manifests"]:
        index["manifests"].append(described)
    return msgspec.json.format(msgspec.json.encode(index), indent=2)


def _has(file: Path, data: bytes) -> bool:
    try:
        return read_file(file, len(data)) == data
    except (OSError, TarkError):  # damaged: it is replaced
        return False
