"""Show what a proposal would do, computed from how its outcome differs from the index.

A proposal does exactly one of a few things. Any other proposal is refused, however many keys signed it: no
command makes one, so its author wrote it by hand.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final

import msgspec

from tarkpm.core.claim import Claim
from tarkpm.core.digest import Digest
from tarkpm.core.key import PublicKey
from tarkpm.core.layout import CLAIMS, is_advisory
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
from tarkpm.registry.review_log import log_changes

CLAIM: Final = "claim"
ROTATE_PUBLISHER: Final = "rotate publisher"
REVOKE_RELEASE: Final = "revoke a release"
REVOKE_KEY: Final = "revoke a key"
HOSTILE: Final = "do not sign it; ask its author"
"""The hint about a proposal that no command makes."""


class Review(msgspec.Struct, frozen=True):
    """The changes as one sentence (``title``) and as rows of label and text, and warnings to consider."""

    title: str
    rows: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...] = ()


def review_claims(
    index: Index, wanted: Iterable[Claim], made: datetime, waiting: Iterable[PluginName], *, where: str
) -> Review:
    """Review a proposal of claims ``made`` at that time, while other proposals claim the ``waiting`` names.

    Raises `IndexUntrusted` for a change that no command makes, `Refused` for a key that may not publish and
    for a name similar to one that was claimed since.
    """
    found = [_Change(index, claim, where) for claim in wanted]
    verbs = {change.verb for change in found}
    keys = {change.lost for change in found}
    # A reviewer sees one title. A harmless change must not carry another one along; only revoking a key
    # concerns several plugins by nature.
    if len(verbs) != 1 or (len(found) > 1 and (verbs != {REVOKE_KEY} or len(keys) != 1)):
        names = some([change.after.name for change in found])
        raise IndexUntrusted(
            f"the proposal would make several different changes at once, to {names}",
            where=where,
            hint=HOSTILE,
        )
    rows = tuple(row for change in found for row in change.rows())
    title = found[0].title() if len(found) == 1 else f"{REVOKE_KEY} of {len(found)} plugins"
    for change in found:
        change.check_key()
    if verbs == {REVOKE_KEY} and (lost := found[0].lost):
        _check_whole(index, lost, {change.after.name for change in found}, where)
    return Review(title, rows, tuple(found[0].warnings(made, waiting)))


def _check_whole(index: Index, lost: PublicKey, names: set[PluginName], where: str) -> None:
    """Raise `Refused` if a revoked key would remain the key of a plugin that was claimed since."""
    for claim in claims_with(index, lost):
        if claim.key == lost and claim.name not in names:
            text = f"{lost} would remain the key of '{claim.name}'"
            raise Refused(text, where=where, hint="delete the proposal and make a new one")


class _Change:
    """The change of one claim."""

    def __init__(self, index: Index, after: Claim, where: str) -> None:
        self.index, self.after, self.where = index, after, where
        self.before = index.claim(after.name)
        self.revoked = self._newly_revoked()
        self.lost: PublicKey | None = None
        self.verb = self._verb()
        self.versions = self._versions()

    def _newly_revoked(self) -> frozenset[Digest]:
        """Return the statements of newly revoked releases, in either way a claim names them."""
        before = self.before or Claim(self.after.name, None)
        new = self.after.revoked_versions.items() - before.revoked_versions.items()
        return (self.after.revoked - before.revoked) | {self._statement(*one) for one in new}

    def _statement(self, version: str, payload: Digest) -> Digest:
        """Return the statement of the listed release with this payload. Raises `IndexUntrusted`."""
        for row in self.index.listing(self.after.name).rows:
            if row.version.plain == version:
                said, _ = read_statement(self.index.folder, self.after.name, row.statement)
                if (said.version.plain, said.digest) == (version, payload):
                    return row.statement.sha256
        raise self._refused(f"'{self.after.name}' has no release {version} with {payload}")

    def _verb(self) -> str:
        before, after = self.before, self.after
        if before is None:
            return self._only(CLAIM, after == Claim(after.name, after.key) and after.key is not None)
        if before.name != after.name:
            raise self._refused(f"'{before.name}' is already claimed")
        # A revocation is permanent (docs/trust-rules.md, rule 8), however many keys sign.
        if before.revoked - after.revoked or before.revoked_versions.items() - after.revoked_versions.items():
            raise self._refused(f"it would undo a revocation of {after.name}")
        # Each branch is one command. What fits none was not made by a command.
        if before.key == after.key and before.retired == after.retired:
            return self._only(REVOKE_RELEASE, bool(self.revoked))
        if after.key is not None and after.key != before.key:
            kept = {key: ids for key, ids in after.retired.items() if key != before.key}
            plain = kept == {key: ids for key, ids in before.retired.items() if key != before.key}
            known = before.key is None or before.key in after.retired  # it must never return
            return self._only(ROTATE_PUBLISHER, plain and known and not self.revoked)
        return self._only(REVOKE_KEY, self._loses_one_key())

    def _loses_one_key(self) -> bool:
        """Return whether exactly one key is retired and no release is added to those it keeps."""
        assert self.before is not None
        before, after = self.before, self.after
        shrunk = [key for key, ids in before.retired.items() if after.retired.get(key, frozenset()) != ids]
        current = [before.key] if before.key and after.key is None else []
        if len({*shrunk, *current}) != 1:
            return False
        (self.lost,) = {*shrunk, *current}
        others = {key: ids for key, ids in before.retired.items() if key != self.lost}
        same = others == {key: ids for key, ids in after.retired.items() if key != self.lost}
        if self.lost not in after.retired:  # listed there, it can never return
            return False
        kept = after.retired[self.lost]
        held = before.retired.get(self.lost, frozenset())
        return same and bool(current or kept <= held) and (after.key == before.key or bool(current))

    def _only(self, verb: str, allowed: bool) -> str:
        if not allowed:
            raise self._refused(f"no tarkpm command makes this change of '{self.after.name}'")
        return verb

    def _versions(self) -> dict[Digest, str]:
        """Return the versions of the named releases, all this plugin's and signed by the key in question.

        Raises `Refused` if that key signed a release that was accepted since.
        """
        listed = self.index.listing(self.after.name).rows
        statements = {row.statement.sha256: row.statement for row in listed}
        owner = self.lost or (self.before.key if self.before else None)
        kept = self.after.retired.get(owner, frozenset()) if owner else frozenset()
        found = {}
        for digest in sorted(self.revoked | kept):
            entry = statements.get(digest)
            if entry is None:
                raise self._refused(f"{digest} is not a release of '{self.after.name}'")
            found[digest] = self._version(entry, owner if digest in kept or self.lost else None)
        if owner and self.verb in (ROTATE_PUBLISHER, REVOKE_KEY):
            others = [row for row in listed if not self.after.revokes(row.version, row.statement.sha256)]
            self._check_none_since(
                owner, [row.statement for row in others if row.statement.sha256 not in kept]
            )
        return found

    def _check_none_since(self, owner: PublicKey, others: Iterable[StatementEntry]) -> None:
        """Raise `Refused` if a retired key signed any of these releases: no key would vouch for it."""
        for entry in others:
            said, signer = read_statement(self.index.folder, self.after.name, entry)
            if signer == owner:
                release = f"{self.after.name} {said.version}, signed by {owner},"
                text = f"{release} was accepted since this was proposed"
                raise Refused(text, where=self.where, hint="delete the proposal and make a new one")

    def _version(self, entry: StatementEntry, owner: PublicKey | None) -> str:
        said, signer = read_statement(self.index.folder, self.after.name, entry)
        if owner and signer != owner:
            raise self._refused(f"{self.after.name} {said.version} is signed by {signer}, not by {owner}")
        return str(said.version)

    def _refused(self, text: str) -> IndexUntrusted:
        return IndexUntrusted(f"the proposal is refused: {text}", where=self.where, hint=HOSTILE)

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
        return rows + ([("revoked forever", self._list(self.revoked))] if self.revoked else [])

    def _list(self, digests: Iterable[Digest]) -> str:
        return ", ".join(f"{self.versions[digest]} ({digest[:12]})" for digest in sorted(digests)) or "none"

    def check_key(self) -> None:
        """Raise `Refused` if a publisher's new key has or had another purpose in this index."""
        before, after = self.before, self.after
        if after.key and (before is None or after.key != before.key):
            check_publisher(self.index, after.key)

    def warnings(self, made: datetime, waiting: Iterable[PluginName]) -> list[str]:
        # Only a new name can imitate another one.
        if self.verb != CLAIM:
            return []
        name = self.after.name
        return [
            *(f"'{name}' {why} '{other}'" for other, why in self._near(made)),
            *(
                f"'{name}' {why} '{other}', which another proposal claims"
                for other, why in close_names(name, waiting)
            ),
        ]

    def _near(self, made: datetime) -> Iterator[tuple[PluginName, str]]:
        """Yield the claimed names similar to the new one. Raises `Refused` for one claimed since."""
        name, index = self.after.name, self.index
        for role in index.authority.bins(CLAIMS):
            bin_ = index.read_bin(role)
            names = (
                path.removeprefix("publishers/").removesuffix(".json")
                for path in bin_.targets
                if not is_advisory(path)
            )
            for other, why in close_names(name, map(PluginName, names)):
                # The bin was signed after the proposal, so its signers may not have seen this name.
                if bin_.expires - OFFLINE > made:
                    text = f"'{name}' {why} '{other}', which may have been claimed since this was proposed"
                    again = f"tarkpm index claim {name} --publisher {self.after.key}"
                    hint = f"delete the proposal and make a new one: {again}"
                    raise Refused(text, where=self.where, hint=hint)
                yield other, why


def review_authority(index: Index | None, wanted: Authority) -> Review:
    """Review a change of an index's authority. Raises `Refused` for a key that may not sign for the index."""
    changes = log_changes(index, wanted)
    if index is None:
        return Review(f"create index '{wanted.name}'", tuple(_whole(wanted)))
    before = index.authority
    check_authority(index, wanted)
    # Clients remember versions by bin; with another number of bins a name would be in another bin.
    if before.name != wanted.name or before.bits != wanted.bits:
        raise Refused("the name and the number of bins of an index never change")
    if changes:
        what = "log all releases"
        if before.log and wanted.log:
            what = "rotate log" if before.log.key != wanted.log.key else "change the witnesses of the log"
        return Review(f"{what}: index '{wanted.name}'", changes)
    rows: list[tuple[str, str]] = [
        ("NEW: maintainer", key) for key in sorted(wanted.maintainers - before.maintainers)
    ]
    rows += [("no longer maintainer", key) for key in sorted(before.maintainers - wanted.maintainers)]
    if before.threshold != wanted.threshold:
        rows.append(("NEW: signatures needed", f"{wanted.threshold} (was {before.threshold})"))
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
    return ("one maintainer alone can make every decision",) if wanted.threshold == 1 else ()
