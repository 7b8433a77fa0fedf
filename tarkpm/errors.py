"""The errors that tarkpm raises on purpose, with their exit statuses.

::

    TarkError(message, where, hint)      code, exit_status
    ├ DocumentError      ManifestError, ProjectError, LockError (LockStale), CaseError, TeamPolicyInvalid
    ├ ResolutionError    ReleaseTooYoung
    ├ SourceError        NotFound, Unreachable (IndexStale), Garbled, TooLarge, Refused
    ├ VerificationError  DigestMismatch, SignatureInvalid, CommitUnreached, KeyUntrusted, IndexUntrusted,
    │                    Revoked, PolicyViolation
    ├ ConsentError       ProjectNotAccepted, CapabilityWidened, ToolsChanged, KeyUnknown, KeyChanged,
    │                    IdentityChanged, UnsignedRefused, Downgrade, Republished, UnmanagedRefused, Edited
    ├ StoreError         BlobMissing, StoreBusy
    ├ BuildError         ToolchainMissing
    └ HostError          ModuleInvalid, CapabilityDenied, PluginFailed (PluginRaised), PluginCrashed,
                         LimitReached

An error says what is wrong, where, and which command helps. Messages are lower case and quote values.
Exit statuses: 1 findings, drift or a failed plugin call; 2 usage or unexpected; 3 signature, digest, key or
team policy; 4 consent needed; 5 could not check; 6 busy. 3 and 5 differ: a server that is down must never
look like an attack, nor an attack like an outage (docs/trust-rules.md, rule 10).
"""

from typing import ClassVar


class TarkError(Exception):
    """The base class of all errors that tarkpm raises on purpose.

    ``message`` says what is wrong. ``where`` names the file, URL or key path. ``hint`` is one command, or a
    short sentence with one. All are shown unchanged. ``bare`` is the message without what it repeats of a
    request or response, for callers whose requests carry secrets.
    """

    exit_status: ClassVar[int] = 2

    def __init__(self, message: str, *, where: str = "", hint: str = "", bare: str = "") -> None:
        super().__init__(message)
        self.message, self.where, self.hint = message, where, hint
        self.bare = bare or message

    def about(self, subject: str) -> str:
        """Return the message for a line about ``subject``; one about another place begins with that place."""
        # A line of a table has no room for `where`, and a message about a variable means nothing without it.
        return self.message if subject in self.where or not self.where else f"{self.where}: {self.message}"

    @property
    def code(self) -> str:
        """The stable, machine-readable name of this kind of error: its class name."""
        return type(self).__name__


class DocumentError(TarkError):
    """A document of tarkpm is missing or invalid."""


class ManifestError(DocumentError):
    """A plugin.toml is invalid."""


class ProjectError(DocumentError):
    """A tark.toml is missing or invalid."""


class CaseError(DocumentError):
    """A case of `tarkpm test` is invalid. ``path`` is the key, () for the whole file."""

    def __init__(self, message: str, *, path: tuple[str, ...] = (), **place: str) -> None:
        super().__init__(message, **place)
        self.path = path


class LockError(DocumentError):
    """A tark.lock is missing or invalid."""


class LockStale(LockError):
    """The lock does not follow from the project. ``plugins`` names those concerned, the main one first."""

    exit_status = 1

    def __init__(self, message: str, *, plugins: tuple[str, ...] = (), **place: str) -> None:
        super().__init__(message, **place)
        self.plugins = plugins


class TeamPolicyInvalid(DocumentError):
    """A policy.toml cannot be used: it is invalid, unreadable, or others may change it."""


class ResolutionError(TarkError):
    """No set of releases satisfies the requirements."""


class ReleaseTooYoung(ResolutionError):
    """A release has not reached the minimum age, and no older one will do.

    ``until`` is when ``plugin`` reaches it, in seconds since the epoch; None if that is not known.
    """

    exit_status = 4

    def __init__(self, message: str, *, plugin: str, until: int | None, **place: str) -> None:
        super().__init__(message, **place)
        self.plugin, self.until = plugin, until


class SourceError(TarkError):
    """A release could not be fetched from its source."""


class NotFound(SourceError):
    """The source answered that it does not have the requested object."""


class Unreachable(SourceError):
    """The source could not be reached, so nothing is known about the release."""

    exit_status = 5


class IndexStale(Unreachable):
    """An index served validly signed metadata that has expired or is older than what was seen before."""


class Garbled(SourceError):
    """The source sent an unreadable response, so nothing is known about the release."""

    exit_status = 5


class TooLarge(SourceError):
    """The source sent or announced more data than a limit allows."""


class Refused(SourceError):
    """The source, or its contents, is of a kind that tarkpm does not accept."""


class VerificationError(TarkError):
    """A check was made and failed."""

    exit_status = 3


class DigestMismatch(VerificationError):
    """Bytes do not have the expected digest or size."""


class SignatureInvalid(VerificationError):
    """A release statement is malformed, or its signature is not valid."""


class CommitUnreached(VerificationError):
    """A locked commit, or unsigned artifact, that the tag or branch it was asked for does not lead to."""


class KeyUntrusted(VerificationError):
    """A signature is valid, but its key is not trusted for this plugin."""


class IndexUntrusted(VerificationError):
    """An index serves something other than what its maintainers signed."""


class Revoked(VerificationError):
    """A release or its key was revoked by the maintainers of its index."""


class ConsentError(TarkError):
    """A decision that only the user can make is missing."""

    exit_status = 4


class ProjectNotAccepted(ConsentError):
    """A tark.toml contains decisions that this user has not accepted."""


class ToolsChanged(ConsentError):
    """A tool has another description or schema than before, or claims a higher risk."""


class CapabilityWidened(ConsentError):
    """A release requests more capabilities than were granted."""


class KeyUnknown(ConsentError):
    """A plugin is signed by a key, and no key is trusted for it yet."""


class KeyChanged(ConsentError):
    """A plugin is signed by a different key than before."""


class IdentityChanged(ConsentError):
    """A release does not prove the CI identity that the project asks for."""


class UnsignedRefused(ConsentError):
    """A release is not signed."""


class Downgrade(ConsentError):
    """A version is lower than the locked one."""


class Republished(ConsentError):
    """The contents of a version differ from what was locked under it."""


class Edited(ConsentError):
    """A document changed while the user was asked about its former contents."""


class EditsRefused(ConsentError):
    """A document was edited since the newest generation, and a rollback would replace it."""


class UnmanagedRefused(ConsentError):
    """A plugin folder that tarkpm did not install would be run or replaced without consent."""


class PolicyViolation(VerificationError):
    """A team policy forbids it. ``rule`` is the field of the policy, and ``file`` the policy's file."""

    def __init__(self, message: str, *, rule: str = "", file: str = "", **place: str) -> None:
        super().__init__(message, **{"where": file, **place})
        self.rule, self.file = rule, file


class StoreError(TarkError):
    """Files of tarkpm on this machine cannot be read or written."""


class BlobMissing(StoreError):
    """Required bytes are not in the store and may not be fetched."""

    exit_status = 5


class StoreBusy(StoreError):
    """Another process holds the lock of the store or project."""

    exit_status = 6


class BuildError(TarkError):
    """A plugin could not be built. ``output`` are lines that the toolchain printed, bounded."""

    exit_status = 1

    def __init__(self, message: str, *, output: tuple[str, ...] = (), **place: str) -> None:
        super().__init__(message, **place)
        self.output = output


class ToolchainMissing(BuildError):
    """The toolchain of a plugin's language is not installed, or is too old."""

    exit_status = 2


class HostError(TarkError):
    """A plugin could not be run, or it failed."""

    exit_status = 1


class ModuleInvalid(HostError):
    """The bytes are not a module that this host can run."""


class CapabilityDenied(HostError):
    """The plugin used a capability that was not granted to it."""


class PluginFailed(HostError):
    """The plugin ran and reported a failure."""


class PluginRaised(PluginFailed):
    """The plugin's code raised an exception.

    ``exception`` is one line, such as ``ValueError: bad text``, and ``traceback`` has several or is "". Both
    are the plugin's own words, with unprintable characters escaped. ``missing`` is the export without which
    the call could not start, "" for any other exception.
    """

    def __init__(self, exception: str, traceback: str = "", *, missing: str = "", **place: str) -> None:
        super().__init__(f'raised "{exception}"', **place)
        self.exception, self.traceback, self.missing = exception, traceback, missing


class PluginCrashed(HostError):
    """The plugin trapped, or its worker died."""


class LimitReached(HostError):
    """The plugin exceeded its limit of time, memory or output."""
