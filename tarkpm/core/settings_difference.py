"""What differs between two projects beside their plugins: the indexes and the settings of tark.toml."""

from collections.abc import Container, Iterator

import msgspec

from tarkpm.core.project import Project
from tarkpm.core.release_age import AgeRule, age_text


class FieldChange(msgspec.Struct, frozen=True):
    """One difference of a plugin or project: what is gone, and what is there instead.

    ``kind`` names what is compared: version, type, source, commit, signer, statement, files, requires,
    min-tark-version, declared, granted, tools, license, trust, identity, or range: what an update may take.
    For a setting it is the key in tark.toml, such as ``mcp.ask``.
    """

    kind: str
    removed: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    wider: bool = False


def index_changes(before: Project, after: Project) -> Iterator[FieldChange]:
    """Yield the difference of the indexes, nicknames with their places."""
    was = {f"{name} = {one.url} {one.root}" for name, one in before.indexes.items()}
    now = {f"{name} = {one.url} {one.root}" for name, one in after.indexes.items()}
    if was != now:
        yield FieldChange("index", tuple(sorted(was - now)), tuple(sorted(now - was)), wider=bool(now - was))


def setting_changes(before: Project, after: Project, wider: Container[str]) -> Iterator[FieldChange]:
    """Yield the settings that differ, each with its whole value. ``wider`` are keys that go beyond."""
    was, now = _settings(before), _settings(after)
    for key, value in now.items():
        if was[key] != value:
            yield FieldChange(key, was[key], value, key in wider)


def _settings(project: Project) -> dict[str, tuple[str, ...]]:
    """Return each setting by its key; what is not there is said, so that a line always has both sides."""
    ages, rules, policy = project.ages or AgeRule(), project.mcp, project.policy
    return {
        "tark.version": (str(project.tark_version or "none"),),
        "tark.minimum-release-age": (age_text(ages.minimum) if ages.minimum else "none",),
        "tark.minimum-release-age-exclude": ages.excluded or ("none",),
        "tark.record": (str(project.record).lower(),),
        "tark.data-history": (str(project.data_history).lower(),),
        "mcp.allow": ("every tool",) if rules.allow is None else rules.allow or ("none",),
        "mcp.deny": rules.deny or ("none",),
        "mcp.ask": (rules.ask,),
        "policy.key": (policy.key if policy else "none",),
        "policy.version": (str(policy.version) if policy else "none",),
    }
