"""This user's cache of compiled modules, and the key that authenticates it."""

import hmac
from collections.abc import Collection

from tarkpm.errors import DocumentError
from tarkpm.host.compile.cache import Busy, CompileCache, silent
from tarkpm.ops.project.ownership import check_home
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.user_config import compiled_by
from tarkpm.store.state import State


def compile_cache(settings: Settings, busy: Busy = silent) -> CompileCache:
    """Return this user's compile cache; its key is derived from the secret in state. Raises `StoreError`.

    ``busy`` is called with what takes seconds, and with "" when that is over.
    """
    check_home(settings)
    # Derived, so that the secret of journals is not used for two purposes (NIST SP 800-57, 5.2).
    key = hmac.digest(State(settings.paths.state).mac_key(), b"compiled modules", "sha256")

    def makers() -> Collection[str]:
        # A configuration that cannot be used lets nobody's code run: the module is compiled here.
        try:
            return compiled_by(settings)
        except DocumentError:
            return ()

    return CompileCache(settings.paths.cache / "compiled", key, busy, makers)
