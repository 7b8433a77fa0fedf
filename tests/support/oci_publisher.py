"""Somebody who publishes plugins in an OCI registry: artifacts as tarkpm makes them, and any other manifest."""

import json
import os
from pathlib import Path
from typing import Any

from support.sandbox import Sandbox
from tarkpm.core.digest import sha256
from tarkpm.core.manifest import Manifest
from tarkpm.core.names import MANIFEST, STATEMENT
from tarkpm.core.oci.artifact import (
    CONFIG_TYPE,
    MANIFEST_TYPE,
    WASM_TYPE,
    Descriptor,
    EncodedArtifact,
    ModuleNames,
    encode,
)
from tarkpm.sources.oci.registry import Registry


def artifact_of(folder: Path) -> EncodedArtifact:
    """The artifact of a plugin's folder, signed if the folder is."""
    files = {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}
    statement = files.pop(STATEMENT, None)
    manifest = Manifest.parse(files[MANIFEST])
    return encode(files, manifest, ModuleNames((), ()), statement=statement)


class OciPublisher:
    """A repository on the registry ``host``; ``oci`` is what one types for it."""

    def __init__(self, sandbox: Sandbox, host: str, name: str, repository: str = "") -> None:
        self.sandbox, self.host, self.name = sandbox, host, name
        self.repository = repository or f"owner/{name}"
        self.place = f"{host}/{self.repository}"
        self.oci = f"oci://{self.place}"
        self.folder = sandbox.root / "oci" / self.repository
        self.key = ""

    def release(self, version: str = "1.0.0", *, tag: str = "", sign: str = "release", **plugin: Any) -> str:
        """Push a release under its version, or ``tag``; returns the manifest's digest. ``sign`` "" leaves it unsigned."""
        if sign and not (self.sandbox.state / "keys" / f"{sign}.pem").exists():
            self.key = self.sandbox.key(sign)
        (self.folder / STATEMENT).unlink(missing_ok=True)
        self.sandbox.plugin(
            self.folder, name=plugin.pop("name", self.name), version=version, sign=sign, **plugin
        )
        return self.push(artifact_of(self.folder), tag or version, (self.folder / "plugin.wasm").read_bytes())

    def push(self, made: EncodedArtifact, tag: str, wasm: bytes) -> str:
        """Push an artifact; returns the manifest's digest."""
        with Registry(self.host, dict(os.environ)) as registry:
            registry.push_blob(self.repository, made.config)
            registry.push_blob(self.repository, wasm)
            return registry.push_manifest(self.repository, tag, made.manifest)

    def push_raw(self, tag: str, config: dict[str, Any], wasm: bytes, *, data: bytes | None = None) -> str:
        """Push a manifest with any config; ``data`` is what the manifest repeats of it, if anything."""
        import base64

        blob = json.dumps(config).encode()
        described = _described(Descriptor.of(CONFIG_TYPE, blob))
        if data is not None:
            described["data"] = base64.b64encode(data).decode()
        table = {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": described,
            "layers": [_described(Descriptor.of(WASM_TYPE, wasm))],
        }
        manifest = json.dumps(table).encode()
        return self.push(EncodedArtifact(manifest, blob, Descriptor.of(WASM_TYPE, wasm)), tag, wasm)

    def config(self) -> dict[str, Any]:
        """The config of the folder's artifact, to be changed."""
        found: dict[str, Any] = json.loads(artifact_of(self.folder).config)
        return found


def _described(item: Descriptor) -> dict[str, Any]:
    return {"mediaType": item.media_type, "digest": item.digest, "size": item.size}


def digest_of(data: bytes) -> str:
    """The digest of bytes as registries write it."""
    return f"sha256:{sha256(data)}"
