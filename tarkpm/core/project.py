"""Read and edit tark.toml: the requirements of a project, and the decisions that were made about them.

Reading returns a frozen `Project`. `project_edit` changes the text.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from tarkpm.core import urls
from tarkpm.core.agent.rules import McpRules
from tarkpm.core.capability import KINDS, CapabilitySet
from tarkpm.core.document import Text, convert, parse_toml
from tarkpm.core.empty import check_filled
from tarkpm.core.keyless import ONLY_KEYLESS, TrustedSigner, check_keyless, read_signers
from tarkpm.core.name_similarity import did_you_mean
from tarkpm.core.names import MAX_PROJECT, PROJECT
from tarkpm.core.policy_pin import PolicyPin
from tarkpm.core.release import (
    GitSource,
    IndexSource,
    OciSource,
    PluginName,
    Requirement,
    folded,
    index_root,
    plugin_name,
    source_from_table,
)
from tarkpm.core.release_age import EXCLUDE_KEY, KEY, AgeRule, parse_age
from tarkpm.core.text import refuse_empty
from tarkpm.core.version import Range, Version
from tarkpm.errors import ProjectError

if TYPE_CHECKING:  # few projects ask for a CI identity
    from tarkpm.core.ci_identity import CiIdentity

T = TypeVar("T")


class _Tark(msgspec.Struct, forbid_unknown_fields=True, rename="kebab"):
    version: Text = ""
    minimum_release_age: Text = ""
    minimum_release_age_exclude: list[str] = []
    record: bool = False
    data_history: bool = False


class IndexEntry(msgspec.Struct, frozen=True):
    """A community index of the project: its nickname, its location, and the digest of its first root.

    ``url`` is an http or https URL without user or password, or a folder.
    """

    name: PluginName
    url: str
    root: str

    @property
    def source(self) -> IndexSource:
        """The source of releases of this index."""
        return IndexSource(self.name, self.root)

    @property
    def token_variable(self) -> str:
        """The environment variable that holds the user's token for this index."""
        return f"TARKPM_INDEX_{self.name.upper().replace('-', '_')}_TOKEN"


class _Index(msgspec.Struct, forbid_unknown_fields=True):
    url: str
    root: str


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    tark: _Tark = msgspec.field(default_factory=_Tark)
    index: dict[str, _Index] = {}
    plugins: dict[str, Any] = {}
    trust: dict[str, list[str]] = {}
    identities: dict[str, str] = {}
    grants: dict[str, dict[str, Any]] = {}
    mcp: dict[str, Any] = {}
    policy: dict[str, Any] | None = None


class Project(msgspec.Struct, frozen=True):
    """A parsed tark.toml. Mappings are keyed by checked plugin names.

    ``record`` is whether calls of tools are kept, for a later review of an update (docs/decisions/0187), and
    ``data_history`` whether generations keep what plugins stored (docs/decisions/0239).
    """

    tark_version: Version | None = None
    indexes: Mapping[PluginName, IndexEntry] = {}
    requirements: Mapping[PluginName, Requirement] = {}
    trust: Mapping[PluginName, tuple[TrustedSigner, ...]] = {}
    grants: Mapping[PluginName, CapabilitySet] = {}
    mcp: McpRules = McpRules()
    ages: AgeRule | None = None
    record: bool = False
    data_history: bool = False
    policy: PolicyPin | None = None
    identities: "Mapping[PluginName, CiIdentity]" = {}

    @classmethod
    def parse(cls, data: bytes, *, where: str = PROJECT) -> "Project":
        """Read a tark.toml. Raises `ProjectError` with ``where`` and the key path."""
        table = parse_toml(data, where=where, error=ProjectError, limit=MAX_PROJECT)
        check_filled(table, where=where, error=ProjectError)
        document = convert(table, _Document, where=where, error=ProjectError)
        version = document.tark.version
        indexes = _keyed(document.index, _index, where, "index")
        requirements = _keyed(document.plugins, partial(read_requirement, indexes), where, "plugins")
        spelled = {folded(name): name for name in requirements}
        project = cls(
            tark_version=_checked(Version.parse, version, where, "tark.version") if version else None,
            indexes=indexes,
            requirements=requirements,
            trust=_respelled(_keyed(document.trust, _signers, where, "trust"), spelled),
            identities=_respelled(_keyed(document.identities, _identity, where, "identities"), spelled),
            grants=_respelled(_keyed(document.grants, _grants, where, "grants"), spelled),
            mcp=_checked(McpRules.read, document.mcp, where, "mcp"),
            ages=_ages(document.tark, where),
            record=document.tark.record,
            data_history=document.tark.data_history,
            policy=_checked(PolicyPin.read, document.policy, where, "policy"),
        )
        for name, signers in project.trust.items():
            if signers == ONLY_KEYLESS:
                check = partial(check_keyless, requirements.get(name))
                _checked(check, project.identities.get(name), where, f"trust.{name}")
        return project

    def keyless(self, name: PluginName) -> "CiIdentity | None":
        """Return the CI identity that alone decides who may sign a plugin; None where keys do."""
        return self.identities.get(name) if self.trust.get(name) == ONLY_KEYLESS else None

    def granted(self, name: PluginName) -> CapabilitySet:
        """Return the capabilities that this project grants to a plugin."""
        return self.grants.get(name, CapabilitySet())


def _respelled(table: dict[PluginName, T], spelled: Mapping[str, PluginName]) -> dict[PluginName, T]:
    """Return ``table`` keyed by the names as ``[plugins]`` spells them; ``-`` and ``_`` are equal."""
    # Otherwise a grant to `text_tools` would not be seen as one to `text-tools`.
    return {spelled.get(folded(name), name): value for name, value in table.items()}


def _keyed(
    table: Mapping[str, Any], read: Callable[[PluginName, Any], T], where: str, key: str
) -> dict[PluginName, T]:
    """Read each value of ``table``; no two names may be equal once ``-`` and ``_`` are folded."""
    result: dict[PluginName, T] = {}
    seen: dict[str, str] = {}
    for text, value in table.items():
        place = f"{key}.{text[:64]}"
        name = _checked(plugin_name, text, where, place)
        if other := seen.get(folded(name)):
            raise ProjectError(f"'{text}' and '{other}' are the same name", where=f"{where}: {place}")
        seen[folded(name)] = text
        result[name] = _checked(partial(read, name), value, where, place)
    return result


def _checked(read: Callable[[Any], T], value: object, where: str, key: str) -> T:
    try:
        return read(value)
    except ValueError as problem:
        raise ProjectError(str(problem), where=f"{where}: {key}") from None


def _ages(table: _Tark, where: str) -> AgeRule | None:
    age = table.minimum_release_age
    minimum = _checked(parse_age, age, where, f"tark.{KEY}") if age else 0
    names = [
        _checked(plugin_name, name, where, f"tark.{EXCLUDE_KEY}")
        for name in table.minimum_release_age_exclude
    ]
    return AgeRule.of(minimum, names) if minimum or names else None


def _index(name: PluginName, value: _Index) -> IndexEntry:
    return IndexEntry(name, index_url(value.url), index_root(value.root))


def index_url(text: str) -> str:
    """Check the location of an index: https, http or a folder, without a secret. Raises `ValueError`."""
    scheme, separator, rest = text.partition("://")
    authority, _, path = rest.partition("/")
    if not separator:
        if not text or not text.isprintable():
            raise ValueError(f"url: expected https://… or a folder, found {text[:80]!r}")
        return text
    # tark.toml is committed: a secret in a URL would be published (docs/trust-rules.md, rule 11).
    if "@" in authority or "?" in path or "#" in path:  # not quoted in the error: it may hold a password
        raise ValueError("url: expected a URL without user, password, query or fragment")
    if not authority.isascii():  # letters of other scripts look like ASCII (UTS #39, confusables)
        raise ValueError("url: expected a host in ASCII (xn--… for others)")
    if scheme not in ("https", "http"):
        raise ValueError(f"url: expected https://… or a folder, found {text[:80]!r}")
    try:
        urls.parse(text)
    except ValueError as problem:
        raise ValueError(f"url: {problem}, found {text[:80]!r}") from None
    return text.rstrip("/")


def read_requirement(indexes: Mapping[PluginName, IndexEntry], name: PluginName, value: Any) -> Requirement:
    """Read a value of ``[plugins]``; raises `ValueError`."""
    if isinstance(value, str):
        return _from_index(name, _only(indexes).source, value)
    if not isinstance(value, dict):
        raise ValueError(
            "expected a range, { git = … }, { oci = … }, { path = … } or { index = … }, "
            f"found {value!r:.60}"
        )
    refuse_empty(value)
    table = dict(value)
    if "index" in table:
        return _from_named_index(indexes, name, table)
    unsigned = table.pop("unsigned", False)
    if not isinstance(unsigned, bool):
        raise ValueError(f"unsigned: expected true or false, found {unsigned!r}")
    source = source_from_table(table)
    # `rev` pins a commit; `commit` is the result of a resolution, which tark.toml does not record.
    if isinstance(source, GitSource) and source.commit:
        raise ValueError("commit belongs in tark.lock; expected rev")
    if isinstance(source, OciSource) and source.tag and source.digest:
        raise ValueError("the digest of a tag belongs in tark.lock; expected one of tag and digest")
    return Requirement(name, source, unsigned)


def _only(indexes: Mapping[PluginName, IndexEntry]) -> IndexEntry:
    """Return the only index of a project: a range alone does not say which of several is meant."""
    if not indexes:
        raise ValueError("a version range requires an index, but there is no [index.NAME]")
    if len(indexes) > 1:
        known = ", ".join(sorted(indexes))
        raise ValueError(
            f"expected {{ index = …, version = … }}, because the project has several indexes: {known}"
        )
    return next(iter(indexes.values()))


def _from_named_index(
    indexes: Mapping[PluginName, IndexEntry], name: PluginName, table: dict[str, Any]
) -> Requirement:
    index, wanted = table.pop("index"), table.pop("version", "*")
    if unknown := sorted(table):
        raise ValueError(f"'{unknown[0]}' is not a known key, expected index and version")
    if not isinstance(index, str) or not isinstance(wanted, str):
        raise ValueError("expected { index = NAME, version = RANGE }")
    if index not in indexes:
        raise ValueError(f"there is no [index.{index[:64]}]")
    return _from_index(name, indexes[PluginName(index)].source, wanted)


def _from_index(name: PluginName, source: IndexSource, wanted: str) -> Requirement:
    return Requirement(name, source, range=str(Range.parse(wanted)))


def _signers(_: PluginName, value: list[str]) -> tuple[TrustedSigner, ...]:
    return read_signers(value)


def _identity(_: PluginName, value: str) -> "CiIdentity":
    from tarkpm.core.ci_identity import CiIdentity

    return CiIdentity.parse(value)


def _grants(_: PluginName, value: dict[str, Any]) -> CapabilitySet:
    if unknown := sorted(set(value) - set(KINDS)):
        near = did_you_mean(unknown[0][:64].lower(), KINDS)
        raise ValueError(f"{unknown[0]}: expected one of {', '.join(KINDS)}{near}")
    granted = CapabilitySet.from_table(value)
    bound = [one.id for one in granted.secrets()]
    # A declared secret covers every binding of it: granted as such, it would allow any of the user's secrets.
    if unbound := granted.beyond(granted.grantable()):
        raise ValueError(
            f"secret: expected ID=NAME to HOST as HEADER: FORMAT, found {unbound.items[0].scope!r}"
        )
    if len(set(bound)) < len(bound):
        raise ValueError(f"secret: '{max(bound, key=bound.count)}' is bound twice")
    return granted
