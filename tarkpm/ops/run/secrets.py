"""Read the user's secrets for the plugins they are bound to."""

from collections.abc import Callable

from tarkpm.host.image import PluginImage
from tarkpm.host.imports.secrets import NO_SECRETS, Secrets
from tarkpm.ops.project.settings import Settings


def secrets_of(settings: Settings, image: PluginImage, report: Callable[[str], None]) -> Secrets:
    """Return what adds the secrets bound to ``image`` to its requests. Nothing is read yet."""
    if "secret" not in image.granted:
        return NO_SECRETS
    from tarkpm.store.secrets import SecretStore

    return Secrets(image.granted, SecretStore(settings.paths.state).get, report)
