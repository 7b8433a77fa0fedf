"""A software bill of materials of a lock, as SPDX 2.3.

Equal locks and releases give equal bytes: the namespace follows from the lock, and the time that the format
requires is the epoch unless one is given. Specification: https://spdx.github.io/spdx-spec/v2.3/. Files are
not listed: the format requires their SHA-1, and tark.lock has SHA-256 alone (docs/decisions/0173).
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from tarkpm.core.digest import sha256
from tarkpm.core.lockfile import Lock, LockEntry, render
from tarkpm.core.release import GitSource, PluginName
from tarkpm.core.sbom import Facts, locked_module, package_url, time_text

VERSION: Final = "SPDX-2.3"
_DOCUMENT: Final = "SPDXRef-DOCUMENT"
_PROJECT: Final = "SPDXRef-project"
_UNKNOWN: Final = "NOASSERTION"
_ODD: Final = re.compile(r"[^A-Za-z0-9.-]")  # section 7.2: letters, digits, "." and "-"

Json = dict[str, Any]


def spdx(lock: Lock, facts: Mapping[PluginName, Facts], *, version: str, epoch: int | None = None) -> Json:
    """Return the document. ``version`` is tarkpm's, ``epoch`` the time to state, in seconds since 1970."""
    digest = sha256(render(lock))
    tools = dict.fromkeys(tool for entry in lock.entries for tool in _facts(facts, entry).tools)
    return {
        "spdxVersion": VERSION,
        "dataLicense": "CC0-1.0",
        "SPDXID": _DOCUMENT,
        "name": "tark.lock",
        "documentNamespace": f"https://spdx.org/spdxdocs/tark.lock-{digest}",
        "creationInfo": {"created": time_text(epoch or 0), "creators": [f"Tool: tarkpm-{version}"]},
        "packages": [
            _undescribed(_PROJECT, "tark plugins"),
            *(_package(entry, _facts(facts, entry)) for entry in lock.entries),
            *(_tool(name, of_tool) for name, of_tool in tools),
        ],
        "relationships": [
            {"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other}
            for one, kind, other in _relationships(lock, facts)
        ],
    }


def _facts(facts: Mapping[PluginName, Facts], entry: LockEntry) -> Facts:
    return facts.get(entry.name, Facts())


def _relationships(lock: Lock, facts: Mapping[PluginName, Facts]) -> Iterator[tuple[str, str, str]]:
    """Yield what the document describes, what needs what, and what a module was made with (section 11)."""
    yield _DOCUMENT, "DESCRIBES", _PROJECT
    needed = {need.name for entry in lock.entries for need in entry.requires}
    for entry in lock.entries:
        if entry.name not in needed:
            yield _PROJECT, "DEPENDS_ON", _ref(entry.name)
        for need in entry.requires:
            if lock.get(need.name):
                yield _ref(entry.name), "DEPENDS_ON", _ref(need.name)
        for tool in _facts(facts, entry).tools:
            yield _tool_ref(*tool), "BUILD_TOOL_OF", _ref(entry.name)


def _package(entry: LockEntry, facts: Facts) -> Json:
    found: Json = {
        "SPDXID": _ref(entry.name),
        "name": entry.name,
        "versionInfo": str(entry.version),
        "downloadLocation": _download(entry),
        "filesAnalyzed": False,
        "licenseConcluded": _UNKNOWN,
        "licenseDeclared": _license(facts.license),
        "copyrightText": _UNKNOWN,
        "primaryPackagePurpose": "LIBRARY",
        "externalRefs": [
            {
                "referenceCategory": "PACKAGE-MANAGER",
                "referenceType": "purl",
                "referenceLocator": package_url(entry),
            }
        ],
    }
    if facts.description:
        found["description"] = facts.description
    if facts.license and found["licenseDeclared"] == _UNKNOWN:
        found["licenseComments"] = f"plugin.toml names {facts.license!r}, which is no SPDX expression."
    if module := locked_module(entry):
        found["checksums"] = [{"algorithm": "SHA256", "checksumValue": module.sha256}]
        found["packageFileName"] = module.name
    return found


def _tool(name: str, version: str) -> Json:
    found = _undescribed(_tool_ref(name, version), name)
    return found | ({"versionInfo": version} if version else {})


def _undescribed(ref: str, name: str) -> Json:
    return {"SPDXID": ref, "name": name, "downloadLocation": _UNKNOWN, "filesAnalyzed": False}


def _download(entry: LockEntry) -> str:
    """Return the place of a git release as section 7.7 writes it; an index's name is no URL."""
    source = entry.source
    if not isinstance(source, GitSource) or "://" not in source.git:
        return _UNKNOWN
    path = f"#{source.path}" if source.path else ""
    return f"git+{source.git}@{source.commit}{path}"


def _license(text: str) -> str:
    try:
        return canonicalize_license_expression(text)
    except InvalidLicenseExpression:
        return _UNKNOWN


def _ref(name: PluginName) -> str:
    return f"SPDXRef-plugin-{_spelled(name)}"


def _tool_ref(name: str, version: str) -> str:
    return f"SPDXRef-tool-{_spelled(f'{name}@{version}')}"


def _spelled(text: str) -> str:
    """Return the text with the code of each character that an identifier may not have."""
    return _ODD.sub(lambda found: f".{ord(found[0]):x}.", text)
