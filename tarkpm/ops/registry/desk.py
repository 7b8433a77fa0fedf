"""A maintainer's desk: an index's folder, the clock, and the private keys that are here."""

import shlex
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from tarkpm.core.key import PublicKey
from tarkpm.errors import KeyUntrusted, NotFound, StoreError
from tarkpm.io.locks import folder_lock
from tarkpm.ops.project.settings import Settings
from tarkpm.registry.folder import Index, open_index
from tarkpm.registry.keys import Signer
from tarkpm.store.keys import KeyStore

AskPassphrase = Callable[[str], bytes]
"""(the name of a key) to its passphrase."""


class Desk(msgspec.Struct, frozen=True):
    """Where a maintainer works, and with what. ``now`` is read once: a command happens at one moment."""

    settings: Settings
    folder: Path
    passphrase: AskPassphrase
    now: datetime

    @property
    def keys(self) -> KeyStore:
        """The private keys of whoever runs this."""
        return KeyStore(self.settings.paths.state / "keys")

    def open(self) -> Index:
        """The index in the folder; raises `NotFound`, `IndexUntrusted`."""
        return open_index(self.folder)

    def command(self, *words: str) -> str:
        """A ``tarkpm index`` command on this folder, for a hint."""
        place = [] if self.folder == self.settings.cwd else ["--index", str(self.folder)]
        return shlex.join(["tarkpm", "index", *words, *place])

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Hold the folder for a command that changes it; raises `StoreBusy`, `NotFound`."""
        if not self.folder.is_dir():
            raise NotFound(
                "there is no such folder",
                where=str(self.folder),
                hint=f"tarkpm index create {shlex.quote(str(self.folder))}",
            )
        with folder_lock(self.folder, shared=False, deadline_seconds=self.settings.lock_seconds):
            yield

    def signer(self, name: str) -> Signer:
        """The private key of this name; raises `StoreError`."""
        public, sign = self.keys.load(name, lambda: self.passphrase(name))
        return Signer(public, sign)

    def maintainers(self, names: Sequence[str], allowed: Collection[PublicKey]) -> list[Signer]:
        """The keys named, or the one maintainer's key that is here; raises `KeyUntrusted`, `StoreError`."""
        if not names:
            names = self._only(allowed)
        signers = [self.signer(name) for name in dict.fromkeys(names)]
        for name, signer in zip(dict.fromkeys(names), signers, strict=True):
            if signer.key not in allowed:
                here = sorted(self.keys.names_of(allowed).values())
                hint = f"sign with theirs: --key {here[0]}" if here else "run it where a maintainer's key is"
                text = f"'{name}' is no maintainer's key: {signer.key}"
                raise KeyUntrusted(text, where=str(self.folder), hint=hint)
        if len({signer.key for signer in signers}) != len(signers):
            raise KeyUntrusted(
                "two of these names are one key",
                where=", ".join(names),
                hint=f"sign with it once: --key {names[0]}",
            )
        return signers

    def _only(self, allowed: Collection[PublicKey]) -> list[str]:
        here = sorted(self.keys.names_of(allowed).values())
        if len(here) > 1:
            raise StoreError(
                f"several maintainers' keys are here: {', '.join(here)}", hint=f"choose: --key {here[0]}"
            )
        if not here:
            raise StoreError(
                "no maintainer's key was found on this machine",
                where=str(self.keys.folder),
                hint="name the key with --key NAME",
            )
        return here

    def online(self, key: PublicKey, name: str = "") -> Signer | None:
        """The online key's signer, if it is on this machine; ``name`` says under which name.

        Raises `KeyUntrusted` if the named key is another one.
        """
        name = name or self.keys.names_of([key]).get(key, "")
        if not name:
            return None
        signer = self.signer(name)
        if signer.key != key:
            raise KeyUntrusted(
                f"'{name}' is {signer.key}, and the online key of this index is {key}",
                where=str(self.folder),
                hint="leave --online-key out: the key is found by itself where it is",
            )
        return signer

    def require_online(self, key: PublicKey, name: str = "") -> Signer:
        """The same; raises `StoreError` if it is not here."""
        signer = self.online(key, name)
        if signer is None:
            raise StoreError(
                f"the online key {key} was not found on this machine",
                where=str(self.keys.folder),
                hint="name it with --online-key NAME, or run this where it is",
            )
        return signer


def open_desk(settings: Settings, folder: Path, passphrase: AskPassphrase) -> Desk:
    """The desk in ``folder``, now."""
    return Desk(settings, settings.cwd / folder, passphrase, datetime.now(UTC).replace(microsecond=0))
