"""What an index serves, and what its maintainers exchange."""

from tuf.api.metadata import Metadata

from fuzzing.target import Target
from tarkpm.core import advised, claim, osv, rows, search
from tarkpm.core.layout import CLAIMS, INDEX, ROOT, SNAPSHOT, TIMESTAMP, TOP
from tarkpm.registry import proposal
from tarkpm.sources.index import shape
from tarkpm.sources.index.session import Session

WHERE = "an index"
ROLES = (ROOT, TIMESTAMP, SNAPSHOT, TOP, CLAIMS, INDEX, "claims-0", "index-0")


def listing(data: bytes) -> None:
    """Read the rows of a plugin, and its line in the catalogue."""
    found = rows.parse(data, where=WHERE)
    assert rows.parse(rows.render(found), where=WHERE) == found
    search.entry_of(found)


def catalogue(data: bytes) -> None:
    """Read a search catalogue; it is written in the order of names."""
    found = list(search.parse(data.splitlines(keepends=True), where=WHERE))
    again = list(search.parse(search.render(found).splitlines(keepends=True), where=WHERE))
    assert again == sorted(found, key=lambda entry: entry.name)


def advisory(data: bytes) -> None:
    """Read an advisory."""
    found = osv.parse(data, where=WHERE)
    assert osv.parse(osv.render(found), where=WHERE) == found


def advisory_list(data: bytes) -> None:
    """Read a part of the list of advisories."""
    found = advised.parse_part(data, where=WHERE)
    assert advised.parse_part(advised.render_part(found), where=WHERE) == found


def claims(data: bytes) -> None:
    """Read a claim."""
    found = claim.parse(data, where=WHERE)
    assert claim.parse(claim.render(found), where=WHERE) == found


def proposals(data: bytes) -> None:
    """Read a proposal."""
    found = proposal.parse(data, where=WHERE)
    assert proposal.parse(proposal.render(found), where=WHERE) == found


def metadata(data: bytes) -> None:
    """Read the metadata of the role that the first byte names: our check, then tuf's parser, as a session."""
    role, text = ROLES[data[0] % len(ROLES) if data else 0], data[1:]
    seen = shape.check(role, text, where=WHERE)
    assert seen.version > 0
    with Session._translated(_Named()):  # type: ignore[arg-type]  # of a session, only its name is used
        Metadata.from_bytes(text)


class _Named:
    _where = WHERE


TARGETS = (
    Target(
        "index-rows", listing, words=("releases", "version", "statement", "sha256", "yanked", "publisher")
    ),
    Target("index-catalogue", catalogue, words=('{"version":1}\n', "[", "]", "tool")),
    Target(
        "index-advisory",
        advisory,
        words=("SEMVER", "introduced", "fixed", "last_affected", "affected", "tark"),
    ),
    Target("index-advisory-list", advisory_list, words=("plugins", "version", "2026-01-31T12:00:00Z")),
    Target("index-claim", claims, words=("retired", "revoked", "revoked_versions", "key", "ed25519:")),
    Target("index-proposal", proposals, words=("authority", "claims", "advisories", "signatures", "made")),
    Target(
        "tuf-metadata",
        metadata,
        words=("signed", "_type", "expires", "delegations", "keyids", "threshold", "roles"),
    ),
)
