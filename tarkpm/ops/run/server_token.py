"""The token that clients of a server of tarkpm send, if the user chose it."""

import msgspec

from tarkpm.core import variables
from tarkpm.core.local_access import check_token
from tarkpm.errors import TarkError
from tarkpm.ops.project.settings import Settings


def read_token(settings: Settings, variable: str) -> str:
    """Return the token in an environment variable, "" if it is not set. Raises `TarkError`."""
    token = variables.text(settings.environment, variable)
    if token:
        try:
            check_token(token)
        except ValueError as problem:
            raise TarkError(str(problem), where=variable, hint=f"unset {variable}") from None
    return token


def without_token(settings: Settings, variable: str) -> Settings:
    """Return the settings for plugins: the server's own token is no part of what they may be granted."""
    environment = {name: value for name, value in settings.environment.items() if name != variable}
    return msgspec.structs.replace(settings, environment=environment)
