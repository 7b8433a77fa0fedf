"""Releases from git repositories: read-only, bounded, and without running anything.

::

    url        text as people type it -> GitUrl, by the grammar of `tarkpm.core.git_url`
    access     the way to a repository: insteadOf, proxy, authorities, logins
    gitconfig  the few settings of the user's own git that are honoured
    helper     git's credential helpers
    session    GitRemote: what a ref means, what a commit holds
    tree       GitTree: the folders of one commit, as `tarkpm.sources.folder.Tree`
    remote     objects from a server, in as few round trips and bytes as it allows
    local      objects of a repository on this machine
    transport  dulwich's protocol over one guarded urllib3 pool
    stream     dulwich's protocol over one stream: git:// (channel) and the system's ssh (ssh)
    packguard  what a pack may be, checked while it arrives
    packfile   the objects of a pack, unpacked one at a time
    boundary   every foreign exception becomes one of ours here

Importing this package costs nothing: dulwich and urllib3 are imported when a session first asks a server.
dulwich is imported nowhere else in tarkpm.
"""

from typing import TYPE_CHECKING, Any

from tarkpm.sources.git.url import GitUrl, expand, parse

if TYPE_CHECKING:
    from tarkpm.sources.git.access import Access
    from tarkpm.sources.git.limits import TransferLimits
    from tarkpm.sources.git.session import GitRemote
    from tarkpm.sources.git.tree import GitTree

__all__ = ["Access", "GitRemote", "GitTree", "GitUrl", "TransferLimits", "expand", "parse"]

_LAZY = {"Access": "access", "GitRemote": "session", "GitTree": "tree", "TransferLimits": "limits"}


def __getattr__(name: str) -> Any:
    """What only a session needs, imported when there is one: a sync from the store reads URLs alone."""
    if name in _LAZY:
        import importlib

        return getattr(importlib.import_module(f"{__name__}.{_LAZY[name]}"), name)
    raise AttributeError(name)
