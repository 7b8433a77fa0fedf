"""Why a request is refused, in OpenAI's error shape."""

import json
from typing import Final

from tarkpm.core.text import neutral

MAX_MESSAGE: Final = 2_000
"""Characters of an error's message: a plugin may quote a whole page of its server."""

INVALID: Final = "invalid_request_error"
SERVER: Final = "server_error"
LIMITED: Final = "rate_limit_error"


class ApiRefusal(Exception):
    """A request that gets an error instead of an answer.

    ``status`` is the HTTP status. ``type``, ``code`` and ``param`` are those of OpenAI's error object;
    ``param`` names the part of the request, "" for none.
    """

    def __init__(self, status: int, message: str, *, code: str, param: str = "", type: str = INVALID) -> None:  # noqa: A002
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.param = param
        self.type = type


def unsupported(param: str, message: str) -> ApiRefusal:
    """Return the refusal of what a provider plugin cannot take."""
    return ApiRefusal(400, message, code="unsupported_parameter", param=param)


def invalid(param: str, message: str) -> ApiRefusal:
    """Return the refusal of a malformed request."""
    return ApiRefusal(400, message, code="invalid_value", param=param)


def error_body(refusal: ApiRefusal) -> bytes:
    """Return the body of an error response: ASCII, whatever a plugin put into the message."""
    error = {
        "message": neutral(refusal.message, limit=MAX_MESSAGE),
        "type": refusal.type,
        "param": neutral(refusal.param, limit=100) or None,
        "code": refusal.code,
    }
    return json.dumps({"error": error}).encode("ascii")
