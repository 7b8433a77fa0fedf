"""``tarkpm auth``: sign in through an auth plugin, by the OAuth 2.0 device flow (RFC 8628)."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from shlex import quote

import msgspec

from tarkpm.errors import PluginFailed
from tarkpm.host.image import PluginImage
from tarkpm.host.imports.log import LogSink
from tarkpm.host.runtime import DeviceCode, Host
from tarkpm.ops.hosting import helping, load_target, open_host
from tarkpm.ops.settings import Settings
from tarkpm.ops.ui import Ui

MIN_INTERVAL = 1
MAX_EXPIRY = 30 * 60


class AuthReport(msgspec.Struct, frozen=True):
    """How an auth plugin stands: not-authenticated, authenticated or expired."""

    plugin: str
    display_name: str
    status: str


@contextmanager
def _opened(settings: Settings, ui: Ui, target: str, log: LogSink) -> Iterator[tuple[Host, PluginImage]]:
    image, images = load_target(settings, ui, target)
    with open_host(settings, images, log=log) as host:
        yield host, image


def login(
    settings: Settings,
    ui: Ui,
    target: str,
    *,
    log: LogSink,
    show: Callable[[DeviceCode], None],
    waiting: Callable[[int], None],
) -> AuthReport:
    """Start a device flow, ``show`` its code, and poll at the plugin's interval until it ends.

    ``waiting`` is told the seconds left, about once a second. Raises `PluginFailed` when the flow expires or
    the plugin says it failed. The token stays with the plugin.
    """
    with _opened(settings, ui, target, log) as (host, image):
        code = host.start_device_flow(image)
        show(code)
        end = time.monotonic() + min(code.expires_in, MAX_EXPIRY)
        while True:
            _wait(max(code.interval, MIN_INTERVAL), end, waiting)
            answer = host.poll(image, code.device_code)
            if answer.state == "success":
                return AuthReport(image.name, host.display_name(image), "authenticated")
            if answer.state == "error":
                raise PluginFailed(answer.message or "signing in failed", where=image.name)
            if answer.state == "expired" or time.monotonic() >= end:
                hint = f"tarkpm auth login {quote(target)}"
                raise PluginFailed("the code expired before it was used", where=image.name, hint=hint)


def _wait(seconds: int, end: float, waiting: Callable[[int], None]) -> None:
    """Sleep until the next poll, telling ``waiting`` what is left of the whole flow."""
    until = min(time.monotonic() + seconds, end)
    while (left := until - time.monotonic()) > 0:
        waiting(max(0, round(end - time.monotonic())))
        time.sleep(min(1.0, left))


def status(settings: Settings, ui: Ui, target: str, log: LogSink) -> AuthReport:
    """How the plugin stands, by its own word."""
    with _opened(settings, ui, target, log) as (host, image):
        return AuthReport(image.name, host.display_name(image), host.auth_status(image))


def token(settings: Settings, ui: Ui, target: str, log: LogSink) -> str:
    """The current access token; raises `PluginFailed` if there is none."""
    with (
        _opened(settings, ui, target, log) as (host, image),
        helping(f"tarkpm auth login {quote(target)}"),
    ):
        return host.get_token(image)


def logout(settings: Settings, ui: Ui, target: str, log: LogSink) -> AuthReport:
    """Have the plugin forget its credentials."""
    with _opened(settings, ui, target, log) as (host, image):
        host.logout(image)
        return AuthReport(image.name, host.display_name(image), host.auth_status(image))
