"""python-tuf's client without the fetcher it comes with, which this program has another for.

That fetcher is imported with the client, and urllib3 with it: half of what asking an index costs to load.
"""

import sys
from types import ModuleType

from tuf.api.metadata import Signed

_THEIRS = "tuf.ngclient.urllib3_fetcher"


class Urllib3Fetcher:
    """Stands where tuf's own fetcher would: used by an updater that is given none, and ours is given one."""


if _THEIRS not in sys.modules:
    sys.modules[_THEIRS] = ModuleType(_THEIRS)
    setattr(sys.modules[_THEIRS], Urllib3Fetcher.__name__, Urllib3Fetcher)
    try:
        from tuf.ngclient import FetcherInterface, UpdaterConfig
        from tuf.ngclient import Updater as _Updater
    finally:
        del sys.modules[_THEIRS]
else:
    from tuf.ngclient import FetcherInterface, UpdaterConfig
    from tuf.ngclient import Updater as _Updater


class Updater(_Updater):
    """tuf's updater, which says what it used."""

    def used(self, role: str) -> Signed | None:
        """What it trusts of a role and answers from; None if it did not load that role.

        tuf keeps this to itself. Were it gone, an `AttributeError` would end the question, not a check of it.
        """
        try:
            return self._trusted_set[role]
        except KeyError:
            return None


__all__ = ["FetcherInterface", "Updater", "UpdaterConfig"]
