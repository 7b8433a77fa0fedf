"""Bindings: whose code a plugin is, and what it may do (docs/trust-rules.md, rule 0).

A version, a nickname or a line of tark.toml does not identify whose code runs; a binding does. State keeps
the binding under which this user accepted each plugin.
"""

from typing import TYPE_CHECKING, Final, Literal

import msgspec

from tarkpm.core.digest import sha256
from tarkpm.core.tool import ToolPin

if TYPE_CHECKING:  # reading a record of state must not import these
    from tarkpm.core.capability import CapabilitySet
    from tarkpm.core.lockfile import LockEntry
    from tarkpm.core.release import Source
    from tarkpm.core.version import Version

MAX_RELEASES: Final = 32
"""Accepted releases that are remembered of each plugin."""


class Origin(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The kind and place of a source.

    ``place`` is a git URL, the host and repository of an OCI registry, the digest of an index's first root,
    or a local folder as written in tark.toml. ``folder`` is the folder inside a git repository. Tags and
    branches are not part of an origin: moving one is everyday work, and the signer of the new release is
    checked.
    """

    kind: Literal["git", "index", "oci", "path"]
    place: str
    folder: str = ""

    @classmethod
    def of(cls, source: "Source") -> "Origin":
        """Return the origin of a source."""
        from tarkpm.core.release import GitSource, IndexSource, OciSource

        if isinstance(source, GitSource):
            return cls("git", source.git, source.path)
        if isinstance(source, IndexSource):
            return cls("index", source.root)
        if isinstance(source, OciSource):
            return cls("oci", source.oci)
        return cls("path", source.path)

    def __str__(self) -> str:
        if self.kind == "index":
            return f"the index with root {self.place}"
        if self.kind == "oci":
            return f"oci://{self.place}"
        return self.place + (f" folder {self.folder}" if self.folder else "")


def revision(source: "Source") -> str:
    """Return what a source is resolved to: a commit, the digest of a manifest, or "" for other kinds."""
    return getattr(source, "commit", "") or getattr(source, "digest", "")


class Publisher(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The provider of a plugin: its origin, and who may sign it.

    ``keys`` are the keys under ``[trust]``, sorted, or the CI identity alone where that decides in their
    place. A plugin of an index is vouched for by the index; ``keys`` restrict it further, and ``signer`` is
    the key of the locked release. ``unsigned`` says that the plugin needs no signature. ``identity`` is the
    CI identity that releases must prove, "" for none. ``origin`` is None for decisions about a plugin that is
    neither required nor locked.
    """

    origin: Origin | None = None
    keys: tuple[str, ...] = ()
    signer: str = ""
    unsigned: bool = False
    identity: str = ""

    @property
    def signers(self) -> tuple[str, ...]:
        """The keys that are known to sign for this publisher."""
        return self.keys or ((self.signer,) if self.signer else ())

    @property
    def is_keyless(self) -> bool:
        """Return whether a CI identity alone decides who signs."""
        return bool(self.identity) and self.keys == (self.identity,)

    @property
    def is_vouched(self) -> bool:
        """Return whether an index vouches for who signs."""
        return self.origin is not None and self.origin.kind == "index"

    @property
    def is_nobody(self) -> bool:
        """Return whether this is a source from which nobody may sign: without keys, there is no publisher."""
        return self.origin is not None and not (self.is_vouched or self.unsigned or self.keys)

    @property
    def first_key_by(self) -> str:
        """The CI identity that vouches for a first key, also of an unsigned plugin; "" if there are keys."""
        signs = self.origin is not None and self.origin.kind in ("git", "oci")
        return self.identity if signs and not self.keys else ""

    def succeeds(self, other: "Publisher") -> bool:
        """Return whether this is the same publisher as ``other``, whose data then belongs to this one.

        The origins must be equal. Where both have keys, these must overlap, as they do in a key rotation. A
        plugin signed by none of the former keys has another publisher.
        """
        if self.origin != other.origin:
            return False
        # A signed plugin never inherits from an unsigned one, nor the other way round.
        if self.unsigned or other.unsigned:
            return self.unsigned and other.unsigned
        # Without pins, the index vouches for the signer, and the index is the origin compared above.
        # A rotation keeps the old key beside the new one for a while, so one common key is enough.
        return not self.signers or not other.signers or bool({*self.signers} & {*other.signers})


class AcceptedRelease(msgspec.Struct, frozen=True, forbid_unknown_fields=True, array_like=True):
    """A release that was locked when its binding was accepted.

    ``contents`` is the `contents_digest` of its files, and ``commit`` where a git source has them, or the
    digest of the manifest in an OCI registry; "" for an index, whose rows never change.
    """

    version: str
    contents: str
    commit: str = ""

    @classmethod
    def of(cls, entry: "LockEntry") -> "AcceptedRelease":
        """Return the release of a lock entry."""
        return cls(str(entry.version), contents_digest(entry), revision(entry.source))

    @property
    def precedence(self) -> "Version":
        """The version, parsed."""
        from tarkpm.core.version import Version

        return Version.parse(self.version)

    def republishes(self, other: "AcceptedRelease") -> bool:
        """Return whether this has other contents than ``other`` under the same version.

        Other contents of the same commit are no release: verifying them fails.
        """
        return (
            self.version == other.version and self.contents != other.contents and self.commit != other.commit
        )


class Binding(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A publisher, and what its plugin may do.

    ``grants`` are capabilities as text, in the order of `CapabilitySet`. ``contents`` is the digest of the
    files of an unsigned release, because no signature identifies them. ``tools`` are the definitions that
    agents read, because a model decides by them; None if they were never pinned. ``releases`` are those of
    this publisher that were accepted here.
    """

    publisher: Publisher
    grants: tuple[str, ...] = ()
    contents: str = ""
    tools: tuple[ToolPin, ...] | None = None
    releases: tuple[AcceptedRelease, ...] = ()

    @property
    def granted(self) -> "CapabilitySet":
        """The grants, parsed."""
        from tarkpm.core.capability import Capability, CapabilitySet

        return CapabilitySet.of(map(Capability.parse, self.grants))

    @property
    def highest(self) -> AcceptedRelease:
        """The accepted release of the highest version. Raises `ValueError` if there is none."""
        return max(self.releases, key=lambda one: one.precedence)

    def has_version_of(self, release: AcceptedRelease) -> bool:
        """Return whether a release of the same version was accepted."""
        return any(one.version == release.version for one in self.releases)

    def is_republished(self, release: AcceptedRelease) -> bool:
        """Return whether a release has other contents than each that was accepted under its version."""
        same = [one for one in self.releases if one.version == release.version]
        return bool(same) and all(map(release.republishes, same))

    def remembering(self, accepted: "Binding") -> "Binding":
        """Return this binding with the signer, contents and tools of ``accepted`` where the lock has none.

        Otherwise a pull that drops a lock entry would turn the next signer, or the next contents, into a
        first one.
        """
        if self.publisher.origin != accepted.publisher.origin:
            return self
        signer = self.publisher.signer or accepted.publisher.signer
        # A signer that the pins leave out was taken back: it is asked about before it returns.
        if self.publisher.keys and signer not in self.publisher.keys:
            signer = ""
        publisher = msgspec.structs.replace(self.publisher, signer=signer)
        return msgspec.structs.replace(
            self,
            publisher=publisher,
            contents=self.contents or accepted.contents,
            tools=_remembered(self.tools, accepted.tools),
            releases=_highest((*self.releases, *accepted.releases)),
        )


def _remembered(
    tools: tuple[ToolPin, ...] | None, accepted: tuple[ToolPin, ...] | None
) -> tuple[ToolPin, ...] | None:
    """Return the pins, and those that were accepted of tools that are gone: one that returns is compared."""
    if tools is None or accepted is None:
        return accepted if tools is None else tools
    names = {one.name for one in tools}
    return tuple(sorted((*tools, *(one for one in accepted if one.name not in names))))


def _highest(releases: tuple[AcceptedRelease, ...]) -> tuple[AcceptedRelease, ...]:
    """Return the releases to remember, highest version first, without those beyond `MAX_RELEASES`."""
    # By version, and not by time: a series of releases must not make the highest one forgotten.
    found = sorted(dict.fromkeys(releases), key=lambda one: one.precedence, reverse=True)
    return tuple(found[:MAX_RELEASES])


def contents_digest(entry: "LockEntry") -> str:
    """Return the digest of the names, digests and sizes of a locked release's files, with ``sha256:``."""
    # The name comes last: it may contain blanks, the other fields may not.
    lines = "".join(f"{file.sha256} {file.size} {file.name}\n" for file in entry.files)
    return f"sha256:{sha256(lines.encode())}"
