"""Tokens of a plugin with a secret that is bound to its own sign-in.

tarkpm keeps and refreshes them, adds the access token to requests, and gives the plugin none.
"""

import time
from typing import TYPE_CHECKING, Final

from tarkpm.core.secret import SIGN_IN, secret_value
from tarkpm.errors import HostError, NotFound, PluginFailed
from tarkpm.host.image import PluginImage
from tarkpm.ops.project.settings import Settings
from tarkpm.store.sign_ins import SignIn, SignIns

if TYPE_CHECKING:
    from tarkpm.io.oauth import Tokens

EARLY: Final = 30
"""Seconds before its end at which a token is refreshed: the request that uses it takes time."""


def keeps_tokens(image: PluginImage) -> bool:
    """Return whether tarkpm keeps the tokens of this plugin's sign-in, because a secret is bound to them."""
    bound = {secret.name for secret in image.granted.secrets()}
    return image.oauth is not None and f"{SIGN_IN}{image.name}" in bound


def keep(settings: Settings, image: PluginImage, client_id: str, tokens: "Tokens") -> None:
    """Keep the tokens of a new sign-in. Raises `PluginFailed` for a token that no header can carry."""
    assert image.oauth is not None
    _checked(tokens.access_token, image)
    SignIns(settings.paths.state).keep(image.data, _sign_in(tokens, client_id, image.oauth.token_url))


def is_signed_in(settings: Settings, image: PluginImage) -> bool:
    """Return whether tarkpm keeps tokens of this plugin."""
    return SignIns(settings.paths.state).find(image.data) is not None


def forget(settings: Settings, image: PluginImage) -> None:
    """Delete the tokens of this plugin."""
    SignIns(settings.paths.state).forget(image.data)


def access_token(settings: Settings, image: PluginImage) -> str:
    """Return the access token, refreshed if it has expired.

    Raises `NotFound` without a sign-in, `HostError` if it has ended, and what the server's answer raises.
    """
    sign_ins = SignIns(settings.paths.state)
    found = sign_ins.find(image.data)
    if found is None:
        raise NotFound("you are not signed in", where=image.name, hint=f"tarkpm auth login {image.name}")
    if _is_fresh(found):
        return _checked(found.access_token, image)
    with sign_ins.refreshing(image.data, settings.command, settings.lock_seconds):
        # Another process may have refreshed it while this one waited for the lock.
        found = sign_ins.find(image.data) or found
        if not _is_fresh(found):
            found = _refreshed(settings, image, found)
            sign_ins.keep(image.data, found)
    return _checked(found.access_token, image)


def _is_fresh(sign_in: SignIn) -> bool:
    return sign_in.expires_at is None or sign_in.expires_at - EARLY > time.time()


def _refreshed(settings: Settings, image: PluginImage, former: SignIn) -> SignIn:
    # An update may have moved the address. The token that another server issued is not for it.
    if not former.refresh_token or image.oauth is None or image.oauth.token_url != former.token_url:
        hint = f"tarkpm auth login {image.name}"
        raise HostError("the sign-in has ended", where=image.name, hint=hint)
    from tarkpm.ops.run.oauth import refresh

    tokens = refresh(settings, image, former.client_id, former.refresh_token)
    new = _sign_in(tokens, former.client_id, former.token_url)
    # RFC 6749, section 6: without a new refresh token, the former one stays valid.
    return (
        new
        if new.refresh_token
        else SignIn(new.access_token, new.client_id, new.token_url, former.refresh_token, new.expires_at)
    )


def _sign_in(tokens: "Tokens", client_id: str, token_url: str) -> SignIn:
    return SignIn(tokens.access_token, client_id, token_url, tokens.refresh_token or "", tokens.expires_at)


def _checked(token: str, image: PluginImage) -> str:
    try:
        return secret_value(token)
    except ValueError as problem:
        raise PluginFailed(
            f"the access token cannot be sent in a header: {problem}", where=image.name
        ) from None
