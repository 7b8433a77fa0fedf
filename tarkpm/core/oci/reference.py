"""``oci://host/repository[:tag|@digest]``: a small grammar, and everything outside it refused. Pure.

Repositories, tags and digests are those of the OCI Distribution Specification 1.1, "Pulling manifests".
Everything that enters a URL of a registry is checked here, so that no other part has to quote it.
"""

import re
from typing import Final, NoReturn

import msgspec

from tarkpm.core import urls
from tarkpm.core.git_url import shown
from tarkpm.core.tags import TagRange, tag_range
from tarkpm.core.text import short
from tarkpm.errors import Refused

SCHEME: Final = "oci://"
MAX_REPOSITORY: Final = 255
"""Characters. Registries count the name with their own (distribution/reference, NameTotalLengthMax)."""
MAX_TAG: Final = 128
"""Characters."""

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class OciReference(msgspec.Struct, frozen=True):
    """An artifact of a registry, or a range on the tags of a repository.

    ``registry`` is the host in lower case, with its port unless that is 443. At most one of ``tag``, which
    may be a range such as ``^1.2``, and ``digest``, with its ``sha256:``, is set; neither means the newest
    version.
    """

    registry: str
    repository: str
    tag: str = ""
    digest: str = ""

    @property
    def location(self) -> str:
        """The repository without tag and digest: ``oci://ghcr.io/owner/text-tools``."""
        return f"{SCHEME}{self.registry}/{self.repository}"

    @property
    def tag_range(self) -> TagRange | None:
        """The range that ``tag`` is; None for the name of one tag, or none."""
        return tag_range(self.tag) if self.tag else None

    def __str__(self) -> str:
        if self.digest:
            return f"{self.location}@{self.digest}"
        return f"{self.location}:{self.tag}" if self.tag else self.location


def is_reference(text: str) -> bool:
    """Return whether a text is meant as a reference; whether it is a valid one, `parse` says."""
    return text[: len(SCHEME)].lower() == SCHEME


def parse(text: str) -> OciReference:
    """Read a reference with its ``oci://``. Raises `Refused`, whose text never holds a password.

    >>> str(parse("oci://GHCR.io:443/owner/text-tools:1.0.0"))
    'oci://ghcr.io/owner/text-tools:1.0.0'
    """
    if not is_reference(text):
        _refuse("expected oci://HOST/REPOSITORY, optionally with :TAG or @sha256:DIGEST", text)
    if len(text) > urls.MAX_URL:
        _refuse(f"the reference is longer than {urls.MAX_URL:,} characters", text)
    authority, _, rest = text[len(SCHEME) :].partition("/")
    # An '@' before the first '/' is a login, one behind it announces a digest.
    if "@" in authority:
        _refuse("a reference with a user name or password is not accepted", text)
    name, at, digest = rest.partition("@")
    name, colon, tag = name.partition(":")
    if at and not _DIGEST.fullmatch(digest):
        # Not quoted: a password with a '/' in it would be split here.
        _refuse("expected sha256: and 64 hexadecimal digits behind the '@'", text)
    if at and colon:
        # They may name different artifacts, and a reader could look at the wrong one of them.
        _refuse("expected a tag or a digest, found both", text)
    try:
        return OciReference(
            registry_host(authority),
            repository_name(name),
            tag_or_range(tag) if colon else "",
            digest,
        )
    except ValueError as problem:
        _refuse(str(problem), text)


def registry_host(text: str) -> str:
    """Return the host of a registry in its one spelling. Raises `ValueError`."""
    if not text or set("/?#") & set(text):
        raise ValueError("expected the host of a registry behind oci://")
    return urls.parse(f"https://{text}/").authority


def repository_name(text: str) -> str:
    """Check the name of a repository. Raises `ValueError`."""
    if len(text) > MAX_REPOSITORY:
        raise ValueError(f"a repository name has at most {MAX_REPOSITORY} characters, found {len(text)}")
    if not _REPOSITORY.fullmatch(text):
        lower = " in lower case" if _REPOSITORY.fullmatch(text.lower()) else " such as owner/text-tools"
        raise ValueError(f"expected the name of a repository{lower}, found {short(text)}")
    return text


def tag_name(text: str) -> str:
    """Check the name of one tag. Raises `ValueError`, also for a range."""
    if len(text) > MAX_TAG:
        raise ValueError(f"a tag has at most {MAX_TAG} characters, found {len(text)}")
    if "+" in text:
        # Others write '_' instead, which no longer is the version (docs/decisions/0200).
        raise ValueError(f"a registry has no tags with '+', leave out the build metadata of {short(text)}")
    if not _TAG.fullmatch(text):
        raise ValueError(f"expected a tag of letters, digits, '.', '_' and '-', found {short(text)}")
    return text


def tag_or_range(text: str) -> str:
    """Check the name of a tag, or a range such as ``^1.2`` on tags. Raises `ValueError`."""
    if any(char.isspace() or not char.isprintable() for char in text):
        raise ValueError("a tag or range with a space or an invisible character is not accepted")
    if len(text) > MAX_TAG or tag_range(text) is None:
        return tag_name(text)
    return text


def digest_text(text: str) -> str:
    """Check the digest of a manifest or blob: ``sha256:`` and 64 hexadecimal digits. Raises `ValueError`."""
    if not _DIGEST.fullmatch(text):
        raise ValueError(f"expected sha256: and 64 hexadecimal digits, found {short(text)}")
    return text


def _refuse(message: str, text: str) -> NoReturn:
    raise Refused(message, where=shown(text))
