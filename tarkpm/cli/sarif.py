"""The findings of an audit as SARIF 2.1.0, which forges show beside a pull request.

See https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from tarkpm import __version__
from tarkpm.core import urls
from tarkpm.core.digest import sha256
from tarkpm.core.names import LOCK
from tarkpm.core.text import neutral

if TYPE_CHECKING:
    from tarkpm.ops.auditing import AuditFinding, AuditReport

_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS: Final[Mapping[str, str]] = {
    "critical": "error",
    "high": "error",
    "medium": "warning",
    "low": "note",
    "revoked": "error",
}
"""By severity, or by kind; others are warnings."""
_SCORES: Final[Mapping[str, str]] = {"critical": "9.5", "high": "8.0", "medium": "5.5", "low": "2.0"}
"""In the middle of what CVSS calls by this word: forges sort by a number."""
_KINDS: Final[Mapping[str, str]] = {
    "revoked": "The index's maintainers revoked the release",
    "stale": "An index could not be checked",
    "unsigned": "The release is not signed",
    "yanked": "The release was yanked",
}


def log_of(report: "AuditReport") -> dict[str, Any]:
    """Return the log of one run. Equal reports are equal: it contains no time and no random id."""
    rules = {_rule_id(one): _rule(one) for one in report.findings}
    driver = {"name": "tarkpm", "version": __version__, "rules": [rules[id_] for id_ in sorted(rules)]}
    run = {"tool": {"driver": driver}, "results": [_result(one) for one in report.findings]}
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule_id(one: "AuditFinding") -> str:
    return neutral(one.id) if one.id else one.kind.value


def _rule(one: "AuditFinding") -> dict[str, Any]:
    text = _KINDS.get(one.kind.value, _plain(one.message))
    rule: dict[str, Any] = {"id": _rule_id(one), "shortDescription": {"text": text}}
    if score := _SCORES.get(one.severity):
        rule["properties"] = {"security-severity": score, "tags": ["security"]}
    if one.urls and _is_link(one.urls[0]):
        rule["helpUri"] = one.urls[0]
    return rule


def _plain(text: str) -> str:
    """Return text that shows nobody's link under tarkpm's name: SARIF, 3.11.6, and Markdown need ``](``."""
    return neutral(text).replace("](", "] (")


def _is_link(url: str) -> bool:
    try:
        return urls.parse(url).scheme == "https"
    except ValueError:
        return False


def _result(one: "AuditFinding") -> dict[str, Any]:
    named = f"{one.plugin} {one.version}: " if one.plugin else ""
    fix = f"; fixed in {', '.join(one.fixed)}" if one.fixed else ""
    place = {"artifactLocation": {"uri": LOCK}, "region": {"startLine": one.line}}
    print_ = sha256(repr((one.plugin, one.version, _rule_id(one))).encode())
    return {
        "ruleId": _rule_id(one),
        "level": _LEVELS.get(one.severity) or _LEVELS.get(one.kind.value, "warning"),
        "message": {"text": _plain(f"{named}{one.message}{fix}")},
        "locations": [{"physicalLocation": place}],
        # So that a forge recognizes a finding whose line moved (SARIF, 3.27.17).
        "partialFingerprints": {"tarkpm/v1": print_},
    }
