"""Compare the decisions of a project with those that the user accepted (docs/trust-rules.md, rules 0 and 3).

The decisions are the project's indexes and the binding of each plugin. `widenings` returns those that go
beyond what was accepted. They are compared as values; sentences are made only for display.
"""

from collections.abc import Iterator
from enum import Enum
from typing import TYPE_CHECKING, Final

import msgspec

from tarkpm.core.agent.rules import McpRules
from tarkpm.core.binding import Binding, Origin, Publisher, contents_digest
from tarkpm.core.digest import sha256
from tarkpm.core.policy_pin import PolicyPin
from tarkpm.core.tool import compare

if TYPE_CHECKING:  # reading a record of state must not import these
    from tarkpm.core.lockfile import Lock, LockEntry
    from tarkpm.core.project import Project
    from tarkpm.core.release import PluginName


class IndexPlace(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The location of an index, to which the user's token is sent, and the digest of its first root."""

    url: str
    root: str


class Acceptance(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Decisions that take effect once accepted: indexes by nickname, bindings by plugin name."""

    indexes: dict[str, IndexPlace] = {}
    plugins: dict[str, Binding] = {}
    mcp: McpRules | None = None
    """What agents may call; None without rules, so that projects without any keep their digest."""
    policy: PolicyPin | None = None

    @classmethod
    def of(cls, project: "Project", lock: "Lock") -> "Acceptance":
        """Return the decisions of a project and its lock.

        tark.toml decides everything that it can express. The lock adds what only it records: which plugins
        are dependencies, who signed a release of an index, and the contents of an unsigned release.
        """
        from tarkpm.core.lock_check import followed

        entries = {entry.name: entry for entry in followed(project, lock).entries}
        names = {*project.requirements, *entries, *project.trust, *project.grants}
        return cls(
            {name: IndexPlace(one.url, one.root) for name, one in sorted(project.indexes.items())},
            {name: _binding(name, project, entries.get(name)) for name in sorted(names)},
            None if project.mcp == McpRules() else project.mcp,
            project.policy,
        )

    @property
    def digest(self) -> str:
        """The digest that ``--accept-project=`` takes, with ``sha256:``. It is the same on every machine."""
        # Keys in sorted order, so that CI and a laptop compute the same digest.
        return f"sha256:{sha256(msgspec.json.encode(self, order='sorted'))}"

    def remembering(self, accepted: "Acceptance") -> "Acceptance":
        """Return the record to keep in place of ``accepted``.

        It is this one plus what ``accepted`` knew of the same plugins and no lock records now.
        """
        plugins = {
            name: binding.remembering(accepted.plugins[name]) if name in accepted.plugins else binding
            for name, binding in self.plugins.items()
        }
        return msgspec.structs.replace(self, plugins=plugins)

    def narrowed(self, decided: "Acceptance") -> "Acceptance":
        """Return this record narrowed to ``decided``, which was not accepted. It never allows more.

        So a decision that a project withdrew is asked about again before it comes back
        (docs/trust-rules.md, rule 0).
        """
        plugins = {
            name: _narrowed(binding, decided.plugins[name])
            for name, binding in self.plugins.items()
            if name in decided.plugins
        }
        indexes = {name: one for name, one in self.indexes.items() if decided.indexes.get(name) == one}
        rules = (self.mcp or McpRules()).meet(decided.mcp or McpRules())
        policy = decided.policy if self.policy is None else self.policy.narrowed(decided.policy)
        return Acceptance(indexes, plugins, None if rules == McpRules() else rules, policy)


def _binding(name: "PluginName", project: "Project", entry: "LockEntry | None") -> Binding:
    requirement = project.requirements.get(name)
    source = requirement.source if requirement else entry.source if entry else None
    origin = Origin.of(source) if source else None
    # In git, the keys under [trust] say who may sign; in an index, only the lock records who did.
    signer = entry.signer if entry and origin and origin.kind == "index" else None
    return Binding(
        Publisher(
            origin=origin,
            keys=tuple(sorted(project.trust.get(name, ()))),
            signer=signer or "",
            unsigned=bool(requirement and (requirement.unsigned or requirement.is_working_copy)),
        ),
        tuple(map(str, project.granted(name))),
        contents_digest(entry) if entry and _is_unsigned(entry) else "",
        entry.tools if entry else None,
    )


def _is_unsigned(entry: "LockEntry") -> bool:
    return entry.signer is None and not entry.is_working_copy


def _narrowed(accepted: Binding, decided: Binding) -> Binding:
    """Return what both bindings allow, or the accepted one if their origins differ."""
    # Another origin is a widening: it is asked about as a whole, compared with what was accepted.
    if accepted.publisher.origin != decided.publisher.origin:
        return accepted
    grants = tuple(map(str, accepted.granted.narrow(decided.granted)))
    publisher = accepted.publisher
    both = tuple(key for key in publisher.keys if key in decided.publisher.keys)
    if both or not _is_vouched(publisher):  # a pin that is gone is no pin less: that would be a widening
        publisher = msgspec.structs.replace(publisher, keys=both)
    return msgspec.structs.replace(accepted, grants=grants, publisher=publisher)


def _is_vouched(publisher: Publisher) -> bool:
    return publisher.origin is not None and publisher.origin.kind == "index"


class WideningKind(Enum):
    """The part of a binding or index that a decision widens."""

    INDEX = "index"
    SOURCE = "source"
    KEY = "key"
    UNPINNED = "unpinned"
    SIGNER = "signer"
    UNSIGNED = "unsigned"
    CONTENTS = "contents"
    GRANT = "grant"
    TOOL = "tool"
    MCP = "mcp"
    POLICY = "policy"


class Widening(msgspec.Struct, frozen=True):
    """A decision that goes beyond what was accepted.

    ``subject`` is the name of a plugin or the nickname of an index. ``before`` is the accepted value, "" if
    there is none.
    """

    kind: WideningKind
    subject: str
    after: str
    before: str = ""

    @property
    def is_loud(self) -> bool:
        """Return whether to highlight it: it changes whose code runs, or grants something dangerous."""
        if self.kind is WideningKind.GRANT:
            from tarkpm.core.capability import Capability
            from tarkpm.core.danger import is_dangerous

            return is_dangerous(Capability.parse(self.after))
        return bool(self.before) or self.kind in _LOUD

    def __str__(self) -> str:
        if self.kind in (WideningKind.INDEX, WideningKind.SOURCE) and not self.before:
            return self.after
        if self.kind is WideningKind.SIGNER and not self.before:
            return f"take '{self.subject}' as signed by {self.after}, for whom its index vouches"
        return _SENTENCES[self.kind].format(
            name=f"'{self.subject}'",
            after=self.after,
            change=f"{self.before} → {self.after}" if self.before else self.after,
            before=f" (before: {self.before})" if self.before else "",
        )


_LOUD: Final = frozenset(map(WideningKind, ("unsigned", "contents", "tool", "mcp", "policy")))
_SENTENCES: Final = {
    WideningKind.INDEX: "{after}{before}",
    WideningKind.SOURCE: "change the source of {name}: {change}",
    WideningKind.KEY: "trust {after} for {name}{before}",
    WideningKind.UNPINNED: "let any signer that the index vouches for publish {name}{before}",
    WideningKind.SIGNER: "change the signer of {name}: {change}",
    WideningKind.UNSIGNED: "install {name} unsigned from {after}",
    WideningKind.CONTENTS: "run {name} unsigned with these contents: {change}",
    WideningKind.GRANT: "let {name} use {after}",
    WideningKind.TOOL: "let agents read another definition of the tool '{after}' of {name} than you accepted",
    WideningKind.MCP: "let agents {after}",
    WideningKind.POLICY: "{after}{before}",
}


def widenings(decided: Acceptance, accepted: Acceptance) -> tuple[Widening, ...]:
    """Return the decisions that go beyond what was accepted."""
    found = list(_index_widenings(decided, accepted))
    for name, binding in decided.plugins.items():
        found += _plugin_widenings(name, binding, accepted.plugins.get(name), decided, accepted)
    rules = (decided.mcp or McpRules()).beyond(accepted.mcp or McpRules())
    found += (Widening(WideningKind.MCP, "", one) for one in rules)
    if accepted.policy and (looser := accepted.policy.loosened(decided.policy)):  # a first one only forbids
        found.append(Widening(WideningKind.POLICY, "", looser, str(accepted.policy)))
    return tuple(found)


def _index_widenings(decided: Acceptance, accepted: Acceptance) -> Iterator[Widening]:
    for name, place in decided.indexes.items():
        before = accepted.indexes.get(name)
        if before != place:
            text = f"take plugins from the index '{name}' at {place.url} {place.root}"
            yield Widening(WideningKind.INDEX, name, text, f"{before.url} {before.root}" if before else "")


def _plugin_widenings(
    name: str, decided: Binding, accepted: Binding | None, now: Acceptance, then: Acceptance
) -> Iterator[Widening]:
    """Yield what is new in one binding."""
    # Keys and grants belong to a publisher. For another origin all of them are new, even equal ones.
    known = accepted if accepted and accepted.publisher.origin == decided.publisher.origin else None
    if known is None and decided.publisher.origin:
        from_ = accepted.publisher.origin if accepted else None
        yield _source_widening(name, decided.publisher.origin, from_, now, then)
    former = accepted.publisher.signers if accepted else ()
    known = known or Binding(Publisher(decided.publisher.origin))
    for widening in _signer_widenings(name, decided.publisher, known.publisher):
        if widening.kind is WideningKind.SIGNER and not widening.before:
            # The card of a changed source shows the former signer, too.
            yield msgspec.structs.replace(widening, before=", ".join(former))
        else:
            yield widening
    if decided.contents and decided.contents != known.contents:
        yield Widening(WideningKind.CONTENTS, name, decided.contents, known.contents)
    granted = known.granted
    # A secret is bound to a publisher, as data is: the same place with other keys is another one.
    if not decided.publisher.succeeds(known.publisher):
        granted = granted.without_secrets()
    for capability in decided.granted.beyond(granted):
        yield Widening(WideningKind.GRANT, name, str(capability))
    # A new plugin is asked about as a whole; one that was accepted without tools gets none unasked.
    if accepted and accepted.publisher.origin == decided.publisher.origin:
        yield from _tool_widenings(name, decided, known)


def _tool_widenings(name: str, decided: Binding, known: Binding) -> Iterator[Widening]:
    """Yield tools with another definition than the accepted one, and new tools: nobody saw their text."""
    if decided.tools is None:
        return
    found = compare(known.tools or (), decided.tools)
    for tool in dict.fromkeys((*found.widen, *found.added)):
        yield Widening(WideningKind.TOOL, name, tool)


def _source_widening(
    name: str, origin: Origin, before: Origin | None, now: Acceptance, then: Acceptance
) -> Widening:
    if before:
        return Widening(WideningKind.SOURCE, name, _shown(origin, now), _shown(before, then))
    sentence = {
        "git": f"fetch '{name}' from {_shown(origin, now)}",
        "index": f"take '{name}' from {_shown(origin, now)}",
        "path": f"install '{name}' from the folder {origin}",
    }
    return Widening(WideningKind.SOURCE, name, sentence[origin.kind])


def _shown(origin: Origin, acceptance: Acceptance) -> str:
    """Return an origin as text, with the nickname that ``acceptance`` gives to an index."""
    if origin.kind != "index":
        return str(origin)
    names = (name for name, one in acceptance.indexes.items() if one.root == origin.place)
    name = next(names, "")
    return f"the index '{name}' ({origin.place})" if name else str(origin)


def _signer_widenings(name: str, decided: Publisher, known: Publisher) -> Iterator[Widening]:
    """Yield added keys, removed pins, changed signers and signatures that are no longer required.

    See docs/trust-rules.md, rules 4 and 5.
    """
    vouched = _is_vouched(decided)
    before = ", ".join(known.signers)
    accepted = {*known.keys, known.signer}
    added = [key for key in decided.keys if key not in accepted]
    if vouched and not known.signers:
        added = []  # the first pin narrows what the index vouches for; its signer is named below
    # Without its last pin, a plugin may be signed by any key that the index vouches for.
    if vouched and known.keys and not decided.keys:
        yield Widening(WideningKind.UNPINNED, name, decided.signer, before)
    elif decided.signer and decided.signer not in accepted and decided.signer not in added:
        yield Widening(WideningKind.SIGNER, name, decided.signer, before)
    for key in added:
        yield Widening(WideningKind.KEY, name, key, before)
    if decided.unsigned and not known.unsigned and decided.origin and decided.origin.kind == "git":
        yield Widening(WideningKind.UNSIGNED, name, str(decided.origin))
