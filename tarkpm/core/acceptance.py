"""The decisions of a project, and those that the user accepted (docs/trust-rules.md, rules 0 and 3).

The decisions are the project's indexes, the binding of each plugin and its rules for agents.
"""

from typing import TYPE_CHECKING

import msgspec

from tarkpm.core.agent.rules import McpRules
from tarkpm.core.binding import AcceptedRelease, Binding, Origin, Publisher, contents_digest
from tarkpm.core.digest import sha256
from tarkpm.core.policy_pin import PolicyPin
from tarkpm.core.release_age import AgeRule, met

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
    ages: AgeRule | None = None
    policy: PolicyPin | None = None

    @classmethod
    def of(cls, project: "Project", lock: "Lock") -> "Acceptance":
        """Return the decisions of a project and its lock.

        tark.toml decides everything that it can express. The lock adds what only it records: which plugins
        are dependencies, who signed a release of an index, and the contents of an unsigned release.
        """
        from tarkpm.core.lock_check import followed

        entries = {entry.name: entry for entry in followed(project, lock).entries}
        names = {*project.requirements, *entries, *project.trust, *project.identities, *project.grants}
        return cls(
            {name: IndexPlace(one.url, one.root) for name, one in sorted(project.indexes.items())},
            {name: _binding(name, project, entries.get(name)) for name in sorted(names)},
            None if project.mcp == McpRules() else project.mcp,
            project.ages,
            project.policy,
        )

    @property
    def digest(self) -> str:
        """The digest that ``--accept-project=`` takes, with ``sha256:``. It is the same on every machine."""
        # Moving to another release is everyday work, which a digest in a workflow file must not notice.
        # Keys in sorted order, so that CI and a laptop compute the same digest.
        return f"sha256:{sha256(msgspec.json.encode(self.without_releases(), order='sorted'))}"

    def without_releases(self) -> "Acceptance":
        """Return these decisions without the releases that are locked."""
        plugins = {name: msgspec.structs.replace(one, releases=()) for name, one in self.plugins.items()}
        return msgspec.structs.replace(self, plugins=plugins)

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
        known = None if rules == McpRules() else rules
        return Acceptance(indexes, plugins, known, met(self.ages, decided.ages), policy)


def _binding(name: "PluginName", project: "Project", entry: "LockEntry | None") -> Binding:
    from tarkpm.core.keyless import publisher_keys

    requirement = project.requirements.get(name)
    source = requirement.source if requirement else entry.source if entry else None
    origin = Origin.of(source) if source else None
    # In git, the keys under [trust] say who may sign; in an index, only the lock records who did.
    signer = entry.signer if entry and origin and origin.kind == "index" else None
    return Binding(
        Publisher(
            origin=origin,
            keys=publisher_keys(project.trust.get(name, ()), project.identities.get(name)),
            signer=signer or "",
            unsigned=bool(requirement and (requirement.unsigned or requirement.is_working_copy)),
            identity=str(project.identities.get(name, "")),
        ),
        tuple(map(str, project.granted(name))),
        contents_digest(entry) if entry and _is_unsigned(entry) else "",
        entry.tools if entry else None,
        (AcceptedRelease.of(entry),) if entry and not entry.is_working_copy else (),
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
    # Where an index or a CI identity vouches for keys, a pin that is gone is no pin less: that is a widening.
    if both or not (publisher.is_vouched or publisher.identity or decided.publisher.identity):
        publisher = msgspec.structs.replace(publisher, keys=both)
    return msgspec.structs.replace(accepted, grants=grants, publisher=publisher)
