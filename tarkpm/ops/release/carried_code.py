"""The compiled code in a bundle: who made it, for what machines, and whether it may run here (decision 0244).

To run native code is to trust whoever compiled it with everything that a plugin's process can do. So nobody's
is taken unless this user's own configuration lists the key, and then only what is signed by it, for exactly
this compiler, these settings and this platform.
"""

from typing import TYPE_CHECKING

import msgspec

from tarkpm.core.bundle.layout import MAX_MANIFEST, ContentDescriptor, compiled_ref, parse_compiled
from tarkpm.core.compiled import (
    MAX_CODE,
    MAX_COMPILED_STATEMENT,
    CompiledCode,
    CompiledModule,
    claimed,
    envelope_of,
    read_compiled,
)
from tarkpm.core.digest import Digest
from tarkpm.core.key import PublicKey
from tarkpm.core.statement import Envelope
from tarkpm.errors import DocumentError, NotFound, SignatureInvalid
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.user_config import compiled_by
from tarkpm.ops.project.workspace import Workspace
from tarkpm.ops.release.carried import Carried
from tarkpm.sources.bundle import Bundle

if TYPE_CHECKING:  # most bundles have no compiled code, and it is compared only where a key is listed
    from tarkpm.host.compile.cache import OfferedCode


class BundledCode(msgspec.Struct, frozen=True):
    """Compiled code in a bundle: for which ``platform``, by which compiler and whose key; its size in bytes.

    ``modules`` are the digests of the plugins' modules. ``refused`` is why this machine does not take it; ""
    if it does.
    """

    platform: str
    compiler: str
    maker: PublicKey
    modules: tuple[Digest, ...]
    size: int
    refused: str


class _Sealed(msgspec.Struct, frozen=True):
    """A statement whose signature was not checked, and the pieces of code that lie beside it."""

    ref: str
    where: str
    statement: bytes
    pieces: dict[Digest, ContentDescriptor]

    @property
    def envelope(self) -> Envelope:
        return envelope_of(self.statement, where=self.where)


class _Signed(msgspec.Struct, frozen=True):
    """Code whose statement was verified. Each piece is compared with its digest when it is read."""

    code: CompiledCode
    maker: PublicKey
    bundle: Bundle
    pieces: dict[Digest, ContentDescriptor]

    def read(self, one: CompiledModule) -> bytes:
        return self.bundle.blob(self.pieces[one.code], MAX_CODE)


class CarriedCode:
    """What this user lets run of the code in a bundle, as a resource of a workspace."""

    def __init__(self, workspace: Workspace) -> None:
        """Verify the code by listed keys. Without one nothing of it is read, not even its statement.

        Raises `DocumentError`, `DigestMismatch`, `NotFound`, `Refused` and `SignatureInvalid`.
        """
        bundle = workspace.resource(Carried).bundle
        self.offer: OfferedCode | None = None
        self._notes: list[str] = []
        makers = compiled_by(workspace.settings)
        for one in bundle.compiled.values() if makers else ():
            sealed = _sealed(bundle, one)
            maker = sealed.envelope.key
            if maker not in makers:
                self._refuse(f"it is by {maker}, which 'compiled-by' in config.toml does not list")
                continue
            signed = _signed(bundle, sealed)
            if reason := _misfit(signed.code):
                self._refuse(reason)
            else:
                self.offer = _offered(signed)

    def _refuse(self, reason: str) -> None:
        self._notes.append(f"the compiled code in the bundle is not used: {reason}")

    def take_notes(self) -> list[str]:
        """Return, once, why code in the bundle is not used although this user lists keys."""
        notes, self._notes = self._notes, []
        return notes

    def close(self) -> None:
        """Do nothing: the bundle is closed by whoever opened it."""


def _offered(signed: _Signed) -> "OfferedCode":
    from tarkpm.host.compile.cache import OfferedCode

    # All of it is read now, before anything changes. Later, damaged code would be found too late to refuse.
    for one in signed.code.modules:
        signed.read(one)
    modules = {(one.module, one.kind): one for one in signed.code.modules}
    return OfferedCode(signed.maker, modules, signed.read)


def verified_code(settings: Settings, bundle: Bundle, modules: set[Digest]) -> list[BundledCode]:
    """Verify all compiled code of a bundle, whoever made it; ``modules`` are those of the bundle's plugins.

    Raises `DigestMismatch`, `NotFound`, `Refused`, `SignatureInvalid`.
    """
    found = []
    for one in bundle.compiled.values():
        signed = _signed(bundle, _sealed(bundle, one))
        if {module.module for module in signed.code.modules if module.kind != "part"} - modules:
            text = "the bundle has compiled code of modules that it does not have"
            raise NotFound(text, where=f"{bundle.where}: {one.ref}")
        for module in signed.code.modules:
            signed.read(module)
        found.append(_row(settings, signed.code, signed.maker))
    return found


def claimed_code(settings: Settings, bundle: Bundle) -> list[BundledCode]:
    """Return what a bundle says of its compiled code, without checking signatures.

    Raises as `verified_code` does.
    """
    sealed = [_sealed(bundle, one) for one in bundle.compiled.values()]
    return [_row(settings, claimed(one.envelope, where=one.where), one.envelope.key) for one in sealed]


def _row(settings: Settings, code: CompiledCode, maker: PublicKey) -> BundledCode:
    modules = tuple(one.module for one in code.modules if one.kind != "part")
    refused = _unlisted(settings, maker) or _misfit(code)
    return BundledCode(code.platform, code.compiler, maker, modules, sum(code.sizes.values()), refused)


def _unlisted(settings: Settings, maker: PublicKey) -> str:
    try:
        makers = compiled_by(settings)
    except DocumentError as problem:
        return problem.message
    return "" if maker in makers else "'compiled-by' in config.toml does not list the key"


def _misfit(code: CompiledCode) -> str:
    """Return why this machine cannot use code, "" if it can."""
    from tarkpm.host.compile.portable import this_machine

    here = this_machine()
    if code.platform != here.platform:
        return f"it is for {code.platform}, and this machine is {here.platform or 'of no known platform'}"
    if code.compiler != here.compiler:
        return f"it is by {code.compiler}, and this machine has {here.compiler}"
    return "" if code.settings == here.settings else "it was compiled with other settings"


def _sealed(bundle: Bundle, one: ContentDescriptor) -> _Sealed:
    where = f"{bundle.where}: {one.ref}"
    statement, pieces = parse_compiled(bundle.blob(one, MAX_MANIFEST), MAX_CODE, where=where)
    return _Sealed(one.ref, where, bundle.blob(statement, MAX_COMPILED_STATEMENT), pieces)


def _signed(bundle: Bundle, sealed: _Sealed) -> _Signed:
    """Return code whose signature holds, and of which all pieces are listed. Raises `SignatureInvalid`."""
    code, maker = read_compiled(sealed.statement, where=sealed.where)
    if sealed.ref != compiled_ref(code.platform):
        raise SignatureInvalid(
            f"expected code for another platform, found {code.platform}", where=sealed.where
        )
    if {digest: piece.size for digest, piece in sealed.pieces.items()} != code.sizes:
        text = "the bundle lists other pieces of code than were signed"
        raise SignatureInvalid(text, where=sealed.where)
    return _Signed(code, maker, bundle, sealed.pieces)
