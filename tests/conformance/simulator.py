"""A TUF repository in memory, made with python-tuf, that a session asks as it asks any index.

::

    repo = Simulator()                       # root, timestamp, snapshot and targets, each in version 1
    repo.targets.targets["a"] = ...          # change what the next version says
    repo.publish("targets", "snapshot", "timestamp")
    repo.requests                            # what was asked for since

Nothing here is checked: it is a repository that may do anything.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final
from urllib.parse import quote

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

from tarkpm.core.layout import ROOT, SNAPSHOT, TIMESTAMP, TOP
from tarkpm.errors import TooLarge
from tarkpm.sources.index.places import Missing

ONLINE: Final = (TOP, SNAPSHOT, TIMESTAMP)
"""In the order in which each lists the one before it."""


def in_days(count: float) -> datetime:
    return (datetime.now(UTC) + timedelta(days=count)).replace(microsecond=0)


class Simulator:
    """A repository that implements `Place`."""

    def __init__(self) -> None:
        self.signed: dict[str, Any] = {
            ROOT: Root(expires=in_days(30), consistent_snapshot=True),
            TOP: Targets(expires=in_days(30)),
            SNAPSHOT: Snapshot(expires=in_days(30)),
            TIMESTAMP: Timestamp(expires=in_days(30)),
        }
        self.signers: dict[str, list[CryptoSigner]] = {}
        self.files: dict[str, bytes] = {}
        self.requests: list[str] = []
        self.hashes = False
        """Whether snapshot and timestamp give digests and lengths of what they list."""
        self._published: set[str] = set()
        for role in self.signed:
            self.add_key(role)
        self.publish(*ONLINE, ROOT)
        self.initial = self.files["metadata/1.root.json"]

    # what a session sees

    def get(self, path: str, limit: int, deadline: float) -> bytes:
        """See `Place`."""
        self.requests.append(path)
        if path not in self.files:
            raise Missing(404)
        if len(self.files[path]) > limit:
            raise TooLarge(path)
        return self.files[path]

    def is_prompt(self) -> bool:
        """See `Place`."""
        return True

    def close(self) -> None:
        """See `Place`."""

    # what a repository does

    def add_key(self, role: str, signer: CryptoSigner | None = None, by: str = ROOT) -> CryptoSigner:
        """A key more for a role, in what delegates to it, and among those that sign."""
        signer = signer or CryptoSigner.generate_ed25519()
        self.signed[by].add_key(signer.public_key, role)
        self.signers.setdefault(role, []).append(signer)
        return signer

    def replace_keys(self, role: str) -> None:
        """Other keys for a top-level role."""
        self.signed[ROOT].roles[role].keyids.clear()
        self.signers[role].clear()
        self.add_key(role)

    def set_keys(
        self, role: str, threshold: int, keys: Iterable[CryptoSigner], signing: Iterable[CryptoSigner]
    ) -> None:
        """Just these keys for a top-level role, and just these signatures."""
        self.signed[ROOT].roles[role].keyids.clear()
        self.signed[ROOT].roles[role].threshold = threshold
        for key in keys:
            self.signed[ROOT].add_key(key.public_key, role)
        self.signers[role] = list(signing)

    def publish(self, *roles: str) -> None:
        """The next version of each, listed in the next snapshot or timestamp."""
        for role in roles:
            if role in self._published:
                self.signed[role].version += 1
            self.put(role)

    def again(self, role: str, version: int) -> None:
        """Begin a role's versions again: the next that is published is this one."""
        self.signed[role].version = version
        self._published.discard(role)

    def put(self, role: str, *, version: int | None = None) -> None:
        """Sign a role as it is, under the name of this version or its own."""
        signed = self.signed[role]
        self._published.add(role)
        metadata: Metadata[Any] = Metadata(signed)
        for signer in self.signers[role]:
            metadata.sign(signer, append=True)
        data = metadata.to_bytes()
        self.files[self.name(role, version)] = data
        about = MetaFile(version or signed.version)
        if self.hashes:
            about = MetaFile(about.version, len(data), {"sha256": sha256(data).hexdigest()})
        if role == SNAPSHOT:
            self.signed[TIMESTAMP].snapshot_meta = about
        elif role not in (ROOT, TIMESTAMP):
            self.signed[SNAPSHOT].meta[f"{role}.json"] = about

    def name(self, role: str, version: int | None = None) -> str:
        """Where the newest metadata of a role is, or what this version is called."""
        if role == TIMESTAMP:
            return "metadata/timestamp.json"
        return f"metadata/{version or self.signed[role].version}.{quote(role, '')}.json"

    def rewrite(self, role: str, change: Callable[[Metadata[Any]], object]) -> None:
        """Change what is served for a role, its signatures among it, and sign nothing."""
        metadata: Metadata[Any] = Metadata.from_bytes(self.files[self.name(role)])
        change(metadata)
        self.files[self.name(role)] = metadata.to_bytes()

    def delegate(self, by: str, role: DelegatedRole) -> None:
        """Delegate to a role, which has nothing yet, or what it has."""
        parent = self.signed[by]
        parent.delegations = parent.delegations or Delegations({}, {})
        parent.delegations.roles[role.name] = role
        self.signed.setdefault(role.name, Targets(expires=in_days(30)))
        self.add_key(role.name, by=by)

    def add_target(
        self, role: str, path: str, data: bytes, hashes: Iterable[str] = ("sha256",)
    ) -> TargetFile:
        """A target file of a role."""
        target = TargetFile.from_data(path, data, list(hashes))
        self.signed[role].targets[path] = target
        self.serve_target(target, data)
        return target

    def serve_target(self, target: TargetFile, data: bytes) -> None:
        """Answer with these bytes where a target is asked for."""
        folder, slash, name = target.path.rpartition("/")
        for digest in target.hashes.values():
            self.files[f"targets/{folder}{slash}{digest}.{name}"] = data
