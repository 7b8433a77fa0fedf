"""Every error tarkpm raises on purpose, and the exit status each one means.

::

    TarkError(message, where, hint)      code, exit_status
    ├ DocumentError      ManifestError, ProjectError, LockError, LockStale
    ├ ResolutionError
    ├ SourceError        NotFound, Unreachable (IndexStale), Garbled, TooLarge, Refused
    ├ VerificationError  DigestMismatch, SignatureInvalid, CommitUnreached, KeyUntrusted, IndexUntrusted,
    │                    Revoked
    ├ ConsentError       ProjectNotAccepted, CapabilityWidened, KeyUnknown, KeyChanged,
    │                    UnsignedRefused, Downgrade, Republished, UnmanagedRefused, Edited
    ├ StoreError         BlobMissing, StoreBusy
    └ HostError          ModuleInvalid, CapabilityDenied, PluginFailed, PluginCrashed, LimitReached

An error is three things: what is wrong, where, and one command that helps. Messages are lower case,
put the fact first and quote values. Exit statuses: 1 findings, drift or a failed plugin call; 2 usage
or unexpected; 3 signature, digest or key; 4 consent needed; 5 could not check; 6 busy.
"""

from typing import ClassVar


class TarkError(Exception):
    """The base of tarkpm's errors: what went wrong, where, and the one command that helps.

    ``message`` says what is wrong, ``where`` names the file, URL or key path, ``hint`` is a single
    command or a short sentence around one. All three are shown to a person as they are.
    """

    exit_status: ClassVar[int] = 2

    def __init__(self, message: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint

    @property
    def code(self) -> str:
        """The stable, machine-readable name of this kind of error: its class name."""
        return type(self).__name__


class DocumentError(TarkError):
    """A file of ours does not say what it must."""


class ManifestError(DocumentError):
    """A plugin.toml that cannot be used."""


class ProjectError(DocumentError):
    """A tark.toml that is missing or cannot be used."""


class LockError(DocumentError):
    """A tark.lock that is missing or cannot be used."""


class LockStale(LockError):
    """The lock does not follow from the project. ``plugins`` are those it is about, the first one first."""

    exit_status = 1

    def __init__(
        self, message: str, *, plugins: tuple[str, ...] = (), where: str = "", hint: str = ""
    ) -> None:
        super().__init__(message, where=where, hint=hint)
        self.plugins = plugins


class ResolutionError(TarkError):
    """No release satisfies what was asked."""


class SourceError(TarkError):
    """A release could not be had from where it should come from."""


class NotFound(SourceError):
    """The source was asked and has no such thing."""


class Unreachable(SourceError):
    """The source could not be asked: nothing is known about the release."""

    exit_status = 5


class IndexStale(Unreachable):
    """An index answered, signed and all, with what has expired or is older than what was seen before."""


class Garbled(SourceError):
    """The source sent something that cannot be parsed: nothing is known about the release."""

    exit_status = 5


class TooLarge(SourceError):
    """The source sent, or announced, more than a limit allows."""


class Refused(SourceError):
    """The source, or what it holds, is of a kind tarkpm does not accept."""


class VerificationError(TarkError):
    """Something was checked and is not what it must be."""

    exit_status = 3


class DigestMismatch(VerificationError):
    """Bytes do not have the digest or size they must have."""


class SignatureInvalid(VerificationError):
    """A release statement is malformed, or its signature does not hold."""


class CommitUnreached(VerificationError):
    """A locked commit that the tag or branch it was asked for does not lead to."""


class KeyUntrusted(VerificationError):
    """A valid signature by a key this project does not trust for this plugin."""


class IndexUntrusted(VerificationError):
    """An index serves something that its maintainers did not sign."""


class Revoked(VerificationError):
    """A release, or its key, that the maintainers of its index took back."""


class ConsentError(TarkError):
    """A decision only the user can make has not been made."""

    exit_status = 4


class ProjectNotAccepted(ConsentError):
    """Decisions in a tark.toml that this user never accepted."""


class CapabilityWidened(ConsentError):
    """A release asks for more than was granted."""


class KeyUnknown(ConsentError):
    """The first key seen for a plugin."""


class KeyChanged(ConsentError):
    """Another key than the one trusted so far."""


class UnsignedRefused(ConsentError):
    """A release without a statement."""


class Downgrade(ConsentError):
    """A version lower than the locked one."""


class Republished(ConsentError):
    """Other bytes under a version that was locked before."""


class Edited(ConsentError):
    """A document changed while the user was asked about what it said before."""


class UnmanagedRefused(ConsentError):
    """A folder that was put there by hand: to be run, or to be replaced by what tarkpm installs."""


class StoreError(TarkError):
    """This machine's own files cannot be read or written."""


class BlobMissing(StoreError):
    """Bytes that are needed are not in the store and may not be fetched."""

    exit_status = 5


class StoreBusy(StoreError):
    """Another process holds the lock."""

    exit_status = 6


class HostError(TarkError):
    """A plugin could not be run, or failed."""

    exit_status = 1


class ModuleInvalid(HostError):
    """The bytes are not a module this host can run."""


class CapabilityDenied(HostError):
    """The plugin asked for something it was not granted."""


class PluginFailed(HostError):
    """The plugin ran and reported a failure."""


class PluginCrashed(HostError):
    """The plugin trapped, or its worker died."""


class LimitReached(HostError):
    """The plugin used up its time, memory or output."""
