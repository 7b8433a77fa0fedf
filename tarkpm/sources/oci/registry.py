"""The requests of the OCI distribution API that tarkpm uses (OCI Distribution Specification 1.1).

::

    with Registry("ghcr.io", environment) as registry:
        found = registry.manifest("owner/text-tools", "1.0.0")
        manifest = parse_manifest(found.data, where=where)
        wasm = registry.blob("owner/text-tools", manifest.wasm.digest, manifest.wasm.size)

Digests are computed here, over the bytes that arrived; what a registry says about them is not read. Nothing
else is verified: neither signatures nor that a tag still leads to what it led to.
"""

import re
import time
from collections.abc import Callable, Mapping
from typing import Final, Self

import msgspec

from tarkpm.core import urls
from tarkpm.core.digest import sha256
from tarkpm.core.oci.artifact import INDEX_TYPE, MANIFEST_TYPE, MAX_OCI_MANIFEST
from tarkpm.core.oci.decode import MAX_MODULE
from tarkpm.core.oci.reference import digest_text, repository_name, tag_name
from tarkpm.core.shapes import from_json
from tarkpm.errors import DigestMismatch, TooLarge, Unreachable
from tarkpm.sources.oci import upload
from tarkpm.sources.oci.authorization import TokenScope
from tarkpm.sources.oci.exchange import RegistryAnswer
from tarkpm.sources.oci.session import RegistrySession

MAX_PAGE: Final = 1 << 20
"""Bytes of one page of tags."""
MAX_PAGES: Final = 100
MAX_TAGS: Final = 20_000
"""Tags of one repository."""
TAGS_SECONDS: Final = 120.0
"""Seconds in which the pages of tags must be complete: each of them may be slow."""

_DOCKER = "application/vnd.docker.distribution.manifest."
# Other kinds are accepted only to say that they are no plugin: without them, registries answer 404.
_ACCEPT: Final = ", ".join((MANIFEST_TYPE, INDEX_TYPE, f"{_DOCKER}v2+json", f"{_DOCKER}list.v2+json"))
_NEXT = re.compile(r'<([^<>]*)>\s*;\s*rel="?next"?(?:\s*[,;]|\s*$)')


class FetchedManifest(msgspec.Struct, frozen=True):
    """The bytes of a manifest, and their digest with its ``sha256:``."""

    data: bytes
    digest: str


class _Tags(msgspec.Struct):
    tags: list[str] | None = None


class Registry:
    """One registry, by its host as `OciReference.registry` spells it. Safe for several threads.

    ``environment`` has the proxies, the certificate authorities and the places of logins. Up to ``threads``
    connections are kept. A registry of this machine may speak http; every other must have https.
    """

    def __init__(
        self,
        host: str,
        environment: Mapping[str, str],
        *,
        threads: int = 1,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.host = host
        self._session = RegistrySession(host, environment, threads=threads, sleep=sleep)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close kept connections."""
        self._session.close()

    def tags(self, repository: str) -> list[str]:
        """Return the tags of a repository, sorted; texts that cannot be tags are left out.

        One request for each page. Raises `NotFound`, `Unreachable`, `TooLarge` and `Refused`.
        """
        scope = TokenScope(repository_name(repository))
        place = f"/v2/{repository}/tags/list?n=1000"
        found: set[str] = set()
        deadline = time.monotonic() + TAGS_SECONDS
        for _ in range(MAX_PAGES):
            answer = self._session.request("GET", place, scope, limit=MAX_PAGE)
            if answer.status != 200:
                problem = self._session.failure(answer, scope, "the repository")
                # Registries hide what is private from whoever has not signed in.
                if answer.status == 404:
                    problem.hint = f"if it is private: docker login {self.host}"
                raise problem
            found.update(filter(_is_tag, self._page(answer, repository)))
            if len(found) > MAX_TAGS:
                raise TooLarge(f"the repository has more than {MAX_TAGS:,} tags", where=self._at(repository))
            following = self._next(answer)
            if following is None:
                return sorted(found)
            place = following
            if time.monotonic() > deadline:
                text = f"the registry did not list its tags within {TAGS_SECONDS:.0f} seconds"
                raise Unreachable(text, where=self._at(repository))
        raise TooLarge(f"the tags have more than {MAX_PAGES} pages", where=self._at(repository))

    def manifest(self, repository: str, reference: str, *, push: bool = False) -> FetchedManifest:
        """Return the manifest of a tag or digest. ``push`` signs in as for a push, if one follows.

        Raises `NotFound`, `DigestMismatch` for other bytes than those of a digest, `Unreachable`, `TooLarge`
        and `Refused`.
        """
        is_digest = reference.startswith("sha256:")
        wanted = digest_text(reference) if is_digest else tag_name(reference)
        scope = TokenScope(repository_name(repository), push)
        place, limit = f"/v2/{repository}/manifests/{wanted}", MAX_OCI_MANIFEST
        answer = self._session.request("GET", place, scope, [("accept", _ACCEPT)], limit=limit)
        if answer.status != 200:
            what = "this digest" if is_digest else f"the tag '{wanted}'"
            raise self._session.failure(answer, scope, what)
        digest = f"sha256:{sha256(answer.body)}"
        if is_digest and digest != wanted:
            text = f"the manifest has digest {digest}, expected {wanted}"
            raise DigestMismatch(text, where=self._at(repository))
        return FetchedManifest(answer.body, digest)

    def blob(self, repository: str, digest: str, size: int) -> bytes:
        """Return a blob of ``size`` bytes. Raises what `manifest` does."""
        scope = TokenScope(repository_name(repository))
        if size > MAX_MODULE:
            text = f"the blob has {size:,} bytes, the limit is {MAX_MODULE:,}"
            raise TooLarge(text, where=self._at(repository))
        place = f"/v2/{repository}/blobs/{digest_text(digest)}"
        answer = self._session.request("GET", place, scope, limit=size)
        if answer.status != 200:
            raise self._session.failure(answer, scope, f"the blob {digest}")
        if len(answer.body) != size:
            text = f"the blob has {len(answer.body):,} bytes, expected {size:,}"
            raise DigestMismatch(text, where=self._at(repository))
        if (found := f"sha256:{sha256(answer.body)}") != digest:
            text = f"the blob has digest {found}, expected {digest}"
            raise DigestMismatch(text, where=self._at(repository))
        return answer.body

    def has_blob(self, repository: str, digest: str) -> bool:
        """Return whether the repository has a blob, as the registry says."""
        scope = TokenScope(repository_name(repository))
        answer = self._session.request("HEAD", f"/v2/{repository}/blobs/{digest_text(digest)}", scope)
        if answer.status not in (200, 404):
            raise self._session.failure(answer, scope, f"the blob {digest}")
        return answer.status == 200

    def push_blob(self, repository: str, data: bytes) -> str:
        """Store a blob unless the repository has it, and return its digest.

        Two requests, or one for a blob that is there. An upload that breaks off is resumed where the registry
        can. Raises `Unreachable` and `Refused`.
        """
        return upload.push_blob(self._session, TokenScope(repository_name(repository), push=True), data)

    def push_manifest(self, repository: str, reference: str, data: bytes) -> str:
        """Store a manifest, whose blobs are there, under a tag or its digest, and return its digest."""
        scope = TokenScope(repository_name(repository), push=True)
        wanted = digest_text(reference) if reference.startswith("sha256:") else tag_name(reference)
        place = f"/v2/{repository}/manifests/{wanted}"
        answer = self._session.request("PUT", place, scope, [("content-type", MANIFEST_TYPE)], data)
        if answer.status not in (200, 201):
            raise self._session.failure(answer, scope, "the manifest")
        return f"sha256:{sha256(data)}"

    def _at(self, repository: str) -> str:
        return f"oci://{self.host}/{repository}"

    def _page(self, answer: RegistryAnswer, repository: str) -> list[str]:
        try:
            return from_json(answer.body, _Tags).tags or []
        except msgspec.DecodeError:
            text = "the registry's list of tags is not JSON"
            raise Unreachable(text, where=self._at(repository)) from None

    def _next(self, answer: RegistryAnswer) -> str | None:
        """Return the URL of the next page (RFC 8288), which must be of the same server."""
        found = _NEXT.search(answer.header("link"))
        if found is None:
            return None
        here = urls.parse(answer.url)
        try:
            target = urls.redirected(here, found[1])
        except ValueError as problem:
            raise Unreachable(f"the link to more tags: {problem}", where=f"oci://{self.host}") from None
        if target.origin != here.origin:
            raise Unreachable("the link to more tags leads to another server", where=f"oci://{self.host}")
        return target.url


def _is_tag(text: str) -> bool:
    try:
        return bool(tag_name(text))
    except ValueError:
        return False
