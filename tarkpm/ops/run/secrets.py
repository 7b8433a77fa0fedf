"""Read the user's secrets for the plugins they are bound to."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from tarkpm.core.secret import SIGN_IN, secret_value
from tarkpm.errors import CapabilityDenied, StoreError, TarkError
from tarkpm.host.image import PluginImage
from tarkpm.host.imports.secrets import NO_SECRETS, Secrets
from tarkpm.ops.project.settings import Settings

if TYPE_CHECKING:
    from tarkpm.store.secrets import SecretStore


def secrets_of(settings: Settings, image: PluginImage, report: Callable[[str], None]) -> Secrets:
    """Return what adds the secrets bound to ``image`` to its requests. Nothing is read before a request.

    A request that would carry the sign-in of another plugin raises `CapabilityDenied`.
    """
    if "secret" not in image.granted and not image.unbound:
        return NO_SECRETS
    from tarkpm.store.secrets import SecretStore

    def read(name: str) -> str:
        if not name.startswith(SIGN_IN):
            return _sendable(SecretStore(settings.paths.state), name)
        # tark.toml may name any plugin, but the tokens of one are not for another.
        if name != f"{SIGN_IN}{image.name}":
            raise CapabilityDenied("a plugin can be bound to its own sign-in only", where=image.name)
        from tarkpm.ops.run.kept_tokens import access_token

        return access_token(settings, image)

    def known(name: str) -> str | None:
        from tarkpm.store.sign_ins import SignIns

        try:
            if not name.startswith(SIGN_IN):
                return _sendable(SecretStore(settings.paths.state), name)
            found = SignIns(settings.paths.state).find(image.data)
            return found.access_token if found else None
        except TarkError:  # said where it is needed
            return None

    return Secrets(image.granted, read, report, image.name, image.unbound, known)


def unset(settings: Settings, image: PluginImage) -> tuple[str, ...]:
    """Return a sentence for each bound secret that is not set: which it is, and the command that sets it."""
    return tuple(
        f"'{image.name}' is bound to the secret '{secret.name}', which is not set. The user can {how}"
        for secret in image.granted.secrets()
        if (how := _missing(settings, image, secret.name))
    )


def _missing(settings: Settings, image: PluginImage, name: str) -> str:
    """Return how a secret that is not set can be set; "" if it is."""
    from tarkpm.store.secrets import SecretStore
    from tarkpm.store.sign_ins import SignIns

    state = settings.paths.state
    if not name.startswith(SIGN_IN):
        return "" if name in SecretStore(state).names() else f"set it: tarkpm secret set {name}"
    try:
        is_signed_in = SignIns(state).find(image.data) is not None
    except TarkError:  # there is one, which cannot be read now
        is_signed_in = True
    return "" if is_signed_in else f"sign in: tarkpm auth login {image.name}"


def _sendable(store: "SecretStore", name: str) -> str:
    """Return a value that fits into a header. Raises `NotFound` and `StoreError`."""
    # Checked when it was set; since then, another program may have written the file or the keyring.
    try:
        return secret_value(store.get(name))
    except ValueError as problem:
        hint = f"tarkpm secret set {name}"
        raise StoreError(f"the secret '{name}' cannot be sent: {problem}", hint=hint) from None
