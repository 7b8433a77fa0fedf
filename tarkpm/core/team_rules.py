"""Decide what team policies forbid: facts about a plugin go in, violations come out.

All policies apply at once: a plugin is allowed if each of them allows it, so one file cannot widen what
another forbids, in whatever order they are read.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from tarkpm.core import git_url
from tarkpm.core.advisory import Severity
from tarkpm.core.capability import CapabilitySet
from tarkpm.core.ci_identity import CiIdentity
from tarkpm.core.key import PublicKey
from tarkpm.core.licenses import is_allowed
from tarkpm.core.release import GitSource, IndexSource, OciSource, Source
from tarkpm.core.scope import host_covers
from tarkpm.core.team_policy import TeamPolicy, hosts_of
from tarkpm.core.text import neutral
from tarkpm.core.urls import parse as parse_url
from tarkpm.errors import PolicyViolation, Refused


class PluginFacts(msgspec.Struct, frozen=True):
    """What a team policy judges. None is what is not known yet, and is not judged.

    ``source`` is None for a folder that is run where it is. ``index_url`` is the location of the index.
    ``license`` is "" if none is declared. ``severity`` is the highest one of the known advisories.
    ``identity`` is the CI identity that vouches for ``signer``, where no lasting key does.
    """

    name: str
    source: Source | None = None
    index_url: str = ""
    signer: PublicKey | None = None
    type: str | None = None
    license: str | None = None
    granted: CapabilitySet = CapabilitySet()
    severity: Severity | None = None
    identity: CiIdentity | None = None


class Violation(msgspec.Struct, frozen=True, order=True):
    """What a policy forbids: the ``rule`` is a field of ``file``, ``subject`` what it forbids."""

    plugin: str
    rule: str
    file: str
    subject: str

    def __str__(self) -> str:
        start = f"'{self.plugin}'" if self.plugin else _NOBODY.get(self.rule, "the source")
        sentence = _SENTENCES[self.rule].format(neutral(self.subject, limit=200))
        return f"{start} {sentence} ({self.rule})"

    def error(self, more: int = 0) -> PolicyViolation:
        """Return the error for this violation; ``more`` is how many others there are."""
        others = f"; and {more:,} more" if more else ""
        return PolicyViolation(
            f"the team policy forbids it: {self}{others}",
            rule=self.rule,
            file=self.file,
            hint=f"tarkpm policy explain {self.plugin}" if self.plugin else "tarkpm policy show",
        )


_SENTENCES: Final = {
    "indexes": "is of the index {}, which is not allowed",
    "git-hosts": "is from the git host {}, which is not allowed",
    "registries": "is from the registry repository {}, which is not allowed",
    "folders": "is a folder of this machine",
    "signers": "is signed by {}, which is not allowed",
    "unsigned": "is not signed",
    "licenses": "has the license {}, which is not allowed",
    "types": "is of type {}, which is not allowed",
    "capabilities": "may not be granted {}",
    "deny-hosts": "may not use the host {}",
    "block-severity": "has an advisory of severity {}",
    "accept-project": "is not for the user '{}'",
    "accept-project-pinned": "needs the digest of the decisions",
    "hook": "{}",
}
_NOBODY: Final = {
    "accept-project": "--accept-project",
    "accept-project-pinned": "--accept-project",
    "hook": "the external check",
}
"""The subject of the sentence about a violation that is not about one plugin."""
RULES: Final = tuple(_SENTENCES)
"""The fields that can be violated, in the order in which they are shown."""


class RuleLine(msgspec.Struct, frozen=True):
    """One rule as text: the field, its value, and the file it is from."""

    rule: str
    value: str
    file: str


class TeamRules(msgspec.Struct, frozen=True):
    """The policies that apply, each from a file of its own; without any, everything is allowed."""

    policies: tuple[TeamPolicy, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.policies)

    def violations(self, facts: PluginFacts) -> tuple[Violation, ...]:
        """Return everything that the policies forbid about a plugin, by policy."""
        return tuple(one for policy in self.policies for one in _violations(policy, facts))

    def check(self, facts: PluginFacts) -> None:
        """Raise `PolicyViolation` unless every policy allows the plugin."""
        raise_first(self.violations(facts))

    def check_source(self, source: Source, *, index_url: str = "") -> None:
        """Raise `PolicyViolation` unless a source may be contacted."""
        facts = PluginFacts("", source, index_url)
        found = [(*_source(policy, facts), *_hosts(policy, facts)) for policy in self.policies]
        raise_first(tuple(one for each in found for one in each))

    def check_accept(self, user: str, *, pinned: bool) -> None:
        """Raise `PolicyViolation` unless ``user`` may use --accept-project, ``pinned`` to a digest or not."""
        raise_first(tuple(one for policy in self.policies for one in _accepting(policy, user, pinned=pinned)))

    def lines(self) -> Iterator[RuleLine]:
        """Yield every rule that is set, by policy."""
        for policy in self.policies:
            for rule, value in policy.rules():
                yield RuleLine(rule, value, policy.file)

    @property
    def minimum_release_age(self) -> int:
        """The longest minimum age of new releases, in seconds."""
        return max((one.minimum_release_age for one in self.policies), default=0)

    @property
    def block_severity(self) -> Severity | None:
        """The lowest severity that blocks; None if none does."""
        return min((one.block_severity for one in self.policies if one.block_severity), default=None)

    @property
    def judges_licenses(self) -> bool:
        """Return whether a license matters."""
        return any(one.licenses is not None for one in self.policies)


def raise_first(violations: tuple[Violation, ...]) -> None:
    """Raise `PolicyViolation` for the first violation, if there is one."""
    if violations:
        raise violations[0].error(len(violations) - 1)


def _violations(policy: TeamPolicy, facts: PluginFacts) -> Iterator[Violation]:
    yield from _source(policy, facts)
    yield from _signer(policy, facts)
    if facts.license is not None and not _is_licensed(facts.license, policy.licenses):
        yield _violation(policy, facts, "licenses", facts.license or "none")
    if policy.types is not None and facts.type is not None and facts.type not in policy.types:
        yield _violation(policy, facts, "types", facts.type)
    if policy.capabilities and (above := policy.capabilities.beyond(facts.granted)):
        yield _violation(policy, facts, "capabilities", ", ".join(map(str, above)))
    yield from _hosts(policy, facts)
    if policy.block_severity and facts.severity and facts.severity >= policy.block_severity:
        yield _violation(policy, facts, "block-severity", str(facts.severity))


def _source(policy: TeamPolicy, facts: PluginFacts) -> Iterator[Violation]:
    source = facts.source
    if isinstance(source, IndexSource):
        if policy.indexes is not None and source.root not in policy.indexes:
            yield _violation(policy, facts, "indexes", f"'{source.index}' with root {source.root}")
    elif isinstance(source, GitSource):
        host = _git_host(source)
        if policy.git_hosts is not None and not any(
            host_covers(_one_spelling(one), host) for one in policy.git_hosts
        ):
            yield _violation(policy, facts, "git-hosts", host or "of this machine")
    elif isinstance(source, OciSource):
        if not _is_allowed_registry(policy, source.oci):
            yield _violation(policy, facts, "registries", source.oci)
    elif not policy.folders:
        yield _violation(policy, facts, "folders", "")


def _is_allowed_registry(policy: TeamPolicy, place: str) -> bool:
    if policy.registries is None:
        # A policy from before there were registries, which named where code may come from beside indexes: a
        # new version of tarkpm must not open another way (docs/decisions/0206).
        return policy.git_hosts is None
    from tarkpm.core.oci.patterns import registry_covers

    return any(registry_covers(one, place) for one in policy.registries)


def _signer(policy: TeamPolicy, facts: PluginFacts) -> Iterator[Violation]:
    # A folder counts as unsigned: a clone that is run where it is would evade the rule otherwise.
    if facts.signer is None and not policy.unsigned:
        yield _violation(policy, facts, "unsigned", "")
    elif policy.signers is not None and not _may_sign(policy.signers, facts):
        by = facts.identity if facts.signer and facts.identity else facts.signer
        yield _violation(policy, facts, "signers", str(by or "nobody"))


def _may_sign(signers: tuple[PublicKey | CiIdentity, ...], facts: PluginFacts) -> bool:
    found = facts.identity
    if facts.signer is None or found is None:
        return facts.signer in signers
    return any(one == facts.signer or (isinstance(one, CiIdentity) and one.covers(found)) for one in signers)


def _hosts(policy: TeamPolicy, facts: PluginFacts) -> Iterator[Violation]:
    reached = {_one_spelling(host) for capability in facts.granted for host in hosts_of(capability)}
    if isinstance(facts.source, GitSource):
        reached.add(_git_host(facts.source))
    elif isinstance(facts.source, OciSource):
        from tarkpm.core.oci.patterns import host_of

        reached.add(_one_spelling(host_of(facts.source.oci)))
    if "://" in facts.index_url:
        reached.add(_one_spelling(parse_url(facts.index_url).host))
    # A pattern that includes a denied host is denied too: the grant would allow that host.
    patterns = [_one_spelling(one) for one in policy.deny_hosts]
    denied = sorted(
        host
        for host in filter(None, reached)
        if any(host_covers(one, host) or host_covers(host, one) for one in patterns)
    )
    if denied:
        yield _violation(policy, facts, "deny-hosts", ", ".join(denied))


def _git_host(source: GitSource) -> str:
    """Return the host of a repository; "" for one of this machine."""
    try:
        return _one_spelling(git_url.parse(source.git).host)
    except Refused:
        return ""


def _one_spelling(host: str) -> str:
    """Return an IPv6 address in its canonical form, and one that stands for an IPv4 address as that."""
    host = host.strip("[]")
    if ":" not in host:
        return host
    from ipaddress import IPv6Address

    try:
        address = IPv6Address(host)
    except ValueError:
        return host
    # RFC 4291, section 2.5.5.2: a system connects to the IPv4 address, whose rules must hold.
    return str(address.ipv4_mapped or address)


def _is_licensed(expression: str, allowed: tuple[str, ...] | None) -> bool:
    if allowed is None:
        return True
    try:
        return is_allowed(expression, allowed)
    except ValueError:
        return False


def _accepting(policy: TeamPolicy, user: str, *, pinned: bool) -> Iterator[Violation]:
    if policy.accept_project is not None and user not in policy.accept_project:
        yield Violation("", "accept-project", policy.file, user)
    if policy.accept_project_pinned and not pinned:
        yield Violation("", "accept-project-pinned", policy.file, "")


def _violation(policy: TeamPolicy, facts: PluginFacts, rule: str, subject: str) -> Violation:
    return Violation(facts.name, rule, policy.file, subject)
