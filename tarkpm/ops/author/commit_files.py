"""Write the files of a plugin's folder at a commit into an empty folder, to build them."""

import stat
from pathlib import Path
from typing import TYPE_CHECKING

from tarkpm.core.built_from import BuiltFrom
from tarkpm.core.file_names import same_name
from tarkpm.core.release import GitSource
from tarkpm.core.tags import version_tags
from tarkpm.core.verification import VerifiedRelease
from tarkpm.core.version import Version
from tarkpm.errors import CommitUnreached, Refused
from tarkpm.io.files import write_new
from tarkpm.ops.author.sources import MAX_FILES, is_source_folder
from tarkpm.ops.project.workspace import Workspace
from tarkpm.ops.release.fetch import open_remote

if TYPE_CHECKING:
    from tarkpm.sources.git import GitRemote


def write_commit(workspace: Workspace, built: BuiltFrom, release: VerifiedRelease, folder: Path) -> None:
    """Fetch the plugin's folder at the commit of a ``release`` and write the files that may be sources.

    Nothing else of the repository is fetched, and links are left out. Raises `SourceError`, `Refused` for
    names that are one file on some systems and for too many files, and `CommitUnreached` unless HEAD or a tag
    of this version leads to a commit that only the statement names.
    """
    with open_remote(workspace, built.git) as remote:
        # The commit that the release itself was taken from was checked when it was resolved or locked.
        own = release.source
        if not (isinstance(own, GitSource) and (own.git, own.commit) == (built.git, built.commit)):
            _check_reached(remote, built, release.manifest.version)
        tree = remote.tree(built.commit)
        found = (
            name
            for name, entry in tree.below(built.path, is_source_folder)
            if stat.S_ISREG(entry.mode) and not name.rpartition("/")[2].startswith(".")
        )
        names = [name for _, name in zip(range(MAX_FILES + 1), found, strict=False)]
        if len(names) > MAX_FILES:
            raise Refused(f"the folder has more than {MAX_FILES:,} files", where=str(built))
        # Written over one another, they would be other sources than those that were reviewed.
        if pair := same_name(names):
            raise Refused(f"'{pair[0]}' and '{pair[1]}' are one file on some systems", where=str(built))
        prefix = f"{built.path}/" if built.path else ""
        for path, data in tree.read([prefix + name for name in names]).items():
            file = folder / path.removeprefix(prefix)
            file.parent.mkdir(parents=True, exist_ok=True)
            write_new(file, data, 0o600, durable=False)


def _check_reached(remote: "GitRemote", built: BuiltFrom, version: Version) -> None:
    """Raise `CommitUnreached` unless the repository itself has the commit.

    A forge serves the commits of every fork under the URL of the repository (docs/decisions/0084): whoever
    signs a release could name a commit of their own in a repository that people trust.
    """
    if remote.reaches(built.commit):
        return
    for tag in version_tags(remote.tags()):
        if tag.version == version and remote.reaches(built.commit, tag=tag.name):
            return
    text = f"commit {built.commit} is neither in the history of HEAD nor in that of a tag of {version}"
    raise CommitUnreached(f"{text}: it may be a fork's", where=built.git, hint=f"git ls-remote {built.git}")
