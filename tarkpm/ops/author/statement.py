"""The statement that a release is published with: the one beside the plugin, or a new one (decision 0242)."""

import shlex
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from tarkpm.core import statement
from tarkpm.core.built_from import BuiltFrom
from tarkpm.core.names import STATEMENT
from tarkpm.core.verification import VerifiedRelease
from tarkpm.errors import DigestMismatch, NotFound, SignatureInvalid, StoreError
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.release.checks import UNSIGNED, SignedRelease, signed_release
from tarkpm.store.key_file import Passphrase
from tarkpm.store.keys import KeyStore


def sign_release(
    settings: Settings, plain: VerifiedRelease, key: str, passphrase: Passphrase, source: BuiltFrom | None
) -> bytes:
    """Return a new statement of a release. Raises `StoreError` for a key that cannot be used."""
    public, sign = KeyStore.in_state(settings.paths.state).load(key, passphrase)
    name, version = plain.manifest.name, plain.manifest.version
    return statement.sign(name, version, plain.files, key=public, signer=sign, source=source)


def existing(
    settings: Settings,
    folder: Path,
    files: Mapping[str, bytes],
    where: str,
    source: BuiltFrom | None,
    source_url: str,
) -> SignedRelease:
    """Return the statement beside a plugin.

    Raises `SignatureInvalid` if there is none or, with a ``source``, one that names another;
    `SignatureInvalid`, `DigestMismatch` and `NotFound` if it is of other files.
    """
    more = ("--source", source_url) if source_url else ()
    hint = shlex.join(["tarkpm", "sign", where, "--key", _some_key(settings), *more])
    try:
        found = signed_release(folder, files, where=where)
    except (SignatureInvalid, DigestMismatch, NotFound) as problem:
        problem.message = f"{STATEMENT} does not match the files: {problem.message}"
        problem.hint = hint
        raise
    if found is None:
        raise SignatureInvalid(UNSIGNED, where=where, hint=hint)
    named = source_of(found.envelope, where)
    if source and named != source:
        text = f"{STATEMENT} names {named or 'no source'}, expected {source}"
        raise SignatureInvalid(text, where=where, hint=hint)
    return found


def holds(folder: Path, files: Mapping[str, bytes], where: str) -> bool:
    """Return whether the statement beside a plugin, if there is one, is of its files."""
    with suppress(SignatureInvalid, DigestMismatch, NotFound):
        signed_release(folder, files, where=where)
        return True
    return False


def source_of(envelope: bytes, where: str) -> BuiltFrom | None:
    """Return the source that a statement names."""
    return statement.verify(envelope, where=where)[0].source


def _some_key(settings: Settings) -> str:
    """Return the name of the only key; NAME if there is none, or a choice."""
    names = KeyStore.in_state(settings.paths.state).names()
    return names[0] if len(names) == 1 else "NAME"


def only_key(settings: Settings, folder: Path) -> str:
    """Return the name of the only key. Raises `StoreError` for none, and for several to sign ``folder``."""
    names = KeyStore.in_state(settings.paths.state).names()
    if len(names) == 1:
        return names[0]
    if not names:
        raise StoreError("there is no signing key", hint="tarkpm key generate --name release")
    place = () if folder == Path() else (str(folder),)
    hint = shlex.join(["tarkpm", "sign", *place, "--key", names[0]])
    raise StoreError(f"found several keys: {', '.join(names)}", hint=hint)
