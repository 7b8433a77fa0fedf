"""Push the contents of a bundle to a registry: each plugin as if it were published there, and its slices."""

from collections.abc import Iterator
from typing import Any

import msgspec

from tarkpm.core.bundle.layout import (
    EMPTY,
    MAX_INDEX,
    MAX_MANIFEST,
    ContentDescriptor,
    parse_slice,
)
from tarkpm.core.names import STATEMENT
from tarkpm.core.oci.reference import OciReference, tag_name
from tarkpm.core.release import IndexSource
from tarkpm.core.text import some
from tarkpm.errors import NotFound, Refused
from tarkpm.io.parallel import run_parallel
from tarkpm.ops.audit.bundle import Checked
from tarkpm.ops.author.pushing import Pushed, push_with
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.release.carried import read_release
from tarkpm.sources.bundle import Bundle
from tarkpm.sources.oci import Registry

SLICES = "tark-indexes"
"""The repository of slices, below the one that was named. Names of plugins may be the same."""
THREADS = 8


def push_bundle(settings: Settings, bundle: Bundle, checked: Checked, to: OciReference) -> Iterator[Pushed]:
    """Push a verified bundle below a repository; yields what is there, plugins first.

    Nothing is pushed if a plugin cannot be. With ``--dry-run`` the registry is only asked what it has. Raises
    `Refused` for an unsigned plugin, a version that is no tag, and a tag that has another release.
    """
    if to.tag or to.digest:
        raise Refused("expected a repository without tag and digest", where=str(to))
    if settings.offline:
        raise settings.unreachable(str(to))
    _check_pushable(bundle, checked)
    with Registry(to.registry, settings.environment, threads=THREADS) as registry:
        for one in bundle.plugins.values():
            yield _push_plugin(settings, registry, bundle, one, to)
        for one in bundle.slices.values():
            yield _push_slice(settings, registry, bundle, one, _below(to, SLICES))


def _below(to: OciReference, name: str) -> OciReference:
    return msgspec.structs.replace(to, repository=f"{to.repository}/{name}")


def _check_pushable(bundle: Bundle, checked: Checked) -> None:
    """Raise `Refused` before anything is pushed: a registry has no transactions."""
    releases = [release for release, _ in checked.plugins.values()]
    if unsigned := [one.manifest.name for one in releases if one.statement is None]:
        raise Refused(f"not signed, and so not pushed: {some(unsigned)}", where=bundle.where)
    try:
        for one in releases:
            tag_name(str(one.manifest.version))
    except ValueError as problem:
        raise Refused(str(problem), where=bundle.where) from None


def _push_plugin(
    settings: Settings, registry: Registry, bundle: Bundle, one: ContentDescriptor, to: OciReference
) -> Pushed:
    release = read_release(bundle, one, IndexSource("", ""))
    files = {name: data for name, data in release.contents.items() if name != STATEMENT}
    envelope, where = release.contents[STATEMENT], f"{bundle.where}: {one.ref}"
    place = _below(to, release.candidate.manifest.name)
    proofs: Any = {"ci_proof": release.ci_proof, "log_proof": release.log_proof}
    return push_with(registry, settings, place, release.candidate, files, envelope, **proofs, where=where)


def _push_slice(
    settings: Settings, registry: Registry, bundle: Bundle, one: ContentDescriptor, to: OciReference
) -> Pushed:
    """Push a slice under its name, which moves with each newer one: unlike a release, it gets old."""
    place = msgspec.structs.replace(to, tag=tag_name(one.ref))
    try:
        existed = registry.manifest(to.repository, place.tag, push=True).digest == one.digest
    except NotFound:
        existed = False
    if not existed and not settings.dry_run:
        data = bundle.blob(one, MAX_MANIFEST)
        layers = parse_slice(data, where=f"{bundle.where}: {one.ref}").values()
        # Read here, one after another, and sent by several threads.
        blobs = [EMPTY, *(bundle.blob(layer, MAX_INDEX) for layer in layers)]
        run_parallel(lambda blob: registry.push_blob(to.repository, blob), blobs, threads=THREADS)
        registry.push_manifest(to.repository, place.tag, data)
    return Pushed(place, one.digest, written=not (existed or settings.dry_run), existed=existed)
