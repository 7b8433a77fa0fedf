"""``tarkpm publish``: write a plugin's release folder for an index, or push the release to a registry."""

import os
import shlex
from collections.abc import Mapping
from pathlib import Path

import msgspec

from tarkpm.core.built_from import BuiltFrom
from tarkpm.core.names import CI_PROOF, MANIFEST, STATEMENT
from tarkpm.core.release import GitSource, PathSource
from tarkpm.core.text import some
from tarkpm.core.verification import VerifiedRelease, verify_release
from tarkpm.errors import Refused
from tarkpm.io.files import open_new, read_file, remove_tree, sync_folder
from tarkpm.io.temporary import temporary
from tarkpm.ops.author.committed_source import committed_source
from tarkpm.ops.author.logged import LoggedAs, find_in_log
from tarkpm.ops.author.staleness import require_fresh
from tarkpm.ops.author.statement import existing, holds, sign_release, source_of
from tarkpm.ops.author.uncommitted import require_committed
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.ui import Ui
from tarkpm.ops.release.checks import check_publishable
from tarkpm.sources.folder import collect
from tarkpm.sources.path import MAX_FILE, LocalTree
from tarkpm.store.key_file import Passphrase


class PublishReport(msgspec.Struct, frozen=True):
    """A release folder: its path, files and signer; ``written`` is False if it existed.

    ``key`` is the name of the key that signed it now, ``replaced`` whether the statement beside the plugin is
    of other files. ``source`` is the commit that the statement names.
    """

    name: str
    version: str
    signer: str
    folder: str
    files: tuple[str, ...]
    signed_now: bool
    written: bool
    key: str = ""
    replaced: bool = False
    source: BuiltFrom | None = None


class PushReport(msgspec.Struct, frozen=True):
    """A release in a registry: its reference and digest.

    ``existed`` says whether the tag had this release already, ``log`` what the log of an index says of it, if
    that was asked. The rest is as in `PublishReport`.
    """

    name: str
    version: str
    signer: str
    reference: str
    digest: str
    files: tuple[str, ...]
    signed_now: bool
    written: bool
    existed: bool
    key: str = ""
    replaced: bool = False
    source: BuiltFrom | None = None
    log: LoggedAs | None = None


class _Prepared(msgspec.Struct, frozen=True):
    """A release that may be published. ``files`` are without the statement, which is ``envelope``.

    ``ci_proof`` is the file of a CI identity that lies beside a statement that is published as it is.
    """

    candidate: VerifiedRelease
    files: Mapping[str, bytes]
    envelope: bytes
    signed_now: bool
    key: str
    replaced: bool
    source: BuiltFrom | None
    ci_proof: bytes | None = None


def publish(
    settings: Settings,
    folder: Path,
    to: Path,
    key: str,
    passphrase: Passphrase,
    *,
    allow_dirty: bool = False,
    source_url: str = "",
) -> PublishReport:
    """Check the plugin in ``folder`` and write its release to ``to``/NAME-VERSION.

    With a ``key`` the release is signed; otherwise the statement next to the plugin is published. With
    ``source_url``, where others fetch the repository around it, the statement names HEAD as its source.
    Raises `SignatureInvalid` and `DigestMismatch` without a key and a statement of these files; `Refused` if
    another release of this version exists there, and, unless ``allow_dirty``, if it is not committed in the
    repository around it; `BuildError` if the sources changed after the build.
    """
    found = _prepare(
        settings, folder, str(to), key, passphrase, allow_dirty=allow_dirty, source_url=source_url
    )
    name, version = found.candidate.manifest.name, found.candidate.manifest.version
    files = {**found.files, STATEMENT: found.envelope}
    if found.ci_proof is not None:
        files[CI_PROOF] = found.ci_proof
    target = (settings.cwd / to).resolve() / f"{name}-{version}"
    written = not _is_there(target, files) and not settings.dry_run
    if written:
        _write(target, files)
    return PublishReport(
        name,
        str(version),
        str(found.candidate.signer),
        str(target),
        tuple(sorted(files)),
        found.signed_now,
        written,
        found.key,
        found.replaced,
        found.source,
    )


def publish_to_registry(
    settings: Settings,
    ui: Ui,
    folder: Path,
    to: str,
    key: str,
    passphrase: Passphrase,
    *,
    allow_dirty: bool = False,
    source_url: str = "",
    log: str = "",
) -> PushReport:
    """Check the plugin in ``folder`` and push its release to the OCI reference ``to``.

    The tag is the version unless ``to`` has one. It is signed, and refused, as by `publish`. ``log`` is the
    name of an index: the artifact gets the proof that its log has the release. Raises what `find_in_log`
    raises.
    """
    from tarkpm.core.oci.reference import parse
    from tarkpm.ops.author.pushing import push  # an index needs no registry

    reference = parse(to)
    found = _prepare(settings, folder, to, key, passphrase, allow_dirty=allow_dirty, source_url=source_url)
    proof, logged = find_in_log(settings, ui, log, found.candidate) if log else (None, None)
    pushed = push(
        settings,
        reference,
        found.candidate,
        found.files,
        found.envelope,
        ci_proof=found.ci_proof,
        log_proof=proof,
        where=str(folder),
    )
    if logged:
        logged = logged.beside(proof, pushed.log_proof)
    return PushReport(
        found.candidate.manifest.name,
        str(found.candidate.manifest.version),
        str(found.candidate.signer),
        str(pushed.reference),
        pushed.digest,
        tuple(sorted({*found.files, STATEMENT})),
        found.signed_now,
        pushed.written,
        pushed.existed,
        found.key,
        found.replaced,
        found.source,
        logged,
    )


def _prepare(
    settings: Settings,
    folder: Path,
    to: str,
    key: str,
    passphrase: Passphrase,
    *,
    allow_dirty: bool,
    source_url: str,
) -> _Prepared:
    """Check the plugin in ``folder``, and sign it with the ``key`` if one is named."""
    where = str(folder)
    collected = collect(LocalTree(folder), "", where=where, signed=False)
    plain = verify_release(collected.files, None, PathSource(where), where=where)
    check_publishable(plain, collected, where=where)
    place = settings.cwd / folder / collected.folder
    require_fresh(settings, settings.cwd / folder, collected, plain.manifest)
    command = ["tarkpm", "publish", where, "--to", to, *(("--key", key) if key else ())]
    if not allow_dirty:
        require_committed(place, collected, plain.manifest, shlex.join([*command, "--allow-dirty"]))
    source = None
    if source_url:
        source = committed_source(settings, place, collected, plain.manifest, source_url, shlex.join(command))
    found = None
    if key:
        replaced = not holds(place, collected.files, where)
        envelope = sign_release(settings, plain, key, passphrase, source)
    else:
        replaced = False
        found = existing(settings, place, collected.files, where, source, source_url)
        envelope = found.envelope
    # As a client will verify it: nothing is written that an index would refuse.
    candidate = verify_release(collected.files, envelope, GitSource(where), where=where)
    return _Prepared(
        candidate,
        collected.files,
        envelope,
        signed_now=bool(key),
        key=key,
        replaced=replaced,
        source=source_of(envelope, where),
        ci_proof=found.ci_proof if found else None,
    )


def _is_there(target: Path, files: dict[str, bytes]) -> bool:
    """Return whether exactly this release is in ``target``. Raises `Refused` if another one is."""
    if not os.path.lexists(target):
        return False
    found = {path.relative_to(target).as_posix() for path in target.rglob("*") if not path.is_dir()}
    # Not the proof of a CI identity, which is put there afterwards: it is of the statement, which counts.
    found, wanted = found - {CI_PROOF}, set(files) - {CI_PROOF}
    edited = {name for name in found & wanted if read_file(target / name, MAX_FILE) != files[name]}
    if not (differing := sorted(edited | (found ^ wanted))):
        return True
    text = f"another release exists here, with other contents of {some(differing)}"
    raise Refused(text, where=str(target), hint=f"raise plugin.version in {MANIFEST}")


def _write(target: Path, files: dict[str, bytes]) -> None:
    """Write the folder under a temporary name, then rename it: it appears as a whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    staging = temporary(target)
    try:
        for name, data in files.items():
            (staging / name).parent.mkdir(parents=True, exist_ok=True)
            with open_new(staging / name, 0o644) as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        staging.rename(target)
    except BaseException:
        remove_tree(staging)
        raise
    sync_folder(target.parent)
