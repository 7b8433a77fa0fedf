"""Releases from git repositories: read-only, bounded, and without running anything.

::

    url        text as people type it -> GitUrl
    session    GitRemote: what a ref means, what a commit holds
    tree       GitTree: the folders of one commit, as `tarkpm.sources.folder.Tree`
    remote     objects over HTTP, in as few round trips and bytes as the server allows
    local      objects of a repository on this machine
    transport  dulwich's protocol over one guarded urllib3 pool
    packguard  what a pack may be, checked while it arrives
    boundary   every foreign exception becomes one of ours here

Importing this package costs nothing: dulwich and urllib3 are imported when a session first asks a server.
dulwich is imported nowhere else in tarkpm.
"""

from tarkpm.sources.git.limits import Limits
from tarkpm.sources.git.session import GitRemote
from tarkpm.sources.git.tree import GitTree
from tarkpm.sources.git.url import GitUrl, expand, parse

__all__ = ["GitRemote", "GitTree", "GitUrl", "Limits", "expand", "parse"]
