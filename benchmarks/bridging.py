"""Calls of a plugin of the older ABI against the same calls of a component.

Both are C, sign in, and answer `status` and `get_token` from storage: a host call in each of two calls. The
tests' probe is the one, the example device-auth the other; both find a token of 40 characters.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support import older
from support.sandbox import PLUGINS

from benchmarks.calling import CALLS, loop
from benchmarks.figure import Figure, Race
from tarkpm.core.capability import Capability, CapabilitySet
from tarkpm.host.imports.storage import Storage
from tarkpm.host.runtime import PluginHost, PluginImage

TOKEN = "t" * 40


def _signed_in(folder: Path, name: str, wasm: bytes, key: str) -> PluginImage:
    """An auth plugin whose token is in its storage."""
    image = PluginImage(name, "auth", wasm, CapabilitySet.of([Capability("storage")]), folder / name)
    storage = Storage(image.data, print)
    storage.call("set", (key, TOKEN), time.monotonic() + 10)
    storage.close()
    return image


@contextmanager
def _status_and_token(folder: Path) -> Iterator[Race]:
    module = _signed_in(folder, "module", older.wasm("probe"), "token")
    wasm = (PLUGINS / "device-auth" / "plugin.wasm").read_bytes()
    component = _signed_in(folder, "component", wasm, "access_token")
    with PluginHost(long_lived=True) as host:

        def calls(image: PluginImage) -> None:
            for _ in range(CALLS):
                if host.auth_status(image) != "authenticated" or host.get_token(image) != TOKEN:
                    raise RuntimeError(f"{image.name} is not signed in")

        yield Race(loop(lambda: calls(module)), loop(lambda: calls(component)))


FIGURES = [
    Figure("older", f"{CALLS} x status, token, older ABI", "a component", 1.5, 20, _status_and_token),
]
