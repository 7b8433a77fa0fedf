"""Whether a plugin is published as its repository has it (docs/decisions/0196)."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tarkpm.core.manifest import Manifest
from tarkpm.core.names import MANIFEST
from tarkpm.core.recipe import Recipe
from tarkpm.core.release import is_extra
from tarkpm.core.text import neutral
from tarkpm.errors import ManifestError, Refused, SourceError
from tarkpm.ops.author.sources import is_source_folder, read_sources, select_sources
from tarkpm.ops.project.ownership import check_owner
from tarkpm.sources.folder import ReleaseFiles

MAX_SHOWN = 10
"""Files that an error lists."""


def require_committed(folder: Path, collected: ReleaseFiles, manifest: Manifest, command: str) -> None:
    """Raise `Refused` with what `uncommitted` returns, if anything; ``command`` publishes it all the same.

    Raises `ProjectNotAccepted` for another user's repository, and `SourceError` for one that cannot be read.
    """
    try:
        found = uncommitted(folder, collected, manifest, command)
    except SourceError as problem:
        problem.hint = command
        raise
    if found:
        more = f" and {len(found) - MAX_SHOWN} more" if len(found) > MAX_SHOWN else ""
        be = "this file is" if len(found) == 1 else "these files are"
        text = f"{be} not committed: {', '.join(found[:MAX_SHOWN])}{more}"
        raise Refused(text, where=str(folder), hint=f"commit first, or run: {command}")


def uncommitted(folder: Path, collected: ReleaseFiles, manifest: Manifest, command: str) -> tuple[str, ...]:
    """Return the files of a release and its sources that differ from HEAD, each with its state.

    ``folder`` contains plugin.toml. Nothing is compared without a repository around the folder, or if it
    ignores plugin.toml. Raises as `require_committed` does.
    """
    changes = _changes(folder, collected, manifest, command)
    return tuple(f"{neutral(path, limit=200)} ({state})" for path, state in changes)


def _changes(
    folder: Path, collected: ReleaseFiles, manifest: Manifest, command: str
) -> Iterator[tuple[str, str]]:
    from tarkpm.sources.git.revision import repository_above

    place = folder.resolve()
    if (top := repository_above(place)) is None:
        return
    # As for `diff`: who writes its refs decides what counts as committed (docs/decisions/0081).
    check_owner(top / ".git", "this repository is not yours", hint=command)
    from tarkpm.sources.git.work_tree import WorkTree

    tree = WorkTree(top, place, is_source_folder)
    if tree.ignored(MANIFEST):
        return
    files = dict(collected.files)
    expected = [name for name in tree.committed() if is_extra(name)]
    with suppress(ManifestError):  # a module that comes from nowhere else: it is compared itself
        recipe = Recipe.read(files[MANIFEST], lambda name: (place / name).is_file())
        del files[manifest.wasm]  # a result, which `require_fresh` compares with its sources
        sources = read_sources(place, manifest, recipe)
        files |= {name: data for name, data in sources.items() if not tree.ignored(name)}
        if recipe.language != "wasm":
            expected += select_sources(tree.committed(), manifest, recipe)
    yield from tree.changes(files, expected)
