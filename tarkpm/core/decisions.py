"""The decisions in a tark.toml that count only once this user accepted them (trust rule 3)."""

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:  # a record in state is read without either
    from tarkpm.core.capability import CapabilitySet
    from tarkpm.core.project import Project


class Decisions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Decisions as sorted texts, by plugin name: comparable, storable, showable."""

    trust: dict[str, list[str]] = {}
    grants: dict[str, list[str]] = {}
    unsigned: dict[str, str] = {}
    paths: dict[str, str] = {}
    indexes: dict[str, str] = {}
    repositories: dict[str, str] = {}

    @classmethod
    def of(cls, project: "Project") -> "Decisions":
        """Every decision ``project`` holds: whom it calls, too, which may cost a login."""
        from tarkpm.core.release import GitSource

        requirements = project.requirements.items()
        return cls(
            trust={name: sorted(keys) for name, keys in sorted(project.trust.items())},
            grants={name: list(map(str, granted)) for name, granted in sorted(project.grants.items())},
            unsigned={name: str(r.source) for name, r in sorted(requirements) if r.unsigned},
            paths={name: str(r.source) for name, r in sorted(requirements) if r.is_working_copy},
            indexes={name: f"{index.url} {index.root}" for name, index in sorted(project.indexes.items())},
            repositories={
                name: r.source.git
                for name, r in sorted(requirements)
                if isinstance(r.source, GitSource) and not r.unsigned
            },
        )

    def beyond(self, accepted: "Decisions") -> list[str]:
        """A line for each decision here that ``accepted`` does not include; empty if it includes all."""
        lines = [
            f"trust {key} for '{name}'"
            for name, keys in self.trust.items()
            for key in keys
            if key not in accepted.trust.get(name, ())
        ]
        lines += [
            f"let '{name}' use {capability}"
            for name, granted in self.grants.items()
            for capability in _set(granted).beyond(_set(accepted.grants.get(name, [])))
        ]
        lines += [
            f"install '{name}' unsigned from {source}"
            for name, source in self.unsigned.items()
            if accepted.unsigned.get(name) != source
        ]
        lines += [
            f"install '{name}' from the folder {path}"
            for name, path in self.paths.items()
            if accepted.paths.get(name) != path
        ]
        lines += [
            f"take plugins from the index '{name}' at {place}"
            for name, place in self.indexes.items()
            if accepted.indexes.get(name) != place
        ]
        lines += [
            f"fetch '{name}' from {url}"
            for name, url in self.repositories.items()
            if accepted.repositories.get(name) != url
        ]
        return lines


def _set(texts: list[str]) -> "CapabilitySet":
    from tarkpm.core.capability import Capability, CapabilitySet

    return CapabilitySet.of(map(Capability.parse, texts))
