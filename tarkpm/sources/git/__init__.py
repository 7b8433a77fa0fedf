"""Read releases from git repositories: bounded, and without running code from them.

::

    url        parse what users type into a GitUrl, by the grammar of `tarkpm.core.git_url`
    access     how to reach a repository: insteadOf, proxy, authorities, logins
    gitconfig  the settings of the user's git that tarkpm honours
    helper     git's credential helpers
    session    GitRemote: resolve refs and read commits
    tree       GitTree: the folders of one commit, as `tarkpm.sources.folder.Tree`
    remote     objects from a server, in few round trips and bytes
    local      objects of a repository on this machine
    transport  dulwich's protocol over one guarded urllib3 pool
    stream     dulwich's protocol over one stream: git:// (byte_stream) and the system's ssh (ssh)
    packguard  check a pack while it arrives
    packfile   unpack the objects of a pack one at a time

`error_translation` turns exceptions of other libraries into tarkpm's.

Importing this package is cheap: dulwich and urllib3 are imported with a session's first request. No other
package of tarkpm imports dulwich.
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
    """Import a name on first use: a sync from the store only parses URLs and needs no session."""
    if name in _LAZY:
        import importlib

        return getattr(importlib.import_module(f"{__name__}.{_LAZY[name]}"), name)
    raise AttributeError(name)
