"""CI identities: the workflow that released a plugin, as Sigstore's certificate authority certified it.

An identity is written ``github:OWNER/REPO/PATH@REF``, where PATH is a workflow and REF a full ref, or the
beginning of one and ``*``::

    github:owner/repo/.github/workflows/release.yml@refs/tags/*

Names of repositories and owners can be taken over after a rename or a deletion. So once a release is proved,
the ids that the forge never reuses are added: ``?repository_id=768213997&owner_id=2314423``.
"""

from typing import Final

import msgspec

from tarkpm.core.patterns import lazy_pattern

GITHUB: Final = "https://token.actions.githubusercontent.com"
"""The issuer of identity tokens for GitHub Actions."""
_TEXT: Final = lazy_pattern(
    r"github:(?P<repository>[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9._-]{1,100})"
    r"/(?P<workflow>\.github/workflows/[A-Za-z0-9._-]{1,100}\.ya?ml)"
    r"@(?P<ref>refs/(?:tags|heads)/[A-Za-z0-9._/+-]{0,200}\*?)"
    r"(?:\?repository_id=(?P<repository_id>[0-9]{1,20})&owner_id=(?P<owner_id>[0-9]{1,20}))?"
)
_EXAMPLE: Final = "github:owner/repo/.github/workflows/release.yml@refs/tags/*"


class CiClaims(msgspec.Struct, frozen=True):
    """What a verified certificate says of the run that signed.

    ``workflow`` is the path of the workflow file and ``ref`` the ref it was taken from. ``signer`` is the URI
    of the workflow whose job signed, which is another one where a workflow calls it.
    """

    issuer: str
    repository: str
    repository_id: str
    owner_id: str
    workflow: str
    ref: str
    signer: str

    @property
    def uri(self) -> str:
        """The URI of the workflow that was started."""
        return f"https://github.com/{self.repository}/{self.workflow}@{self.ref}"


class CiIdentity(msgspec.Struct, frozen=True):
    """Which workflow may release a plugin.

    ``ref`` may end in ``*``. The ids are "" until a release was proved.
    """

    repository: str
    workflow: str
    ref: str
    repository_id: str = ""
    owner_id: str = ""

    @classmethod
    def parse(cls, text: str) -> "CiIdentity":
        """Read an identity. Raises `ValueError`."""
        found = _TEXT.fullmatch(text)
        if found is None or found["ref"].endswith("/") or ".." in text:
            raise ValueError(f"expected a CI identity such as {_EXAMPLE}, found {text[:200]!r}")
        parts = {name: value or "" for name, value in found.groupdict().items()}
        return cls(**parts)

    def mismatch(self, claims: CiClaims) -> str:
        """Return why a run is not this identity, as the end of a sentence; "" if it is."""
        if claims.issuer != GITHUB:
            return f"its issuer is {claims.issuer}"
        # GitHub compares names without case, and certifies them as they are written there.
        if claims.repository.lower() != self.repository.lower():
            return f"its repository is {claims.repository}"
        for what, mine, theirs in (
            ("repository", self.repository_id, claims.repository_id),
            ("owner", self.owner_id, claims.owner_id),
        ):
            if mine and mine != theirs:
                return f"the id of its {what} is {theirs}, expected {mine}: another one has the name now"
        if claims.workflow != self.workflow:
            return f"its workflow is {claims.workflow}"
        # A workflow of somebody else that this one calls would sign with the identity of its own code.
        if claims.signer != claims.uri:
            return f"it was signed by another workflow that this one calls, {claims.signer}"
        if not self._admits(claims.ref):
            return f"its ref is {claims.ref}"
        return ""

    def _admits(self, ref: str) -> bool:
        if self.ref.endswith("*"):
            beginning = self.ref[:-1]
            return ref.startswith(beginning) and len(ref) > len(beginning)
        return ref == self.ref

    def covers(self, other: "CiIdentity") -> bool:
        """Return whether every run that ``other`` admits is of this identity, too."""
        # No ref contains ``*``: the beginning that another identity names is compared as a longer ref is.
        return (
            self._admits(other.ref)
            and other.repository.lower() == self.repository.lower()
            and other.workflow == self.workflow
            and self.repository_id in ("", other.repository_id)
            and self.owner_id in ("", other.owner_id)
        )

    def keeping_ids_of(self, known: "CiIdentity | None") -> "CiIdentity":
        """Return this identity with the ids of a known one of the same repository, unless it has its own.

        So whoever takes over a repository's name is somebody else, even where only the name is typed.
        """
        if known is None or self.repository_id or self.repository.lower() != known.repository.lower():
            return self
        return CiIdentity(self.repository, self.workflow, self.ref, known.repository_id, known.owner_id)

    def bound_to(self, claims: CiClaims) -> "CiIdentity":
        """Return this identity with the ids of a run that it admits, and the name as the forge writes it."""
        return CiIdentity(claims.repository, self.workflow, self.ref, claims.repository_id, claims.owner_id)

    def __str__(self) -> str:
        ids = f"?repository_id={self.repository_id}&owner_id={self.owner_id}" if self.repository_id else ""
        return f"github:{self.repository}/{self.workflow}@{self.ref}{ids}"
