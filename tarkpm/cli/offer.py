"""Show a release that is not installed, for `info`."""

from typing import TYPE_CHECKING, Final

from tarkpm.cli.rendering import log_text, note_lines, status_text
from tarkpm.core.text import neutral

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tarkpm.ops.change.offered import VersionRow
    from tarkpm.ops.info import Offer

MAX_VERSIONS: Final = 10
"""Versions that are shown; `tarkpm versions` shows all."""
_TRUST: Final = {
    "trusted": "trusted",
    "vouched": "vouched for by the index",
    "unknown": "NOT trusted yet: compare it with the key its publisher announces",
    "changed": "NOT the key that signed this plugin before",
    "refused": "refused",
}
"""What is said of a signer, by `Trust.signer`."""
_NOBODY: Final = {
    "unsigned": "UNSIGNED: no publisher vouches for these contents",
    "working copy": "none: a working copy",
}


def offer_lines(offer: "Offer") -> list[str]:
    """Return the output of `tarkpm info` for a plugin that is not installed."""
    fields = [
        ("Name", offer.name),
        ("Version", offer.version),
        ("Withdrawn", offer.withdrawn),
        ("Refused", offer.refusal),
        ("Type", offer.type),
        ("ABI", "older tark ABI (core module)" if offer.abi == "older tark ABI" else ""),
        ("Status", offer.status if offer.status == "not installed" else status_text(offer.status)),
        ("Description", offer.description),
        ("Author", offer.author),
        ("Homepage", offer.homepage),
        ("License", offer.license or "not declared"),
        ("Needs tark", offer.min_tark_version),
        ("Requires", ", ".join(offer.requires)),
        ("Source", offer.source),
        ("Commit", offer.commit),
        ("Manifest", offer.digest),
        ("Signer", _signer(offer)),
        ("Identity", f"{offer.identity} (proved to the index)" if offer.identity else ""),
        ("Rebuilt", rebuilt_text(offer.rebuilt_by, offer.rebuilt_otherwise_by)),
        ("Log", log_text(offer.log)),
        ("Size", f"{offer.size:,} bytes"),
        ("Tools", _tools(offer)),
        ("Sign-in", "; ".join(offer.sign_in)),
        ("Contributes", "; ".join(offer.contributes)),
        ("Activation", "; ".join(offer.activation)),
        ("Versions", _versions(offer.versions)),
    ]
    lines = [f"{label + ':':<13} {neutral(value)}" for label, value in fields if value]
    lines += ["", "Declared capabilities", *(f"  {neutral(text)}" for text in offer.declares)]
    if not offer.refusal:
        lines += ["", f"To install it: {neutral(offer.command)}"]
    return [*lines, *note_lines(offer.notes)]


def rebuilt_text(same: "Sequence[str]", otherwise: "Sequence[str]") -> str:
    """Return how many keys signed that they built a release again; "" for none."""
    by = [f"by {len(same)}, with the same bytes"] if same else []
    return "; ".join(by + ([f"by {len(otherwise)}, with OTHER bytes"] if otherwise else []))


def _signer(offer: "Offer") -> str:
    if said := _NOBODY.get(offer.trust):
        return said
    return f"{offer.signer} ({_TRUST[offer.trust]})"


def _tools(offer: "Offer") -> str:
    if offer.type != "tool":
        return ""
    if offer.tools is None:
        return "not known: the plugin lists them when it runs, at `tarkpm add`"
    return ", ".join(offer.tools) or "none"


def _versions(rows: "tuple[VersionRow, ...]") -> str:
    shown = [row.version + (f" ({row.note})" if row.note else "") for row in rows[:MAX_VERSIONS]]
    if (more := len(rows) - MAX_VERSIONS) > 0:
        shown.append(f"{more:,} older")
    return ", ".join(shown)
