"""Answer lines of standard input that are no message of the protocol.

The SDK drops them in silence, and a client that sent a request waits for its answer until it gives up. The
usual cause is half of an emoji: JavaScript writes a lone surrogate as an escape, which the SDK's parser
refuses.
"""

import json
from typing import Any

import mcp_types as types
from mcp.shared.message import SessionMessage

from tarkpm.core.text import bounded_int


def answer(line: bytes) -> SessionMessage | None:
    """Return the error that answers a malformed line; None for what expects no answer (JSON-RPC 2.0, 5)."""
    if not line.strip():
        return None
    try:
        found = json.loads(line, parse_int=bounded_int)
    except (ValueError, RecursionError):
        return _error(None, types.PARSE_ERROR, "expected a line of JSON")
    if not isinstance(found, dict):
        return _error(None, types.INVALID_REQUEST, "expected a JSON-RPC message, an object")
    # A response must not be answered: two peers that do so would never stop. Nor must a notification.
    if "method" not in found or found.get("id") is None:
        return None
    if not _is_text(found):
        return _error(_id(found["id"]), types.PARSE_ERROR, "expected Unicode text, found a lone surrogate")
    return _error(_id(found["id"]), types.INVALID_REQUEST, "expected a JSON-RPC 2.0 request")


def _is_text(value: Any) -> bool:
    """Return whether every string of a JSON value can be encoded: a lone surrogate cannot."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _id(value: Any) -> int | str | None:
    """Return the id of a request as an answer may repeat it."""
    if isinstance(value, str):
        return value if value.isprintable() else None  # a lone surrogate is not
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _error(id_: int | str | None, code: int, message: str) -> SessionMessage:
    return SessionMessage(
        types.JSONRPCError(jsonrpc="2.0", id=id_, error=types.ErrorData(code=code, message=message))
    )
