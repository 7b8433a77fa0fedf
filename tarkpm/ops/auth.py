"""``tarkpm auth``: sign in through a plugin's own flow, or by the ``[oauth]`` table of its manifest."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from shlex import quote

from tarkpm.errors import HostError, PluginFailed
from tarkpm.host.image import PluginImage
from tarkpm.host.imports.log import LogSink
from tarkpm.host.runtime import PluginHost
from tarkpm.ops.project.settings import Settings
from tarkpm.ops.project.ui import Ui
from tarkpm.ops.run.hints import helping
from tarkpm.ops.run.images import Images, load_target, open_host
from tarkpm.ops.run.kept_tokens import access_token, forget, is_signed_in, keeps_tokens
from tarkpm.ops.run.sign_in import MAX_EXPIRY, AuthReport, Person, pause

MIN_INTERVAL = 1


@contextmanager
def _opened(
    settings: Settings, ui: Ui, loaded: tuple[PluginImage, Images], log: LogSink
) -> Iterator[PluginHost]:
    image, images = loaded
    with open_host(settings, images, log=log) as host:
        if image.type == "channel":
            from tarkpm.ops.run.credentials import hand_over

            hand_over(settings, ui, host, image)
        yield host


def login(
    settings: Settings,
    ui: Ui,
    target: str,
    *,
    log: LogSink,
    person: Person,
    client_id: str = "",
    credentials: str = "",
) -> AuthReport:
    """Sign in: by the ``[oauth]`` table of a plugin of the older ABI, else by the plugin's own device flow.

    The plugin receives the tokens; a file does only if one was granted, or is given as ``credentials``.
    ``client_id`` replaces the manifest's.
    Raises `PluginFailed` when the flow expires or is denied, and what `oauth.sign_in` raises.
    """
    image, images = load_target(settings, ui, target)
    if not image.is_older and not keeps_tokens(image):
        if credentials:
            message = "the plugin stores its credentials itself, so --credentials does not apply"
            raise HostError(message, where=image.name)
        with open_host(settings, images, log=log) as host:
            return _by_plugin(host, image, target, person)
    if image.oauth is None:
        message = "plugin.toml has no [oauth] table, so the plugin gets its credentials elsewhere"
        raise HostError(message, where=image.name, hint=f"tarkpm info {image.name}")
    from tarkpm.ops.run.oauth import Confidence, sign_in

    confidence = Confidence(log)
    with open_host(settings, images, log=confidence.log) as host:
        sign_in(settings, host, image, person, confidence, client_id, credentials)
        name = image.name if keeps_tokens(image) else host.display_name(image)
        return AuthReport(image.name, name, "authenticated")


def _by_plugin(host: PluginHost, image: PluginImage, target: str, person: Person) -> AuthReport:
    """Run the plugin's own device flow (RFC 8628): show its code, and poll until it ends."""
    code = host.start_device_flow(image)
    person.code(code)
    end = time.monotonic() + min(code.expires_in, MAX_EXPIRY)
    while True:
        pause(max(code.interval, MIN_INTERVAL), end, person)
        answer = host.poll(image, code.device_code)
        if answer.state == "success":
            return AuthReport(image.name, host.display_name(image), "authenticated")
        if answer.state == "error":
            raise PluginFailed(answer.message or "sign-in failed", where=image.name)
        if answer.state == "expired" or time.monotonic() >= end:
            hint = f"tarkpm auth login {quote(target)}"
            raise PluginFailed("the code expired before it was used", where=image.name, hint=hint)


def status(settings: Settings, ui: Ui, target: str, log: LogSink) -> AuthReport:
    """Return whether the plugin says it is signed in, or whether tarkpm keeps its tokens."""
    image, images = load_target(settings, ui, target)
    if keeps_tokens(image):
        return _kept_report(settings, image)
    with _opened(settings, ui, (image, images), log) as host:
        return AuthReport(image.name, host.display_name(image), host.auth_status(image))


def token(settings: Settings, ui: Ui, target: str, log: LogSink) -> str:
    """Return the current access token. Raises `PluginFailed`, or `NotFound` if tarkpm keeps none."""
    image, images = load_target(settings, ui, target)
    if keeps_tokens(image):
        return access_token(settings, image)
    with (
        _opened(settings, ui, (image, images), log) as host,
        helping(f"tarkpm auth login {quote(target)}"),
    ):
        return host.get_token(image)


def logout(settings: Settings, ui: Ui, target: str, log: LogSink) -> AuthReport:
    """Make the plugin forget its credentials, and remove what held them."""
    image, images = load_target(settings, ui, target)
    if keeps_tokens(image):
        forget(settings, image)
        return _kept_report(settings, image)
    with _opened(settings, ui, (image, images), log) as host:
        host.logout(image)
        if image.oauth is not None:
            from tarkpm.ops.run.credentials import credentials_file, remember

            if (file := credentials_file(settings, image)) is not None:
                file.remove()
            # The typed path is forgotten with the file (decision 0080).
            remember(settings, image, None)
        return AuthReport(image.name, host.display_name(image), host.auth_status(image))


def _kept_report(settings: Settings, image: PluginImage) -> AuthReport:
    # The plugin does not run: it may have no functions for signing in.
    state = "authenticated" if is_signed_in(settings, image) else "not-authenticated"
    return AuthReport(image.name, image.name, state)
