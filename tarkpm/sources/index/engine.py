"""python-tuf's client without the fetcher it comes with, which this program has another for.

That fetcher is imported with the client, and urllib3 with it: half of what asking an index costs to load.
"""

import sys
from types import ModuleType

_THEIRS = "tuf.ngclient.urllib3_fetcher"


class Urllib3Fetcher:
    """Stands where tuf's own fetcher would: used by an updater that is given none, and ours is given one."""


if _THEIRS not in sys.modules:
    sys.modules[_THEIRS] = ModuleType(_THEIRS)
    setattr(sys.modules[_THEIRS], Urllib3Fetcher.__name__, Urllib3Fetcher)
    try:
        from tuf.ngclient import FetcherInterface, Updater, UpdaterConfig
    finally:
        del sys.modules[_THEIRS]
else:
    from tuf.ngclient import FetcherInterface, Updater, UpdaterConfig

__all__ = ["FetcherInterface", "Updater", "UpdaterConfig"]
