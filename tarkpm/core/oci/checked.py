"""Check what tark.toml and tark.lock say of a source in an OCI registry."""

import msgspec

from tarkpm.core.oci import reference
from tarkpm.core.release import OciSource
from tarkpm.core.tags import tag_range, version_tag
from tarkpm.core.text import short
from tarkpm.core.version import Version
from tarkpm.errors import ManifestError, Refused


def checked_source(source: OciSource) -> OciSource:
    """Return the source in its one spelling. Raises `ValueError`, whose text never holds a password."""
    if reference.is_reference(source.oci):
        raise ValueError(f"oci: expected HOST/REPOSITORY without {reference.SCHEME}")
    try:
        place = reference.parse(f"{reference.SCHEME}{source.oci}")
    except Refused as problem:
        raise ValueError(f"oci: {problem.message}, found '{problem.where}'") from None
    if place.tag or place.digest:
        raise ValueError("oci: expected a tag or digest under its own key, found it behind the repository")
    if source.tag:
        reference.tag_or_range(source.tag)
    if source.digest:
        reference.digest_text(source.digest)
    # A lock names what was taken: a range in it would leave that to the next reader.
    if source.digest and source.tag and tag_range(source.tag):
        raise ValueError(f"tag: expected the tag that was taken, found the range {short(source.tag)}")
    return msgspec.structs.replace(source, oci=f"{place.registry}/{place.repository}")


def tagged_version(source: OciSource) -> Version | None:
    """Return the version that the tag of a source names; None if it names none."""
    found = version_tag(source.tag) if source.tag else None
    return found.version if found else None


def check_tagged(source: OciSource, version: Version, *, where: str) -> None:
    """Raise `ManifestError` unless a release has the version that its tag names, if it names one.

    A registry lets everybody who may push move a tag, and tark.lock pairs a tag with a digest. A version is
    what the publisher signs, so it ties the two together (docs/trust-rules.md, rule 2). Build metadata does
    not count: no tag of a registry can have it.
    """
    tagged = tagged_version(source)
    if tagged is not None and tagged.plain != version.plain:
        raise ManifestError(
            f"expected version {tagged} as the tag says, found {version}",
            where=f"{where}: plugin.toml: plugin.version",
            hint=f"tarkpm versions oci://{source.oci}",
        )
