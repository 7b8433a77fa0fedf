"""Read the user's secrets for the plugins they are bound to."""

from collections.abc import Callable

from tarkpm.core.secret import SIGN_IN
from tarkpm.errors import CapabilityDenied
from tarkpm.host.image import PluginImage
from tarkpm.host.imports.secrets import NO_SECRETS, Secrets
from tarkpm.ops.project.settings import Settings


def secrets_of(settings: Settings, image: PluginImage, report: Callable[[str], None]) -> Secrets:
    """Return what adds the secrets bound to ``image`` to its requests. Nothing is read yet."""
    if "secret" not in image.granted and not image.unbound:
        return NO_SECRETS
    from tarkpm.store.secrets import SecretStore

    def read(name: str) -> str:
        if not name.startswith(SIGN_IN):
            return SecretStore(settings.paths.state).get(name)
        # tark.toml may name any plugin, but the tokens of one are not for another.
        if name != f"{SIGN_IN}{image.name}":
            raise CapabilityDenied("a plugin can be bound to its own sign-in only", where=image.name)
        from tarkpm.ops.run.kept_tokens import access_token

        return access_token(settings, image)

    return Secrets(image.granted, read, report, image.name, image.unbound)
