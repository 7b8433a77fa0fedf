"""A team policy: rules about plugins that an administrator, a user or a team lead sets in ``policy.toml``.

A policy only ever forbids. Several files apply at once, and a plugin must satisfy each of them, so no file
can widen what another forbids (docs/decisions/0178). What a release means for the user who takes it is
decided by `core.policy`; the words "team policy" always mean the rules here.

::

    signers = ["ed25519:…"]                 # only these keys may sign
    types = ["tool", "hook"]
    deny-hosts = ["*.example.net"]
    [capabilities]                          # a ceiling: nothing else may be granted
    storage = true
    http = ["*.example.com"]
"""

import shlex
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeVar

import msgspec

from tarkpm.core.advisory import Severity
from tarkpm.core.capability import KINDS, PLAIN, Capability, CapabilitySet
from tarkpm.core.ci_identity import CiIdentity
from tarkpm.core.document import Text, convert, parse_toml
from tarkpm.core.key import PublicKey, public_key
from tarkpm.core.licenses import license_id
from tarkpm.core.name_similarity import did_you_mean
from tarkpm.core.names import MAX_POLICY
from tarkpm.core.release import TYPES, index_root
from tarkpm.core.release_age import age_text, parse_age
from tarkpm.core.scope import PRIVATE, normalize_scope, split_host
from tarkpm.core.text import is_legible, short
from tarkpm.errors import TeamPolicyInvalid

T = TypeVar("T")

MAX_ENTRIES: Final = 1_000
"""Limit of the entries of one list."""
MAX_VERSION: Final = 2**31 - 1
HOOK_SECONDS: Final = 30
MAX_HOOK_SECONDS: Final = 600


class Ceiling(msgspec.Struct, frozen=True):
    """What plugins may be granted at most: every scope of the ``kinds``, and the ``scopes``."""

    kinds: frozenset[str] = frozenset()
    scopes: CapabilitySet = CapabilitySet()

    def beyond(self, granted: CapabilitySet) -> CapabilitySet:
        """Return the part of ``granted`` that is above the ceiling."""
        return CapabilitySet(tuple(one for one in granted.beyond(self.scopes) if one.kind not in self.kinds))

    def __str__(self) -> str:
        whole = [kind if kind in PLAIN else f"{kind}:any" for kind in KINDS if kind in self.kinds]
        return ", ".join([*whole, *map(str, self.scopes)]) or "nothing"


class ExternalCheck(msgspec.Struct, frozen=True):
    """A program that allows, warns about or blocks a change. ``seconds`` is its deadline."""

    command: tuple[str, ...]
    seconds: int = HOOK_SECONDS


class TeamPolicy(msgspec.Struct, frozen=True):
    """The rules of one file. A list that is None restricts nothing; an empty one allows nothing.

    ``file`` is where the rules are from. ``indexes`` are digests of first roots. ``git_hosts`` and
    ``deny_hosts`` are host patterns as capabilities have them, without a port. ``registries`` are patterns of
    `oci.patterns`. ``minimum_release_age`` is in
    seconds, 0 for none. ``accept_project`` are login names.
    """

    file: str
    version: int = 0
    indexes: tuple[str, ...] | None = None
    git_hosts: tuple[str, ...] | None = None
    registries: tuple[str, ...] | None = None
    folders: bool = True
    signers: tuple[PublicKey | CiIdentity, ...] | None = None
    unsigned: bool = True
    licenses: tuple[str, ...] | None = None
    types: tuple[str, ...] | None = None
    capabilities: Ceiling | None = None
    deny_hosts: tuple[str, ...] = ()
    minimum_release_age: int = 0
    block_severity: Severity | None = None
    accept_project: tuple[str, ...] | None = None
    accept_project_pinned: bool = False
    hook: ExternalCheck | None = None

    @classmethod
    def parse(cls, data: bytes, *, where: str, commands: bool = True) -> "TeamPolicy":
        """Read a policy.toml. Raises `TeamPolicyInvalid` with ``where`` and the field.

        Without ``commands`` the file may not name a program: a pull request could bring it along.
        """
        table = parse_toml(data, where=where, error=TeamPolicyInvalid, limit=MAX_POLICY)
        _check_fields(table, FIELDS, where)
        if "hook" in table:
            if not commands:
                # A project comes from elsewhere: its files never name programs to run (decision 0180).
                raise TeamPolicyInvalid("a project's policy cannot name a program", where=f"{where}: hook")
            if isinstance(table["hook"], dict):
                _check_fields(table["hook"], HOOK_FIELDS, f"{where}: hook")
        read = convert(table, _Document, where=where, error=TeamPolicyInvalid)
        fields = {name: _field(read, name, where) for name in _READERS}
        return cls(where, **{name: value for name, value in fields.items() if value is not None})

    def rules(self) -> Iterator[tuple[str, str]]:
        """Yield the field and the value, as text, of every rule that restricts something."""
        for name in _READERS:
            value = getattr(self, name)
            if name != "version" and value != TeamPolicy.__struct_defaults__[_DEFAULT_AT[name]]:
                yield name.replace("_", "-"), _shown(name, value)


class _Hook(msgspec.Struct, forbid_unknown_fields=True):
    command: list[Text]
    seconds: int = HOOK_SECONDS


class _Document(msgspec.Struct, forbid_unknown_fields=True, rename="kebab"):
    version: int = 0
    indexes: list[Text] | None = None
    git_hosts: list[Text] | None = None
    registries: list[Text] | None = None
    folders: bool = True
    signers: list[Text] | None = None
    unsigned: bool = True
    licenses: list[Text] | None = None
    types: list[Text] | None = None
    capabilities: dict[str, Any] | None = None
    deny_hosts: list[Text] = []
    minimum_release_age: Text | None = None
    block_severity: Text | None = None
    accept_project: list[Text] | None = None
    accept_project_pinned: bool = False
    hook: _Hook | None = None


FIELDS: Final = tuple(name.replace("_", "-") for name in _Document.__struct_fields__)
"""The fields of a policy file, as they are written."""
HOOK_FIELDS: Final = _Hook.__struct_fields__


def _check_fields(table: dict[str, Any], known: tuple[str, ...], where: str) -> None:
    """Raise for an unknown field: a rule that is misspelled would otherwise forbid nothing."""
    for name in table:
        if name not in known:
            near = did_you_mean(name, known) or f"; expected one of {', '.join(known)}"
            raise TeamPolicyInvalid(f"unknown field {short(name)}{near}", where=f"{where}: {name[:64]}")


def _field(read: _Document, name: str, where: str) -> Any:
    value, field = getattr(read, name), name.replace("_", "-")
    try:
        if isinstance(value, list):
            return _listed(value, _READERS[name])
        return None if value is None else _READERS[name](value)
    except ValueError as problem:
        raise TeamPolicyInvalid(str(problem), where=f"{where}: {field}") from None


def _listed(values: list[str], read: Callable[[str], T]) -> tuple[T, ...]:
    if len(values) > MAX_ENTRIES:
        raise ValueError(f"expected at most {MAX_ENTRIES:,} entries, found {len(values):,}")
    return tuple(dict.fromkeys(map(read, values)))


def host_pattern(text: str) -> str:
    """Check ``host`` or ``*.host``. Raises `ValueError`."""
    host = normalize_scope("http", text)
    if host.startswith(PRIVATE) or split_host(host)[1] != 443 or ":443" in text:
        raise ValueError(f"expected a host without a port, found {short(text)}")
    return host.strip("[]")


def _registry(text: str) -> str:
    from tarkpm.core.oci.patterns import registry_pattern  # few policies name registries

    return registry_pattern(text)


def _type(text: str) -> str:
    if text not in TYPES:
        raise ValueError(f"expected one of {', '.join(TYPES)}, found {short(text)}")
    return text


def _login(text: str) -> str:
    if not is_legible(text) or len(text) > 64:
        raise ValueError(f"expected a login name, found {short(text)}")
    return text


def version_number(number: int) -> int:
    """Check the version of a policy. Raises `ValueError`."""
    if not 0 <= number <= MAX_VERSION:
        raise ValueError(f"expected a number from 0 to {MAX_VERSION}, found {short(number)}")
    return number


def _ceiling(table: dict[str, Any]) -> Ceiling:
    if unknown := [kind for kind in table if kind not in KINDS]:
        near = did_you_mean(unknown[0], KINDS) or f"; expected one of {', '.join(KINDS)}"
        raise ValueError(f"unknown field {short(unknown[0])}{near}")
    if "secret" in table and not isinstance(table["secret"], bool):
        raise ValueError(f"secret: expected true or false, found {short(table['secret'])}")
    # `true` is every scope of a kind, which a grant cannot say: a grant names what it is for.
    whole = frozenset(kind for kind, value in table.items() if value is True)
    return Ceiling(whole, CapabilitySet.from_table({k: v for k, v in table.items() if v is not True}))


def _hook(read: _Hook) -> ExternalCheck:
    command = tuple(read.command)
    # A relative path or a name would be looked up in the folder of the project, or along a PATH.
    if not command or not command[0].startswith("/"):
        raise ValueError("command: expected the absolute path of a program and its arguments")
    if any("\0" in word for word in command):
        raise ValueError("command: expected text without null characters")
    if not 1 <= read.seconds <= MAX_HOOK_SECONDS:
        raise ValueError(f"seconds: expected 1 to {MAX_HOOK_SECONDS}, found {read.seconds}")
    return ExternalCheck(command, read.seconds)


def _signer(text: str) -> PublicKey | CiIdentity:
    """Read a key, or the CI identity of plugins without one."""
    if not text.startswith("github:"):
        return public_key(text)
    identity = CiIdentity.parse(text)
    if not identity.repository_id:  # somebody else may get the name
        raise ValueError(f"expected ?repository_id=…&owner_id=… after {text}, as tark.toml has them")
    return identity


_READERS: Final[dict[str, Callable[[Any], Any]]] = {
    "version": version_number,
    "indexes": index_root,
    "git_hosts": host_pattern,
    "registries": _registry,
    "folders": bool,
    "signers": _signer,
    "unsigned": bool,
    "licenses": license_id,
    "types": _type,
    "capabilities": _ceiling,
    "deny_hosts": host_pattern,
    "minimum_release_age": parse_age,
    "block_severity": Severity.parse,
    "accept_project": _login,
    "accept_project_pinned": bool,
    "hook": _hook,
}


_DEFAULT_AT: Final = {name: place for place, name in enumerate(TeamPolicy.__struct_fields__[1:])}


def _shown(name: str, value: Any) -> str:
    if name == "minimum_release_age":
        return age_text(value)
    if isinstance(value, ExternalCheck):
        return f"{shlex.join(value.command)} ({value.seconds} seconds)"
    if isinstance(value, bool):
        return str(value).lower()
    return (", ".join(map(str, value)) or "none") if isinstance(value, tuple) else str(value)


def hosts_of(capability: Capability) -> Iterator[str]:
    """Yield the host patterns that a capability reaches, without ports and brackets."""
    if capability.kind in ("http", "oauth"):
        yield split_host(capability.scope)[0].strip("[]")
    elif capability.secret is not None and capability.secret.host:
        yield split_host(capability.secret.host)[0].strip("[]")
