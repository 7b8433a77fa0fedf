"""A maintainer's desk: the folder of an index, the time, and the private keys on this machine."""

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
"""Return the passphrase of the key with this name."""


class Desk(msgspec.Struct, frozen=True):
    """The inputs of a maintainer's command. ``now`` is read once, so that all its signatures agree."""

    settings: Settings
    folder: Path
    passphrase: AskPassphrase
    now: datetime

    @property
    def keys(self) -> KeyStore:
        """The private keys of the current user."""
        return KeyStore.in_state(self.settings.paths.state)

    def open(self) -> Index:
        """Open the index in the folder; raises `NotFound` and `IndexUntrusted`."""
        return open_index(self.folder)

    def command(self, *words: str) -> str:
        """Return a ``tarkpm index`` command for this folder, for a hint."""
        place = [] if self.folder == self.settings.cwd else ["--index", str(self.folder)]
        return shlex.join(["tarkpm", "index", *words, *place])

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Lock the folder for a command that changes it; raises `StoreBusy` and `NotFound`."""
        if not self.folder.is_dir():
            raise NotFound(
                "the folder does not exist",
                where=str(self.folder),
                hint="see how to create one: tarkpm index create --help",
            )
        with folder_lock(self.folder, shared=False, deadline_seconds=self.settings.lock_seconds):
            yield

    def signer(self, name: str) -> Signer:
        """Load the private key of this name; raises `StoreError`."""
        public, sign = self.keys.load(name, lambda: self.passphrase(name))
        return Signer(public, sign)

    def maintainers(self, names: Sequence[str], allowed: Collection[PublicKey]) -> list[Signer]:
        """Load the named keys, or the only maintainer's key on this machine.

        Raises `KeyUntrusted` for a key that is not ``allowed`` or is named twice, `StoreError` for one that
        is missing or ambiguous.
        """
        if not names:
            names = self._only(allowed)
        signers = [self.signer(name) for name in dict.fromkeys(names)]
        for name, signer in zip(dict.fromkeys(names), signers, strict=True):
            if signer.key not in allowed:
                here = sorted(self.keys.names_of(allowed).values())
                hint = self._without_key(name, here) or "run this on the machine that has a maintainer's key"
                text = f"'{name}' is not a maintainer's key: {signer.key}"
                raise KeyUntrusted(text, where=str(self.folder), hint=hint)
        # Two names of one key are one signature: a threshold counts keys.
        if len({signer.key for signer in signers}) != len(signers):
            raise KeyUntrusted(
                "two of these names are the same key",
                where=", ".join(names),
                hint="name each key once",
            )
        return signers

    def _without_key(self, name: str, here: Sequence[str]) -> str:
        """Return the typed command without one of its keys; if none is left, with the first of ``here``."""
        words = shlex.split(self.settings.command)
        places = [at for at, word in enumerate(words) if word == name and words[at - 1] == "--key"]
        for at in reversed(places):
            del words[at - 1 : at + 1]
        words = [word for word in words if word != f"--key={name}"]
        if any(word.startswith("--key") for word in words):
            return shlex.join(words)
        return shlex.join([*words, "--key", here[0]]) if here else ""

    def _only(self, allowed: Collection[PublicKey]) -> list[str]:
        here = sorted(self.keys.names_of(allowed).values())
        if len(here) > 1:
            raise StoreError(
                f"this machine has several maintainers' keys: {', '.join(here)}",
                hint=f"{self.settings.command} --key {here[0]}",
            )
        if not here:
            raise StoreError(
                "no maintainer's key was found on this machine",
                where=str(self.keys.folder),
                hint="run this on the machine that has one, or: tarkpm key import --help",
            )
        return here

    def online(self, key: PublicKey, name: str = "") -> Signer | None:
        """Return the signer of the online key, or None if the key is not on this machine.

        ``name`` is its name here; "" looks for it. Raises `KeyUntrusted` if ``name`` is a different key.
        """
        name = name or self.keys.names_of([key]).get(key, "")
        if not name:
            return None
        signer = self.signer(name)
        if signer.key != key:
            raise KeyUntrusted(
                f"the online key of this index is {key}, but '{name}' is {signer.key}",
                where=str(self.folder),
                hint="omit --online-key: tarkpm finds the key if it is on this machine",
            )
        return signer

    def require_online(self, key: PublicKey, name: str = "") -> Signer:
        """Like `online`, but raises `StoreError` if the key is not on this machine."""
        signer = self.online(key, name)
        if signer is None:
            raise StoreError(
                f"the online key {key} was not found on this machine",
                where=str(self.keys.folder),
                hint="name it with --online-key NAME, or run this on the machine that has it",
            )
        return signer

    def require_log(self, key: PublicKey) -> Signer:
        """Return the signer of the log's key; raises `StoreError` if it is not on this machine."""
        signer = self.online(key)
        if signer is None:
            raise StoreError(
                f"the key of the log {key} was not found on this machine",
                where=str(self.keys.folder),
                hint="run this on the machine that has it, or: tarkpm key import --help",
            )
        return signer


def open_desk(settings: Settings, folder: Path, passphrase: AskPassphrase) -> Desk:
    """Return the desk for ``folder``, relative to the working directory, at the current time."""
    return Desk(settings, settings.cwd / folder, passphrase, datetime.now(UTC).replace(microsecond=0))
