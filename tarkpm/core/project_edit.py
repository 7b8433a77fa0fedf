"""Edit tark.toml: only the lines of the values that an edit changes (docs/decisions/0105).

A value that already reads as it should is left alone, however it is spelled.
"""

import tomllib
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tarkpm.core.capability import PLAIN, Capability, CapabilitySet
from tarkpm.core.document import BOM
from tarkpm.core.keyless import TrustedSigner, read_signers
from tarkpm.core.names import PROJECT
from tarkpm.core.project import IndexEntry, Project, read_requirement
from tarkpm.core.release import IndexSource, PluginName, Requirement, folded, plugin_name
from tarkpm.core.release_age import EXCLUDE_KEY
from tarkpm.core.scope import normalize_scope
from tarkpm.core.toml_edit import rewrite
from tarkpm.core.version import Version
from tarkpm.errors import ProjectError

if TYPE_CHECKING:
    from tarkpm.core.ci_identity import CiIdentity

BLOCKS: Final = ("index",)
"""Tables whose entries get headers of their own: ``[index.community]``."""

Table = dict[str, Any]


class ProjectEdit(msgspec.Struct, frozen=True):
    """The new entries of one plugin in tark.toml. Empty ones, and a ``requirement`` of None, are removed."""

    name: PluginName
    requirement: Requirement | None = None
    trust: tuple[TrustedSigner, ...] = ()
    grants: CapabilitySet = CapabilitySet()


def new(tark_version: Version | None = None) -> bytes:
    """Return the text of a new tark.toml."""
    version = f'version = "{tark_version}"\n' if tark_version else ""
    return f"# The plugins of this project. Edit it by hand or with `tarkpm add`.\n[tark]\n{version}".encode()


def edit(
    data: bytes,
    changes: Iterable[ProjectEdit],
    *,
    tark_version: Version | None = None,
    any_age: Iterable[PluginName] = (),
    dropped: Iterable[PluginName] = (),
    identities: "Mapping[PluginName, CiIdentity] | None" = None,
) -> bytes:
    """Return the text with ``changes`` applied and every other line unchanged.

    ``tark_version`` is added if the document has none. Plugins in ``any_age`` are excluded from the minimum
    release age, those ``dropped`` from the project no longer. CI ``identities`` are set, and others stay.
    Parsing the result gives exactly the changed values. Raises `ProjectError`.
    """
    project, text, table = _read(data)
    if tark_version:
        table.setdefault("tark", {}).setdefault("version", str(tark_version))
    _exclude(table, any_age, dropped)
    keys = ("plugins", "trust", "grants", "identities")
    plugins, trust, grants, asked = (_Section(table, key) for key in keys)
    for change in changes:
        gone = change.requirement is None
        _set_requirement(plugins, project.indexes, change.name, change.requirement)
        _set(trust, change.name, change.trust, _SIGNERS, gone=gone)
        _set(grants, change.name, change.grants, _GRANTS, gone=gone)
        if gone:  # a dependency comes from an index, which has no proofs
            asked.drop(change.name)
    _set_identities(asked, identities or {})
    return _written(text, table)


def _set_identities(section: "_Section", identities: "Mapping[PluginName, CiIdentity]") -> None:
    from tarkpm.core.ci_identity import CiIdentity

    for name, identity in identities.items():
        raw = section.get(name)
        if raw is None or CiIdentity.parse(raw) != identity:
            section.put(name, str(identity))


def _exclude(table: Table, names: Iterable[PluginName], dropped: Iterable[PluginName]) -> None:
    """Set which plugins may have any age. An empty list that the user wrote stays."""
    tark: Table = table.setdefault("tark", {})
    listed = tark.get(EXCLUDE_KEY, [])
    gone = set(map(folded, dropped))
    found = [name for name in listed if folded(name) not in gone]
    there = set(map(folded, found))
    found += [name for name in names if folded(name) not in there]
    if found:
        tark[EXCLUDE_KEY] = found
    elif listed:
        del tark[EXCLUDE_KEY]


def edit_index(data: bytes, name: PluginName, entry: IndexEntry | None) -> bytes:
    """Return the text with ``[index.NAME]`` set, or removed.

    With a second index, every range is rewritten to name its index: alone, it would be ambiguous. Raises
    `ProjectError`.
    """
    before, text, table = _read(data)
    indexes = {key: one for key, one in before.indexes.items() if key != name}
    if entry is not None:
        indexes[name] = entry
    section, plugins = _Section(table, "index"), _Section(table, "plugins")
    if entry is None:
        section.drop(name)
    elif before.indexes.get(name) != entry:
        section.put(name, {"url": entry.url, "root": entry.root})
    for requirement in before.requirements.values():
        if isinstance(requirement.source, IndexSource):
            _set_requirement(plugins, indexes, requirement.name, requirement)
    return _written(text, table)


def _read(data: bytes) -> tuple[Project, str, Table]:
    project, text = Project.parse(data), data.decode()
    return project, text, tomllib.loads(text.removeprefix(BOM))


def _written(text: str, table: Table) -> bytes:
    try:
        return rewrite(text, table, blocks=BLOCKS).encode()
    except ValueError as problem:
        raise ProjectError(str(problem), where=PROJECT) from None


class _Section:
    """A table of tark.toml whose keys are names: in any case, with ``-`` or ``_``."""

    def __init__(self, table: Table, key: str) -> None:
        self._values: Table = table.setdefault(key, {})
        self._spelled = {folded(plugin_name(name)): name for name in self._values}

    def spelled(self, name: PluginName) -> str | None:
        """Return the key of a name as it is in the text."""
        return self._spelled.get(folded(name))

    def get(self, name: PluginName) -> Any:
        """Return the value of a name; None without one."""
        return self._values.get(self._spelled.get(folded(name), ""))

    def put(self, name: PluginName, value: Any) -> None:
        """Set the value of a name under the key it has."""
        self._values[self._spelled.setdefault(folded(name), name)] = value

    def drop(self, name: PluginName) -> None:
        """Remove a name."""
        self._values.pop(self._spelled.pop(folded(name), ""), None)


def _set_requirement(
    section: _Section,
    indexes: Mapping[PluginName, IndexEntry],
    name: PluginName,
    requirement: Requirement | None,
) -> None:
    spelled = section.spelled(name)
    # The key names the plugin: with ``_`` for ``-`` it is another name, and lock and folder would differ.
    if requirement is None or (spelled is not None and plugin_name(spelled) != name):
        section.drop(name)
    if requirement is None:
        return
    raw = section.get(name)

    def reads_same(value: Any) -> bool:
        return _reads(lambda: read_requirement(indexes, name, value), requirement)

    if raw is None or not reads_same(raw):
        # An index that the user named stays named, also where it is the only one.
        named = isinstance(raw, dict) and "index" in raw
        wanted = _requirement_value(requirement, alone=len(indexes) == 1 and not named)
        if isinstance(raw, dict) and isinstance(wanted, dict):
            wanted = _keeping(raw, wanted, reads_same)
        section.put(name, wanted)


def _requirement_value(requirement: Requirement, *, alone: bool) -> Table | str:
    if isinstance(requirement.source, IndexSource):
        index = requirement.source.index
        return requirement.range if alone else {"index": index, "version": requirement.range}
    table: Table = msgspec.to_builtins(requirement.source)
    return table | ({"unsigned": True} if requirement.unsigned else {})


def _keeping(raw: Table, wanted: Table, reads_same: Callable[[Any], bool]) -> Table:
    """Return ``wanted`` with every value of ``raw`` that means the same in it."""
    kept = dict(wanted)
    for key, value in raw.items():
        if reads_same(trial := kept | {key: value}):
            kept = trial
    return kept


def _reads(read: Callable[[], object], wanted: object) -> bool:
    try:
        return read() == wanted
    except ValueError:
        return False


class _Decision(msgspec.Struct, frozen=True):
    """How a decision about a plugin is read, and how it is written where ``raw`` (None: nothing) stands."""

    read: Callable[[Any], Any]
    spell: Callable[[Any, Any], Any]


def _set(section: _Section, name: PluginName, wanted: Any, decision: _Decision, *, gone: bool) -> None:
    """Set a decision about a plugin, which is ``gone`` from ``[plugins]`` or not."""
    raw = section.get(name)
    if raw is None:
        if wanted:
            section.put(name, decision.spell(None, wanted))
    elif not wanted and (gone or decision.read(raw)):
        section.drop(name)
    elif decision.read(raw) != wanted:
        value = decision.spell(raw, wanted)
        same = _reads(lambda: decision.read(value), wanted)
        section.put(name, value if same else decision.spell(None, wanted))


def _spelled_signers(_: list[str] | None, wanted: tuple[TrustedSigner, ...]) -> list[str]:
    return list(wanted)  # a key has one spelling


def _spelled_grants(raw: Table | None, wanted: CapabilitySet) -> Table:
    result = wanted.to_table()
    for kind, value in (raw or {}).items():
        granted = [one for one in wanted if one.kind == kind]
        if not granted and not value:  # ``storage = false`` says what is wanted
            result[kind] = value
        elif granted and kind not in PLAIN and value:
            result[kind] = _spelled_scopes(kind, value, granted)
    return result


def _spelled_scopes(kind: str, raw: list[str], granted: list[Capability]) -> list[str]:
    """Return the scopes of a kind: those in the text that are still granted, then the others."""
    read = {scope: Capability(kind, normalize_scope(kind, scope)) for scope in raw}
    kept = [scope for scope in raw if any(one.covers(read[scope]) for one in granted)]
    there = {read[scope] for scope in kept}
    return kept + [one.scope for one in granted if one not in there]


_SIGNERS: Final = _Decision(read_signers, _spelled_signers)
_GRANTS: Final = _Decision(CapabilitySet.from_table, _spelled_grants)
