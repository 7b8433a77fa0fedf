"""The commit that a release is built from, for its statement (docs/decisions/0224)."""

from pathlib import Path

from tarkpm.core.built_from import BuiltFrom, checked
from tarkpm.core.manifest import Manifest
from tarkpm.core.names import MANIFEST
from tarkpm.errors import Refused, TarkError
from tarkpm.ops.author.staleness import toolchain_of
from tarkpm.ops.author.uncommitted import require_committed
from tarkpm.ops.project.settings import Settings
from tarkpm.sources.folder import ReleaseFiles


def committed_source(
    settings: Settings, folder: Path, collected: ReleaseFiles, manifest: Manifest, url: str, without: str
) -> BuiltFrom:
    """Return HEAD of the repository around ``folder``, which others fetch from ``url``.

    ``folder`` contains plugin.toml; ``without`` is the command that names no source. Raises `Refused` if
    there is no such repository, or if HEAD lacks a file or source of the release; `TarkError` for the URL.
    """
    from tarkpm.sources.git.revision import Repository, repository_above
    from tarkpm.sources.git.url import expand

    address, _ = expand(url)
    place = folder.resolve()
    top = repository_above(place)
    if top is None:
        raise Refused("there is no git repository here to name a commit of", where=str(place), hint=without)
    require_committed(folder, collected, manifest, without)
    with Repository(top) as repository:
        commit = repository.commit("HEAD")
        path = place.relative_to(top.resolve()).as_posix() if place != top.resolve() else ""
        # `require_committed` compares nothing where git ignores the plugin.
        if MANIFEST not in (repository.tree(commit).names(path) or ()):
            raise Refused(f"HEAD does not have this {MANIFEST}", where=str(place), hint=without)
    toolchain = toolchain_of(settings, place, collected.files[manifest.wasm])
    try:
        return checked(BuiltFrom(_public(address), commit, path, toolchain))
    except ValueError as problem:
        raise TarkError(str(problem), where="--source", hint=without) from None


def _public(address: str) -> str:
    from tarkpm.core.git_url import parse

    return parse(address).public
