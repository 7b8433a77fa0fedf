"""What goes beyond the decisions that a user accepted (docs/trust-rules.md, rules 0, 3 and 7).

Decisions are compared as values; sentences are made only for display.
"""

from collections.abc import Iterator
from enum import Enum
from typing import Final

import msgspec

from tarkpm.core.acceptance import Acceptance
from tarkpm.core.agent.rules import McpRules
from tarkpm.core.binding import Binding, Origin, Publisher
from tarkpm.core.key import PREFIX
from tarkpm.core.release_age import loosened
from tarkpm.core.tool import compare


class WideningKind(Enum):
    """The part of a binding or index that a decision widens."""

    INDEX = "index"
    SOURCE = "source"
    KEY = "key"
    UNPINNED = "unpinned"
    SIGNER = "signer"
    IDENTITY = "identity"
    UNSIGNED = "unsigned"
    CONTENTS = "contents"
    OLDER = "older"
    REPUBLISHED = "republished"
    GRANT = "grant"
    TOOL = "tool"
    MCP = "mcp"
    AGE = "age"
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

    @property
    def binds_secret(self) -> bool:
        """Return whether it lets a plugin use a secret of the user."""
        if self.kind is not WideningKind.GRANT:
            return False
        from tarkpm.core.capability import Capability

        return Capability.parse(self.after).kind == "secret"

    def __str__(self) -> str:
        if self.kind in (WideningKind.INDEX, WideningKind.SOURCE) and not self.before:
            return self.after
        if self.kind is WideningKind.IDENTITY and not self.after:
            return f"take releases of '{self.subject}' without a proof of the CI identity {self.before}"
        if self.kind in _WHICH_KEY and self.after and not self.after.startswith(PREFIX):
            which = f"{_WHICH_KEY[self.kind]} key for '{self.subject}'"
            before = f" (before: {self.before})" if self.before else ""
            return f"trust {which} that the CI identity {self.after} proves{before}"
        if self.kind is WideningKind.SIGNER and not self.before:
            return f"take '{self.subject}' as signed by {self.after}, for whom its index vouches"
        return _SENTENCES[self.kind].format(
            name=f"'{self.subject}'",
            after=self.after,
            change=f"{self.before} → {self.after}" if self.before else self.after,
            before=f" (before: {self.before})" if self.before else "",
        )


_LOUD: Final = (
    WideningKind.UNSIGNED,
    WideningKind.CONTENTS,
    WideningKind.REPUBLISHED,
    WideningKind.TOOL,
    WideningKind.MCP,
    WideningKind.AGE,
    WideningKind.POLICY,
)
_WHICH_KEY: Final = {WideningKind.KEY: "any", WideningKind.UNPINNED: "the first"}
"""Which key a CI identity vouches for."""
_SENTENCES: Final = {
    WideningKind.INDEX: "{after}{before}",
    WideningKind.SOURCE: "change the source of {name}: {change}",
    WideningKind.KEY: "trust {after} for {name}{before}",
    WideningKind.UNPINNED: "let any signer that the index vouches for publish {name}{before}",
    WideningKind.SIGNER: "change the signer of {name}: {change}",
    WideningKind.IDENTITY: "take releases of {name} from another CI identity: {change}",
    WideningKind.UNSIGNED: "install {name} unsigned from {after}",
    WideningKind.CONTENTS: "run {name} unsigned with these contents: {change}",
    WideningKind.OLDER: "go back to an older release of {name}: {change}",
    WideningKind.REPUBLISHED: "run {name} {after} with other contents than you accepted under that version",
    WideningKind.GRANT: "let {name} use {after}",
    WideningKind.TOOL: "let agents read another definition of the tool '{after}' of {name} than you accepted",
    WideningKind.MCP: "let agents {after}",
    WideningKind.AGE: "{after}",
    WideningKind.POLICY: "{after}{before}",
}


def widenings(decided: Acceptance, accepted: Acceptance) -> tuple[Widening, ...]:
    """Return the decisions that go beyond what was accepted."""
    found = list(_index_widenings(decided, accepted))
    for name, binding in decided.plugins.items():
        found += _plugin_widenings(name, binding, accepted.plugins.get(name), decided, accepted)
    rules = (decided.mcp or McpRules()).beyond(accepted.mcp or McpRules())
    found += (Widening(WideningKind.MCP, "", one) for one in rules)
    found += (Widening(WideningKind.AGE, "", one) for one in loosened(decided.ages, accepted.ages))
    # A first policy only forbids. One that is gone, replaced or older is a widening.
    if accepted.policy and (looser := accepted.policy.loosened(decided.policy)):
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
    yield from _signer_widenings(name, decided.publisher, known.publisher, ", ".join(former))
    if decided.contents and decided.contents != known.contents:
        yield Widening(WideningKind.CONTENTS, name, decided.contents, known.contents)
    yield from _release_widenings(name, decided, known)
    granted = known.granted
    # A secret is bound to a publisher, as data is: the same place with other keys is another one, and so is
    # whoever may sign where nobody could.
    somebody = known.publisher.is_nobody and not decided.publisher.is_nobody
    if somebody or not decided.publisher.succeeds(known.publisher):
        granted = granted.without_secrets()
    for capability in decided.granted.beyond(granted):
        yield Widening(WideningKind.GRANT, name, str(capability))
    # A new plugin is asked about as a whole; one that was accepted without tools gets none unasked.
    if accepted and accepted.publisher.origin == decided.publisher.origin:
        yield from _tool_widenings(name, decided, known)


def _release_widenings(name: str, decided: Binding, known: Binding) -> Iterator[Widening]:
    """Yield a locked release that is lower than one that was accepted, or another one under its version.

    See docs/trust-rules.md, rule 7. Releases that were accepted here before are not asked about again, so
    that switching between branches of a project asks once.
    """
    if not decided.releases or not known.releases or decided.releases[0] in known.releases:
        return
    release = decided.releases[0]
    highest = known.highest
    if not known.has_version_of(release) and release.precedence < highest.precedence:
        yield Widening(WideningKind.OLDER, name, release.version, highest.version)
    # The contents of an unsigned release are asked about as such.
    if known.is_republished(release) and not decided.contents:
        yield Widening(WideningKind.REPUBLISHED, name, release.version)


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
        "oci": f"fetch '{name}' from {_shown(origin, now)}",
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


def _signer_widenings(name: str, decided: Publisher, known: Publisher, former: str) -> Iterator[Widening]:
    """Yield added keys, removed pins, changed signers and signatures that are no longer required.

    ``former`` are the accepted signers, also those of another source: the card of a changed one shows them.
    See docs/trust-rules.md, rules 4 and 5.
    """
    vouched = decided.is_vouched
    before = ", ".join(known.signers)
    accepted = {*known.keys, known.signer}
    added = [key for key in decided.keys if key not in accepted]
    if decided.is_keyless and known.is_keyless:
        added = []  # no key is new: the identity is, which is named below
    if vouched and not known.signers:
        added = []  # the first pin narrows what the index vouches for; its signer is named below
    # Without its last pin, a plugin may be signed by any key that the index, or its CI identity, vouches for.
    if decided.first_key_by and decided.first_key_by != known.first_key_by:
        yield Widening(WideningKind.UNPINNED, name, decided.first_key_by, before)
    elif vouched and known.keys and not decided.keys:
        yield Widening(WideningKind.UNPINNED, name, decided.signer, before)
    elif decided.signer and decided.signer not in accepted and decided.signer not in added:
        yield Widening(WideningKind.SIGNER, name, decided.signer, former)
    for key in added:
        yield Widening(WideningKind.KEY, name, key, before)
    # A first identity asks for more. One that is gone, or another one, is a widening.
    if known.identity and decided.identity != known.identity:
        yield Widening(WideningKind.IDENTITY, name, decided.identity, known.identity)
    if decided.unsigned and not known.unsigned and decided.origin and decided.origin.kind in ("git", "oci"):
        yield Widening(WideningKind.UNSIGNED, name, str(decided.origin))
