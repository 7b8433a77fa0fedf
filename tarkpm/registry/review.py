"""What a proposal would do, told from how its outcome differs from the index, never from what it says.

A proposal does one of a few things and nothing else. What fits none of them is refused, however it is signed.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final

import msgspec

from tarkpm.core.claim import Claim
from tarkpm.core.digest import Digest
from tarkpm.core.key import PublicKey
from tarkpm.core.layout import CLAIMS
from tarkpm.core.lockfile import StatementEntry
from tarkpm.core.name_similarity import close_names
from tarkpm.core.release import PluginName
from tarkpm.core.text import some
from tarkpm.errors import IndexUntrusted, Refused
from tarkpm.registry.authority import Authority
from tarkpm.registry.folder import Index
from tarkpm.registry.key_separation import check_authority, check_publisher, claims_with
from tarkpm.registry.lifetimes import OFFLINE
from tarkpm.registry.releases import read_statement

CLAIM: Final = "claim"
ROTATE_PUBLISHER: Final = "rotate publisher"
REVOKE_RELEASE: Final = "revoke a release"
REVOKE_KEY: Final = "revoke a key"
_HOSTILE: Final = "do not sign it: ask who made it"


class Review(msgspec.Struct, frozen=True):
    """What changes, in one sentence (``title``) and in rows of label and text; and what to think about."""

    title: str
    rows: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...] = ()


def review_claims(
    index: Index, wanted: Iterable[Claim], made: datetime, waiting: Iterable[PluginName], *, where: str
) -> Review:
    """What becomes of claims by a proposal that was ``made`` then, while others claim the ``waiting`` names.

    Raises `IndexUntrusted` for a change no command makes; `Refused` for a key that may not publish, and for a
    name that is close to one that was claimed since.
    """
    found = [_Change(index, claim, where) for claim in wanted]
    verbs = {change.verb for change in found}
    keys = {change.lost for change in found}
    if len(verbs) != 1 or (len(found) > 1 and (verbs != {REVOKE_KEY} or len(keys) != 1)):
        names = some([change.after.name for change in found])
        raise IndexUntrusted(f"would do several things at once, to {names}", where=where, hint=_HOSTILE)
    rows = tuple(row for change in found for row in change.rows())
    title = found[0].title() if len(found) == 1 else f"{REVOKE_KEY} of {len(found)} plugins"
    for change in found:
        change.check_key()
    if verbs == {REVOKE_KEY} and (lost := found[0].lost):
        _check_whole(index, lost, {change.after.name for change in found}, where)
    return Review(title, rows, tuple(found[0].warnings(made, waiting)))


def _check_whole(index: Index, lost: PublicKey, names: set[PluginName], where: str) -> None:
    """Raise `Refused` if a key that is revoked would go on publishing another plugin, claimed since."""
    for claim in claims_with(index, lost):
        if claim.key == lost and claim.name not in names:
            text = f"'{claim.name}' is published by {lost}, too, and this leaves it so"
            raise Refused(text, where=where, hint="delete it, and propose it anew")


class _Change:
    """How one claim changes."""

    def __init__(self, index: Index, after: Claim, where: str) -> None:
        self.index, self.after, self.where = index, after, where
        self.before = index.claim(after.name)
        self.revoked = self._newly_revoked()
        self.lost: PublicKey | None = None
        self.verb = self._verb()
        self.versions = self._versions()

    def _newly_revoked(self) -> frozenset[Digest]:
        """The statements of releases that are revoked now and were not before, however they are named."""
        before = self.before or Claim(self.after.name, None)
        new = self.after.revoked_versions.items() - before.revoked_versions.items()
        return (self.after.revoked - before.revoked) | {self._statement(*one) for one in new}

    def _statement(self, version: str, payload: Digest) -> Digest:
        """The statement of the listed release that this names. Raises `IndexUntrusted` if there is none."""
        for row in self.index.listing(self.after.name).rows:
            if row.version.plain == version:
                said, _ = read_statement(self.index.folder, self.after.name, row.statement)
                if (said.version.plain, said.digest) == (version, payload):
                    return row.statement.sha256
        raise self._refused(f"{version} with {payload} is no release of '{self.after.name}'")

    def _verb(self) -> str:
        before, after = self.before, self.after
        if before is None:
            return self._only(CLAIM, after == Claim(after.name, after.key) and after.key is not None)
        if before.name != after.name:
            raise self._refused(f"'{before.name}' is claimed already")
        if before.revoked - after.revoked or before.revoked_versions.items() - after.revoked_versions.items():
            raise self._refused(f"it would take back a revocation of {after.name}")
        if before.key == after.key and before.retired == after.retired:
            return self._only(REVOKE_RELEASE, bool(self.revoked))
        if after.key is not None and after.key != before.key:
            kept = {key: ids for key, ids in after.retired.items() if key != before.key}
            plain = kept == {key: ids for key, ids in before.retired.items() if key != before.key}
            known = before.key is None or before.key in after.retired  # it must not come back
            return self._only(ROTATE_PUBLISHER, plain and known and not self.revoked)
        return self._only(REVOKE_KEY, self._loses_one_key())

    def _loses_one_key(self) -> bool:
        """Whether a key is taken out of use, wherever it stood, and at most some of its releases are kept."""
        assert self.before is not None
        before, after = self.before, self.after
        shrunk = [key for key, ids in before.retired.items() if after.retired.get(key, frozenset()) != ids]
        current = [before.key] if before.key and after.key is None else []
        if len({*shrunk, *current}) != 1:
            return False
        (self.lost,) = {*shrunk, *current}
        others = {key: ids for key, ids in before.retired.items() if key != self.lost}
        same = others == {key: ids for key, ids in after.retired.items() if key != self.lost}
        if self.lost not in after.retired:  # it must not come back
            return False
        kept = after.retired[self.lost]
        held = before.retired.get(self.lost, frozenset())
        return same and bool(current or kept <= held) and (after.key == before.key or bool(current))

    def _only(self, verb: str, allowed: bool) -> str:
        if not allowed:
            raise self._refused(f"what it would do to '{self.after.name}' is nothing a command does")
        return verb

    def _versions(self) -> dict[Digest, str]:
        """The versions of the releases it names: each one of this plugin's, signed by the key in question.

        Raises `Refused` if that key signed another one, which was accepted since.
        """
        listed = self.index.listing(self.after.name).rows
        statements = {row.statement.sha256: row.statement for row in listed}
        owner = self.lost or (self.before.key if self.before else None)
        kept = self.after.retired.get(owner, frozenset()) if owner else frozenset()
        found = {}
        for digest in sorted(self.revoked | kept):
            entry = statements.get(digest)
            if entry is None:
                raise self._refused(f"{digest} is no release of '{self.after.name}'")
            found[digest] = self._version(entry, owner if digest in kept or self.lost else None)
        if owner and self.verb in (ROTATE_PUBLISHER, REVOKE_KEY):
            others = [row for row in listed if not self.after.revokes(row.version, row.statement.sha256)]
            self._check_none_since(
                owner, [row.statement for row in others if row.statement.sha256 not in kept]
            )
        return found

    def _check_none_since(self, owner: PublicKey, others: Iterable[StatementEntry]) -> None:
        """Raise `Refused` if a key that is taken out of use signed any of these: it would be nobody's."""
        for entry in others:
            said, signer = read_statement(self.index.folder, self.after.name, entry)
            if signer == owner:
                release = f"{self.after.name} {said.version}, signed by {owner},"
                text = f"{release} was accepted since this was proposed"
                raise Refused(text, where=self.where, hint="delete it, and propose it anew")

    def _version(self, entry: StatementEntry, owner: PublicKey | None) -> str:
        said, signer = read_statement(self.index.folder, self.after.name, entry)
        if owner and signer != owner:
            raise self._refused(f"{self.after.name} {said.version} is signed by {signer}, not by {owner}")
        return str(said.version)

    def _refused(self, text: str) -> IndexUntrusted:
        return IndexUntrusted(f"the proposal is refused: {text}", where=self.where, hint=_HOSTILE)

    def title(self) -> str:
        return f"{self.verb}: {self.after.name}"

    def rows(self) -> list[tuple[str, str]]:
        name = self.after.name
        before = self.before.key if self.before else None
        rows: list[tuple[str, str]] = []
        if self.verb == CLAIM:
            rows += [("new plugin", name), ("published by", str(self.after.key))]
        elif self.verb == ROTATE_PUBLISHER:
            rows += [
                ("plugin", name),
                ("old key", str(before or "revoked")),
                ("NEW: key", str(self.after.key)),
            ]
            kept = self.after.retired.get(before, frozenset()) if before else frozenset()
            rows += [("old key keeps", self._list(kept))] if before else []
        elif self.verb == REVOKE_KEY:
            kept = self.after.retired.get(self.lost, frozenset()) if self.lost else frozenset()
            rows += [
                ("plugin", name),
                ("key revoked", str(self.lost)),
                ("its releases kept", self._list(kept)),
            ]
        else:
            rows += [("plugin", name)]
        return rows + ([("revoked for ever", self._list(self.revoked))] if self.revoked else [])

    def _list(self, digests: Iterable[Digest]) -> str:
        return ", ".join(f"{self.versions[digest]} ({digest[:12]})" for digest in sorted(digests)) or "none"

    def check_key(self) -> None:
        """Raise `Refused` if a publisher's new key serves, or served, for something else."""
        before, after = self.before, self.after
        if after.key and (before is None or after.key != before.key):
            check_publisher(self.index, after.key)

    def warnings(self, made: datetime, waiting: Iterable[PluginName]) -> list[str]:
        if self.verb != CLAIM:
            return []
        name = self.after.name
        return [
            *(f"'{name}' {why} '{other}'" for other, why in self._near(made)),
            *(f"'{name}' {why} '{other}', which waits, too" for other, why in close_names(name, waiting)),
        ]

    def _near(self, made: datetime) -> Iterator[tuple[PluginName, str]]:
        """The claimed names that a new one could be taken for. Whoever signed must have seen them."""
        name, index = self.after.name, self.index
        for role in index.authority.bins(CLAIMS):
            bin_ = index.read_bin(role)
            names = (path.removeprefix("publishers/").removesuffix(".json") for path in bin_.targets)
            for other, why in close_names(name, map(PluginName, names)):
                if bin_.expires - OFFLINE > made:
                    text = f"'{name}' {why} '{other}', which may have been claimed since this was proposed"
                    again = f"tarkpm index claim {name} --publisher {self.after.key}"
                    hint = f"delete it, and propose it anew: {again}"
                    raise Refused(text, where=self.where, hint=hint)
                yield other, why


def review_authority(index: Index | None, wanted: Authority) -> Review:
    """What becomes of an index's authority. Raises `Refused` for a key that may not sign for it."""
    if index is None:
        return Review(f"create index '{wanted.name}'", tuple(_whole(wanted)))
    before = index.authority
    check_authority(index, wanted)
    if before.name != wanted.name or before.bits != wanted.bits:
        raise Refused("an index keeps its name and its number of bins for ever")
    rows: list[tuple[str, str]] = [
        ("NEW: maintainer", key) for key in sorted(wanted.maintainers - before.maintainers)
    ]
    rows += [("no longer maintainer", key) for key in sorted(before.maintainers - wanted.maintainers)]
    if before.threshold != wanted.threshold:
        rows.append(("NEW: signatures needed", f"{wanted.threshold}, until now {before.threshold}"))
    if before.online != wanted.online:
        rows += [("no longer online key", before.online), ("NEW: online key", wanted.online)]
    what = "rotate root" if before.offline != wanted.offline else "rotate online"
    if before == wanted:
        return Review(f"renew all signatures of index '{wanted.name}'", tuple(_whole(wanted)))
    return Review(f"{what}: index '{wanted.name}'", tuple(rows), _weaker(wanted))


def _whole(wanted: Authority) -> list[tuple[str, str]]:
    rows = [("maintainer", key) for key in sorted(wanted.maintainers)]
    return [*rows, ("signatures needed", str(wanted.threshold)), ("online key", wanted.online)]


def _weaker(wanted: Authority) -> tuple[str, ...]:
    return ("one maintainer alone can decide everything",) if wanted.threshold == 1 else ()
