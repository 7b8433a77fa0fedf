"""A real index made with python-tuf, whose keys a test holds: the maintainers', the online one, a thief's.

::

    repo = IndexRepo(tmp_path / "index", bits=2)
    key = repo.claim("text-tools")                 # the publisher's private key
    repo.release("text-tools", "1.0.0", key)
    repo.publish()                                 # snapshot and timestamp
    repo.root_digest, repo.folder

Everything is written as `tarkpm.core.layout` says. What an attack needs is public: `write` signs any
metadata for any role with any keys, `put` any target.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    MetaFile,
    Root,
    Signed,
    Snapshot,
    SuccinctRoles,
    TargetFile,
    Targets,
    Timestamp,
)

from tarkpm.core import claim as claims
from tarkpm.core import rows, statement
from tarkpm.core.claim import Claim
from tarkpm.core.digest import FileEntry, sha256
from tarkpm.core.key import PublicKey, from_bytes
from tarkpm.core.layout import CLAIMS, INDEX, ROLE_FIELD, claim_path, release_file, rows_path
from tarkpm.core.lockfile import StatementEntry
from tarkpm.core.manifest import Manifest
from tarkpm.core.names import MANIFEST, STATEMENT
from tarkpm.core.release import PluginName, folded
from tarkpm.core.rows import Listing
from tarkpm.core.version import Version

WASM = (Path(__file__).resolve().parents[2] / "plugins" / "text-tools" / "plugin.wasm").read_bytes()


def signer(key: Ed25519PrivateKey) -> CryptoSigner:
    return CryptoSigner(key)


def public(key: Ed25519PrivateKey) -> PublicKey:
    return from_bytes(key.public_key().public_bytes_raw())


def days(count: float) -> datetime:
    return (datetime.now(UTC) + timedelta(days=count)).replace(microsecond=0)


class IndexRepo:
    """An index in `folder`, three maintainers of whom two must sign, and one online key."""

    def __init__(self, folder: Path, *, bits: int = 2, publish: bool = True) -> None:
        self.folder, self.bits = folder, bits
        generate = Ed25519PrivateKey.generate
        self.maintainers = [generate() for _ in range(3)]
        self.online = generate()
        self.threshold = 2
        self.versions: dict[str, int] = {}
        self.serial = 0
        self.root_version = 0
        self.listings: dict[str, Listing] = {}
        self.write_root()
        for role in ("targets", CLAIMS, INDEX):
            self.write_delegation(role)
        for parent in (CLAIMS, INDEX):
            for role in self.succinct(parent).get_roles():
                self.write(role, Targets(1, expires=days(120)))
        if publish:
            self.publish()

    # who signs what

    @property
    def offline(self) -> list[Ed25519PrivateKey]:
        """As many maintainers as must sign."""
        return self.maintainers[: self.threshold]

    def keys(self, role: str) -> list[Ed25519PrivateKey]:
        online = role in ("snapshot", "timestamp") or role.startswith(f"{INDEX}-")
        return [self.online] if online else self.offline

    def succinct(self, parent: str) -> SuccinctRoles:
        keys, count = ([self.online], 1) if parent == INDEX else (self.maintainers, self.threshold)
        return SuccinctRoles([signer(key).public_key.keyid for key in keys], count, self.bits, parent)

    def bin(self, path: str) -> str:
        parent = CLAIMS if path.startswith("publishers/") else INDEX
        return str(self.succinct(parent).get_role_for_target(path))

    # metadata

    def root(self, version: int, expires: float = 365) -> Root:
        root = Root(version, expires=days(expires), consistent_snapshot=True)
        for key in self.maintainers:
            root.add_key(signer(key).public_key, "root")
            root.add_key(signer(key).public_key, "targets")
        for role in ("snapshot", "timestamp"):
            root.add_key(signer(self.online).public_key, role)
        for role in ("root", "targets"):
            root.roles[role].threshold = self.threshold
        return root

    def write_root(self, *more: Ed25519PrivateKey, expires: float = 365, signed: Root | None = None) -> bytes:
        """The next root, by `more` (those who go) and those who must sign now."""
        self.root_version += 1
        keys = dict.fromkeys([*more, *self.offline])
        return self.write("root", signed or self.root(self.root_version, expires), keys=list(keys))

    def write_delegation(self, role: str, expires: float = 365) -> bytes:
        keys = [signer(key).public_key for key in self.maintainers]
        ids = [key.keyid for key in keys]
        if role == "targets":
            roles = {
                CLAIMS: DelegatedRole(CLAIMS, ids, self.threshold, True, ["publishers/*"]),
                INDEX: DelegatedRole(INDEX, ids, self.threshold, True, ["index/*"]),
            }
            delegations = Delegations({key.keyid: key for key in keys}, roles)
        else:
            if role == INDEX:
                keys = [signer(self.online).public_key]
            delegations = Delegations({key.keyid: key for key in keys}, None, self.succinct(role))
        version = self.versions.get(role, 0) + 1
        return self.write(role, Targets(version, expires=days(expires), delegations=delegations))

    def write(
        self,
        role: str,
        signed: Signed,
        *,
        keys: Sequence[Ed25519PrivateKey] | None = None,
        says: str | None = None,
        listed: bool = True,
    ) -> bytes:
        """Sign metadata for `role`; it names the role it `says`. `listed`: the next snapshot knows."""
        if isinstance(signed, Targets):
            signed.unrecognized_fields[ROLE_FIELD] = role if says is None else says
        metadata: Metadata[Any] = Metadata(signed)
        for key in self.keys(role) if keys is None else keys:
            metadata.sign(signer(key), append=True)
        data = metadata.to_bytes()
        self.put_metadata(f"{signed.version}.{role}.json" if role != "timestamp" else "timestamp.json", data)
        if listed and isinstance(signed, Targets):
            self.versions[role] = signed.version
        return bytes(data)

    def put_metadata(self, name: str, data: bytes) -> Path:
        file = self.folder / "metadata" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary = file.with_suffix(".new")  # a server never has half of a file
        temporary.write_bytes(data)
        return temporary.replace(file)

    def load(self, role: str) -> Metadata[Any]:
        name = "timestamp.json" if role == "timestamp" else f"{self.version(role)}.{role}.json"
        return Metadata.from_bytes((self.folder / "metadata" / name).read_bytes())

    def version(self, role: str) -> int:
        special = {"root": self.root_version, "snapshot": self.serial, "timestamp": self.serial}
        return special.get(role) or self.versions[role]

    def publish(
        self, *, timestamp: float = 3, snapshot: float = 14, keys: Sequence[Ed25519PrivateKey] | None = None
    ) -> None:
        """The next snapshot and timestamp, which last for so many days."""
        self.serial += 1
        meta = {f"{role}.json": MetaFile(version) for role, version in self.versions.items()}
        data = self.write("snapshot", Snapshot(self.serial, expires=days(snapshot), meta=meta), keys=keys)
        about = MetaFile(self.serial, len(data), {"sha256": hashlib.sha256(data).hexdigest()})
        self.write(
            "timestamp", Timestamp(self.serial, expires=days(timestamp), snapshot_meta=about), keys=keys
        )

    # targets

    def put(
        self, path: str, data: bytes, *, listed_as: TargetFile | None = None, expires: float = 120
    ) -> TargetFile:
        """A target file, listed in the bin that is its own."""
        target = listed_as or TargetFile.from_data(path, data, ["sha256"])
        folder, _, name = path.rpartition("/")
        file = self.folder / "targets" / folder / f"{target.hashes['sha256']}.{name}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        self.edit(self.bin(path), {path: target}, expires=expires)
        return target

    def edit(self, role: str, targets: Mapping[str, TargetFile | None], *, expires: float = 120) -> bytes:
        """The next version of a bin, with these targets set or removed."""
        signed = self.load(role).signed
        for path, target in targets.items():
            if target is None:
                signed.targets.pop(path, None)
            else:
                signed.targets[path] = target
        signed.version, signed.expires = signed.version + 1, days(expires)
        return self.write(role, signed)

    # plugins

    def claim(self, name: str, key: Ed25519PrivateKey | None = None, **more: Any) -> Ed25519PrivateKey:
        """Bind a name to a publisher's key, which is returned. `more`: retired, revoked."""
        key = key or Ed25519PrivateKey.generate()
        self.put_claim(Claim(PluginName(name), public(key), **more))
        return key

    def put_claim(self, claim: Claim) -> None:
        self.put(claim_path(claim.name), claims.render(claim))

    def release(
        self,
        name: str,
        version: str,
        key: Ed25519PrivateKey,
        *,
        wasm: bytes = WASM,
        more: str = "",
        published: int | None = None,
    ) -> rows.ReleaseRow:
        """Sign a release, put its files, and list it as ``published`` then, in seconds; None: not said."""
        files = plugin_files(name, version, wasm, more)
        envelope = sign(key, name, version, files)
        row = msgspec.structs.replace(self.put_release(files, envelope), published=published)
        before = self.listings.get(folded(name), Listing(PluginName(name)))
        self.put_listing(Listing(before.name, (*before.rows, row), public(key)))
        return row

    def put_release(self, files: Mapping[str, bytes], envelope: bytes) -> rows.ReleaseRow:
        entries = sorted(FileEntry.of(file, data) for file, data in files.items())
        entry = StatementEntry(sha256(envelope), len(envelope))
        file = self.folder / release_file(entry.sha256)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"".join([envelope, *(files[one.name] for one in entries)]))
        return rows.row_of(Manifest.parse(files[MANIFEST]), entry, entries)

    def put_listing(self, listing: Listing) -> None:
        self.listings[folded(listing.name)] = listing
        self.put(rows_path(listing.name), rows.render(listing))

    # what a user is told

    @property
    def first_root(self) -> bytes:
        return (self.folder / "metadata" / "1.root.json").read_bytes()

    @property
    def root_digest(self) -> str:
        return f"sha256:{sha256(self.first_root)}"


def plugin_files(name: str, version: str, wasm: bytes = WASM, more: str = "") -> dict[str, bytes]:
    """The files of a release, its statement not among them."""
    text = f'[plugin]\nname = "{name}"\nversion = "{version}"\ntype = "tool"\nwasm = "plugin.wasm"\n{more}'
    return {MANIFEST: text.encode(), "plugin.wasm": wasm}


def sign(key: Ed25519PrivateKey, name: str, version: str, files: Mapping[str, bytes]) -> bytes:
    """The statement of a release."""
    entries = [FileEntry.of(file, data) for file, data in files.items()]
    return statement.sign(PluginName(name), Version.parse(version), entries, key=public(key), signer=key.sign)


def edited(data: bytes, **signed: Any) -> bytes:
    """Metadata with fields changed and its signatures left as they were."""
    document = json.loads(data)
    document["signed"].update(signed)
    return json.dumps(document).encode()


__all__ = ["STATEMENT", "WASM", "IndexRepo", "days", "edited", "plugin_files", "public", "sign", "signer"]
