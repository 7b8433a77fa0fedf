"""Where this user's compiled modules are kept, and the key that vouches for them."""

import hmac

from tarkpm.host.compile.cache import CompileCache
from tarkpm.ops.project.settings import Settings
from tarkpm.store.state import State


def compile_cache(settings: Settings) -> CompileCache:
    """This user's compiled modules; their key is derived from the secret in state."""
    key = hmac.digest(State(settings.paths.state).mac_key(), b"compiled modules", "sha256")
    return CompileCache(settings.paths.cache / "compiled", key)
