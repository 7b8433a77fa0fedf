"""A binding: whose code a plugin is, and what it may do (docs/trust-rules.md, rule 0).

A version, a nickname or a line of tark.toml does not say whose code runs; a binding does. State keeps the one
under which this user accepted each plugin, and everything that belongs to a plugin (its stored data, whether
it is disabled) belongs to the publisher in the binding, not to the name.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import msgspec

from tarkpm.core.digest import sha256

if TYPE_CHECKING:  # a record in state is read without any of these
    from tarkpm.core.capability import CapabilitySet
    from tarkpm.core.lockfile import LockEntry
    from tarkpm.core.release import Source


class Origin(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Kind and place of a source.

    ``place`` is a git URL, the digest of an index's first root, or a folder of this machine as tark.toml
    spells it; ``folder`` is the folder inside a git repository. A tag or branch is not part of it: moving one
    is everyday work, and the signer of what comes is checked.
    """

    kind: Literal["git", "index", "path"]
    place: str
    folder: str = ""

    @classmethod
    def of(cls, source: "Source") -> "Origin":
        """The origin of a source."""
        from tarkpm.core.release import GitSource, IndexSource

        if isinstance(source, GitSource):
            return cls("git", source.git, source.path)
        if isinstance(source, IndexSource):
            return cls("index", source.root)
        return cls("path", source.path)

    def __str__(self) -> str:
        if self.kind == "index":
            return f"the index with root {self.place}"
        return self.place + (f" folder {self.folder}" if self.folder else "")


class Publisher(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The provider of a plugin: its origin, and who may sign it.

    ``keys`` are those of ``[trust]``, sorted. A plugin of an index is vouched for by the index; its ``keys``
    pin it further, and ``signer`` is the key of the locked release. Nobody signs ``unsigned`` plugins.
    ``origin`` is None for decisions about a plugin that the project neither asks for nor locks.
    """

    origin: Origin | None = None
    keys: tuple[str, ...] = ()
    signer: str = ""
    unsigned: bool = False

    @property
    def signers(self) -> tuple[str, ...]:
        """The keys that are known to sign for this publisher."""
        return self.keys or ((self.signer,) if self.signer else ())

    def succeeds(self, other: "Publisher") -> bool:
        """Return whether this is ``other`` after an ordinary change, such as a key rotation with an overlap.

        What belonged to ``other`` then belongs to this one. A plugin from another origin, or one signed by
        none of the former keys, is another publisher's.
        """
        if self.origin != other.origin:
            return False
        if self.unsigned or other.unsigned:
            return self.unsigned and other.unsigned
        return not self.signers or not other.signers or bool({*self.signers} & {*other.signers})


class Binding(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A publisher, and what its plugin may do: ``grants`` are capabilities as they are typed, in their order.

    ``contents`` is the digest of an unsigned release's files, which nothing else vouches for.
    """

    publisher: Publisher
    grants: tuple[str, ...] = ()
    contents: str = ""

    @property
    def granted(self) -> "CapabilitySet":
        """The grants, parsed."""
        from tarkpm.core.capability import Capability, CapabilitySet

        return CapabilitySet.of(map(Capability.parse, self.grants))

    def remembering(self, accepted: "Binding") -> "Binding":
        """This binding with what only a lock can say taken from ``accepted`` where the lock does not say it.

        Otherwise a pull that drops an entry would make the next signer, or the next contents, the first one.
        """
        if self.publisher.origin != accepted.publisher.origin:
            return self
        publisher = msgspec.structs.replace(
            self.publisher, signer=self.publisher.signer or accepted.publisher.signer
        )
        return msgspec.structs.replace(self, publisher=publisher, contents=self.contents or accepted.contents)


def contents_digest(entry: "LockEntry") -> str:
    """``sha256:`` and the digest of the names, digests and sizes of a locked release's files."""
    lines = "".join(f"{file.sha256} {file.size} {file.name}\n" for file in entry.files)
    return f"sha256:{sha256(lines.encode())}"


class Owner(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The belongings of one publisher's plugin: its data folder, and whether it is disabled.

    ``folder`` is the name of its data folder, ``disabled`` says whether the user disabled it. A ``publisher``
    is None where a former tarkpm did not record it: the data goes to the plugin that is installed.
    """

    folder: str
    publisher: Publisher | None = None
    disabled: bool = False


Owners = Mapping[str, tuple[Owner, ...]]
"""By plugin name; the last one is the current one."""


def with_disabled(owners: Owners, disabled: Mapping[str, bool]) -> dict[str, tuple[Owner, ...]]:
    """The owners, where ``disabled`` says by plugin whether the current one is."""
    changed = {
        name: (*owners[name][:-1], msgspec.structs.replace(owners[name][-1], disabled=flag))
        for name, flag in disabled.items()
        if name in owners
    }
    return {**owners, **changed}


def current_owner(owners: Owners, name: str) -> Owner:
    """The owner of what a plugin stores now."""
    return owners.get(name, (Owner(name, Publisher()),))[-1]


def claim(owners: Owners, name: str, publisher: Publisher, *, keep_data: bool) -> tuple[Owner, ...]:
    """The owners of a name once ``publisher`` provides it: another publisher starts with an empty folder.

    A publisher that returns finds what it left. With ``keep_data`` a new one takes over the current folder.
    """
    known = owners.get(name, ())
    match = next((one for one in known[-1:] if _continues(one, publisher)), None)
    match = match or next((one for one in known[:-1] if _returns(one, publisher)), None)
    if match is None and keep_data and known:
        match = known[-1]
    if match is None:
        match = Owner(_free_folder(name, known))
    disabled = match.disabled or (bool(known) and known[-1].disabled)  # a disabled name stays so
    others = tuple(one for one in known if one.folder != match.folder)
    return (*others, msgspec.structs.replace(match, publisher=publisher, disabled=disabled))


def _continues(owner: Owner, publisher: Publisher) -> bool:
    return owner.publisher is None or publisher.succeeds(owner.publisher)


def _returns(owner: Owner, publisher: Publisher) -> bool:
    """Whether ``publisher`` is a former owner that comes back, and nobody beside it."""
    former = owner.publisher
    if former is None or not publisher.succeeds(former):
        return False
    return {*publisher.signers} <= {*former.signers}


def _free_folder(name: str, known: tuple[Owner, ...]) -> str:
    """A folder no owner has; ``@`` cannot be part of a plugin's name."""
    taken = {one.folder for one in known}
    candidates = (name, *(f"{name}@{number}" for number in range(2, len(taken) + 2)))
    return next(folder for folder in candidates if folder not in taken)
