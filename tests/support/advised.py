"""Advisories that a test's maintainers list in a real index, and what no maintainer would."""

from __future__ import annotations

from msgspec.structs import replace

from support.indexrepo import IndexRepo, days
from tarkpm.core import osv
from tarkpm.core.advised import render_part
from tarkpm.core.advisory import Advisory, Severity, span_of
from tarkpm.core.digest import sha256
from tarkpm.core.layout import ADVISORIES_FIELD, CLAIMS, advisories_path, advisory_path
from tarkpm.core.release import PluginName

NOW = "2026-11-28T10:00:00Z"


def advisory(
    index: IndexRepo, name: str = "text-tools", id_: str = "x_A-1", affected: str = "<1.1.0"
) -> Advisory:
    """An advisory of severity high."""
    spans, urls = (span_of(affected),), ("https://example.com/1",)
    said = Advisory(id_, PluginName(name), index.root_digest, Severity.HIGH, "Reads too much", NOW, NOW)
    return replace(said, spans=spans, references=urls)


def advise(index: IndexRepo, *advisories: Advisory, documents: dict[str, bytes] | None = None) -> None:
    """Have the maintainers list these advisories, with other documents if ``documents`` says so by id."""
    for one in advisories:
        index.put(advisory_path(one.id), (documents or {}).get(one.id) or osv.render(one))
    rows: dict[PluginName, dict[str, str]] = {}
    for one in advisories:
        rows.setdefault(one.name, {})[one.id] = one.modified
    part = render_part(rows)
    put_list(index, part)
    index.publish()


def put_list(index: IndexRepo, *parts: bytes, role: str = CLAIMS) -> None:
    """Have ``role`` name these parts of the list."""
    named = []
    for number, data in enumerate(parts):
        folder, _, name = advisories_path(number).rpartition("/")
        (index.folder / "targets" / folder / f"{sha256(data)}.{name}").write_bytes(data)
        named.append({"length": len(data), "sha256": sha256(data)})
    field(index, named, role)


def field(index: IndexRepo, value: object, role: str = CLAIMS) -> None:
    """Have ``role`` name the list in this way."""
    signed = index.load(role).signed
    signed.version, signed.expires = signed.version + 1, days(120)
    signed.unrecognized_fields[ADVISORIES_FIELD] = value
    index.write(role, signed)
