"""A software bill of materials of a lock, as CycloneDX 1.6.

Equal locks and releases give equal bytes: the serial number follows from the lock, and there is no time of
its own. Specification: https://cyclonedx.org/docs/1.6/json/ and, for the identifiers, purl-spec. No purl type
exists for WebAssembly; what is used instead is in docs/decisions/0173.
"""

import re
import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

import msgspec

from tarkpm.core.digest import FileEntry, sha256
from tarkpm.core.lockfile import Lock, LockEntry, render
from tarkpm.core.release import GitSource, IndexSource, OciSource, PluginName

SPECIFICATION: Final = "1.6"
NAMESPACE: Final = uuid.UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")  # of URLs (RFC 9562, 6.6)
PROJECT: Final = "project"
"""The reference of the project, whose plugins these are."""
_GITHUB: Final = re.compile(r"https://github\.com/([^/]+)/([^/]+?)(?:\.git)?")


class Facts(msgspec.Struct, frozen=True):
    """What is known of a release besides its lock entry: its plugin.toml, and what made its module.

    ``tools`` are pairs of a name and a version, "" if it is not known. ``identity`` is the CI identity that
    was proved to vouch for the signer, "" for none.
    """

    description: str = ""
    license: str = ""
    tools: tuple[tuple[str, str], ...] = ()
    identity: str = ""


def bom(
    lock: Lock, facts: Mapping[PluginName, Facts], *, version: str, epoch: int | None = None
) -> dict[str, Any]:
    """Return the document. ``version`` is tarkpm's, ``epoch`` the time to state, in seconds since 1970."""
    refs = {entry.name: package_url(entry) for entry in lock.entries}
    needed = {need.name for entry in lock.entries for need in entry.requires}
    metadata: dict[str, Any] = {} if epoch is None else {"timestamp": time_text(epoch)}
    metadata["tools"] = {"components": [{"type": "application", "name": "tarkpm", "version": version}]}
    metadata["component"] = {"type": "application", "bom-ref": PROJECT, "name": "tark plugins"}
    return {
        "$schema": f"http://cyclonedx.org/schema/bom-{SPECIFICATION}.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": SPECIFICATION,
        "serialNumber": f"urn:uuid:{uuid.uuid5(NAMESPACE, f'tark.lock:{sha256(render(lock))}')}",
        "version": 1,
        "metadata": metadata,
        "components": [_component(entry, facts.get(entry.name, Facts())) for entry in lock.entries],
        "dependencies": [
            _depends(PROJECT, (ref for name, ref in refs.items() if name not in needed)),
            *(_depends(refs[entry.name], _needs(entry, refs)) for entry in lock.entries),
        ],
    }


def package_url(entry: LockEntry) -> str:
    """Return the purl of a release: of GitHub or a registry for one from there, else a generic one."""
    name, version, source = quote(entry.name), quote(str(entry.version), safe=""), entry.source
    digest = f"sha256:{module.sha256}" if (module := locked_module(entry)) else ""
    if isinstance(source, GitSource):
        path = f"#{quote(source.path)}" if source.path else ""
        if found := _GITHUB.fullmatch(source.git):
            return f"pkg:github/{found[1].lower()}/{found[2].lower()}@{source.commit}{path}"
        place = _qualifiers(checksum=digest, vcs_url=f"git+{source.git}@{source.commit}")
        return f"pkg:generic/{name}@{version}{place}{path}"
    if isinstance(source, OciSource):
        # The type has no namespace, and the version is the digest (purl-spec, types/oci).
        where = _qualifiers(repository_url=source.oci, tag=source.tag)
        return f"pkg:oci/{source.oci.rpartition('/')[2]}@{source.digest}{where}"
    if isinstance(source, IndexSource):
        return f"pkg:generic/tark/{name}@{version}{_qualifiers(checksum=digest)}"
    return f"pkg:generic/{name}@{version}"  # a working copy: its bytes are not locked


def _qualifiers(**values: str) -> str:
    found = [f"{key}={quote(value, safe=':/')}" for key, value in sorted(values.items()) if value]
    return f"?{'&'.join(found)}" if found else ""


def time_text(epoch: int) -> str:
    """Return a time in seconds since 1970 as RFC 3339 spells it, in UTC."""
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _needs(entry: LockEntry, refs: Mapping[PluginName, str]) -> Iterable[str]:
    return (refs[need.name] for need in entry.requires if need.name in refs)


def _depends(ref: str, on: Iterable[str]) -> dict[str, Any]:
    return {"ref": ref, "dependsOn": sorted(set(on))}


def locked_module(entry: LockEntry) -> FileEntry | None:
    """Return the module among the locked files of a release; None for a working copy."""
    return next((file for file in entry.files if file.name.endswith(".wasm")), None)


def _component(entry: LockEntry, facts: Facts) -> dict[str, Any]:
    ref, source = package_url(entry), entry.source
    found: dict[str, Any] = {
        "type": "library",
        "bom-ref": ref,
        "name": entry.name,
        "version": str(entry.version),
        "purl": ref,
    }
    if facts.description:
        found["description"] = facts.description
    if facts.license:
        found["licenses"] = [{"expression": facts.license}]
    if module := locked_module(entry):
        found["hashes"] = _hashes(module)
    if isinstance(source, GitSource):
        found["externalReferences"] = [{"type": "vcs", "url": source.git}]
    found["properties"] = [
        {"name": f"tark:plugin:{key}", "value": value} for key, value in _properties(entry, facts) if value
    ]
    inside = [_file(ref, file) for file in entry.files]
    inside += [_tool(ref, name, version) for name, version in facts.tools]
    return found | ({"components": inside} if inside else {})


def _properties(entry: LockEntry, facts: Facts) -> list[tuple[str, str]]:
    source = entry.source
    return [
        ("type", entry.type),
        ("source", str(source)),
        ("signer", entry.signer or ""),
        ("identity", facts.identity),
        ("statement", entry.statement.sha256 if entry.statement else ""),
        ("minTarkVersion", str(entry.min_tark_version or "")),
        *(("capability", str(one)) for one in entry.capabilities or ()),
    ]


def _hashes(file: FileEntry) -> list[dict[str, str]]:
    return [{"alg": "SHA-256", "content": file.sha256}]


def _file(ref: str, file: FileEntry) -> dict[str, Any]:
    inside = _inside(ref, "file", file.name)
    return {"type": "file", "bom-ref": inside, "name": file.name, "hashes": _hashes(file)}


def _tool(ref: str, name: str, version: str) -> dict[str, Any]:
    """Return something a module was made with or of: its producers section may name a language's runtime."""
    found = {"type": "library", "bom-ref": _inside(ref, "producer", f"{name}@{version}"), "name": name}
    return found | ({"version": version} if version else {}) | {"scope": "required"}


def _inside(ref: str, kind: str, name: str) -> str:
    return f"{ref}{'/' if '#' in ref else '#'}{kind}:{quote(name)}"
