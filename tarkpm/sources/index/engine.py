"""Import python-tuf's client without its own fetcher, because tarkpm has another one.

tuf imports that fetcher with the client, and urllib3 with it, which is half of the import time of a request.
"""

import sys
from datetime import datetime
from types import ModuleType

from tuf.api.metadata import Signed

_THEIRS = "tuf.ngclient.urllib3_fetcher"


class Urllib3Fetcher:
    """Placeholder for tuf's own fetcher. An updater uses it only if it is given none, and ours always is."""


# Removed again afterwards, so that another program in this process can import the real module.
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
    """tuf's updater, with access to the metadata it used."""

    def used(self, role: str) -> Signed | None:
        """Return the trusted metadata of a role; None if that role was not loaded.

        This reads a private attribute of tuf. If a new version removes it, the `AttributeError` fails the
        command; no check is skipped.
        """
        try:
            return self._trusted_set[role]
        except KeyError:
            return None

    def load(self, role: str, parent: str) -> Signed:
        """Return the trusted metadata of a delegated role, fetched if it is not here.

        Like `used`, this relies on a private method.
        """
        self._load_targets(role, parent)
        return self._trusted_set[role]

    def as_of(self, moment: datetime) -> None:
        """Check what expires as it was at this moment, instead of now. To be called before `refresh`.

        Like `used`, this relies on a private attribute: without it, expired metadata is refused as usual.
        """
        self._trusted_set.reference_time = moment


__all__ = ["FetcherInterface", "Updater", "UpdaterConfig"]
