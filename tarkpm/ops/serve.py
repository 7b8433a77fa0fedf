"""``tarkpm serve``: the installed provider plugins, for any client of OpenAI's chat completions API."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

import msgspec

from tarkpm.core.local_access import LoopbackAddress
from tarkpm.errors import NotFound
from tarkpm.host.image import PluginImage
from tarkpm.host.imports.log import LogSink
from tarkpm.host.runtime import PluginHost
from tarkpm.io.local_server import LocalServer
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.ui import Ui
from tarkpm.ops.run import images as loading
from tarkpm.ops.run.grantable import grant_command
from tarkpm.ops.run.images import Images
from tarkpm.ops.run.openai_service import OpenAiService
from tarkpm.ops.run.providers import Providers, ProviderTokens, TokenLink
from tarkpm.ops.run.server_token import without_token

TOKEN: Final = "TARKPM_SERVE_TOKEN"  # noqa: S105  # a variable's name
_CLOSING: Final = 2.0
"""Seconds in which workers may end; a plugin's request to its server cannot be interrupted."""


class ServeReport(msgspec.Struct, frozen=True):
    """A running server: the base URL for clients, and the provider plugins that it offers."""

    url: str
    providers: tuple[str, ...]


@contextmanager
def serve_openai(
    settings: Settings,
    ui: Ui,
    address: LoopbackAddress,
    *,
    token: str,
    links: Sequence[TokenLink],
    log: LogSink,
) -> Iterator[tuple[LocalServer, ServeReport]]:
    """Open a server for the enabled provider plugins; it answers while `LocalServer.serve_forever` runs.

    ``links`` say which auth plugins give which providers their tokens. Raises `NotFound` if there is no
    provider plugin, what `load_images` raises, and `HostError` if the address is in use.
    """
    images = _provider_images(settings, ui)
    tokens = ProviderTokens(links)
    tokens.check(images.by_name, _auth_images(settings, ui, links))
    host = _open_host(settings, images, tokens, log)
    providers = Providers(
        host, images.by_name, tokens, ui.note, lambda *lacked: grant_command(settings, ui, *lacked)
    )

    def report(problem: Exception) -> None:
        ui.note(f"a request failed: {type(problem).__name__}: {problem}")

    try:
        with LocalServer(address, lambda real: OpenAiService(providers, real, token), report) as server:
            real = server.address
            url = f"http://{real.shown_host}:{real.port}/v1"
            yield server, ServeReport(url, tuple(sorted(images.by_name)))
    finally:
        _close(host.shut)


def _provider_images(settings: Settings, ui: Ui) -> Images:
    images = loading.load_images(settings, ui, type="provider")
    for name, problem in images.failed.items():
        ui.note(f"{name} is not offered: {problem.message}")
    if not images.by_name:
        message = "no provider plugin is installed and enabled"
        raise NotFound(message, where="tarkpm serve openai", hint="tarkpm list --type provider")
    return images


def _auth_images(settings: Settings, ui: Ui, links: Sequence[TokenLink]) -> Mapping[str, PluginImage]:
    return {
        name: loading.load_images(settings, ui, name=name).by_name[name]
        for name in {link.auth for link in links}
    }


def _open_host(settings: Settings, images: Images, tokens: ProviderTokens, log: LogSink) -> PluginHost:
    settings = without_token(settings, TOKEN)
    interfaces = tokens.wrap(loading.serve(settings, images.workspace))
    return loading.open_host(settings, images, log=log, long_lived=True, interfaces=interfaces)


def _close(shut: Callable[[], None]) -> None:
    """End all workers, without waiting longer than `_CLOSING` for calls that are under way."""
    closing = threading.Thread(target=shut, daemon=True)
    closing.start()
    closing.join(_CLOSING)
