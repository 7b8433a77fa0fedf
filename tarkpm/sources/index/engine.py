"""Import python-tuf's client without its own fetcher, because tarkpm has another one.

tuf imports that fetcher with the client, and urllib3 with it, which is half of the import time of a request.
"""

import json
import sys
from collections.abc import Callable
from datetime import datetime
from types import ModuleType
from typing import Any, TypeAlias, TypeVar

import msgspec
from tuf.api.metadata import Root, Signature, Signed, Snapshot, Targets, Timestamp

from tarkpm.core.layout import TOP

_THEIRS = "tuf.ngclient.urllib3_fetcher"


class Urllib3Fetcher:
    """Placeholder for tuf's own fetcher. An updater uses it only if it is given none, and ours always is."""


# Removed again afterwards, so that another program in this process can import the real module.
if _THEIRS not in sys.modules:
    sys.modules[_THEIRS] = ModuleType(_THEIRS)
    setattr(sys.modules[_THEIRS], Urllib3Fetcher.__name__, Urllib3Fetcher)
    try:
        from tuf.ngclient import FetcherInterface, UpdaterConfig
        from tuf.ngclient import Updater as _Updater
    finally:
        del sys.modules[_THEIRS]
else:
    from tuf.ngclient import FetcherInterface, UpdaterConfig
    from tuf.ngclient import Updater as _Updater

T = TypeVar("T", Root, Timestamp, Snapshot, Targets)
_Delegator: TypeAlias = Root | Targets | None
_Verified: TypeAlias = tuple[T, bytes, dict[str, Signature]]
"""Verified metadata: what it says, the bytes that were signed, and the signatures."""


class _Envelope(msgspec.Struct):
    signatures: list[dict[str, Any]]
    signed: msgspec.Raw


class Updater(_Updater):
    """tuf's updater, with access to the metadata it used.

    What this class replaces or reads is private to tuf. If a new version of tuf removes it, the
    `AttributeError` fails the command; no check is skipped.
    """

    def __init__(self, *arguments: Any, bootstrap: bytes, on_disk: bool = True, **more: Any) -> None:
        """Set up the updater as tuf does. Without ``on_disk`` it writes no file."""
        self._on_disk = on_disk
        super().__init__(*arguments, bootstrap=bootstrap, **more)
        self._taken = {(Root.type, self._trusted_set.root.version): bootstrap}
        self._theirs: Callable[..., Any] = self._trusted_set._load_data
        self._trusted_set._load_data = self._load_verified

    def _load_verified(
        self, role: type[T], data: bytes, delegator: _Delegator = None, role_name: str | None = None
    ) -> _Verified[T]:
        """Load metadata, signed by enough keys of its ``delegator`` (TUF specification, 5.3 to 5.6)."""
        name = role_name or role.type
        try:
            found = _load_as_written(role, data, delegator, name)
        except Exception:  # noqa: BLE001  # whatever it is, tuf decides, and says what is wrong
            found = self._theirs(role, data, delegator, role_name)
        self._check_snapshot(found[0], data)
        # Of two timestamps with one version tuf keeps the first. Any other role replaces what was refused.
        if name != Timestamp.type or (name, found[0].version) not in self._taken:
            self._taken[name, found[0].version] = data
        return found

    def _check_snapshot(self, found: Signed, data: bytes) -> None:
        """Raise `RepositoryError` for a snapshot with other bytes than the timestamp says.

        tuf checks that of a fetched snapshot only. A cached one with other bytes around what was signed would
        be put into bundles, and refused where they arrive.
        """
        if isinstance(found, Snapshot):
            listed = self._trusted_set.timestamp.snapshot_meta
            if found.version == listed.version:
                listed.verify_length_and_hashes(data)

    @property
    def files(self) -> dict[str, bytes]:
        """The metadata that led here, verified, by name: all roots, and what else is trusted now."""
        found = {}
        for (role, version), data in self._taken.items():
            trusted = self._trusted_set[role].version
            # Others were read, and then turned out to be outdated, or not in order.
            if version == trusted or (role == Root.type and version < trusted):
                found[f"{role}.json" if role == Timestamp.type else f"{version}.{role}.json"] = data
        return found

    def _persist_file(self, filename: str, data: bytes) -> None:
        if self._on_disk:
            super()._persist_file(filename, data)

    def _update_root_symlink(self) -> None:
        if self._on_disk:
            super()._update_root_symlink()

    def used(self, role: str) -> Signed | None:
        """Return the trusted metadata of a role; None if that role was not loaded."""
        try:
            return self._trusted_set[role]
        except KeyError:
            return None

    def load(self, role: str, parent: str) -> Signed:
        """Return the trusted metadata of a delegated role, fetched with its parent if it is not here."""
        if parent != TOP:
            self._load_targets(parent, TOP)
        self._load_targets(role, parent)
        return self._trusted_set[role]

    def as_of(self, moment: datetime) -> None:
        """Check what expires as it was at this moment, instead of now. To be called before `refresh`."""
        self._trusted_set.reference_time = moment


def _load_as_written(kind: type[T], data: bytes, delegator: _Delegator, role: str) -> _Verified[T]:
    """Load metadata whose signatures are of its bytes as they are in the file.

    tuf renders what it read as canonical JSON, which is what maintainers sign, twice for each file: a quarter
    of the time that verifying takes. Files are written in that form already, unless they contain an escape.
    What was signed and what is read are the same bytes. Raises whatever it meets for any other file.
    """
    envelope = _ENVELOPE.decode(data)
    payload = bytes(envelope.signed)
    signatures = {one.keyid: one for one in map(Signature.from_dict, envelope.signatures)}
    if delegator is None or len(signatures) != len(envelope.signatures):
        raise ValueError("left to tuf")
    delegator.verify_delegate(role, payload, signatures)
    return kind.from_dict(json.loads(payload)), payload, signatures


_ENVELOPE = msgspec.json.Decoder(_Envelope)

__all__ = ["FetcherInterface", "Updater", "UpdaterConfig"]
