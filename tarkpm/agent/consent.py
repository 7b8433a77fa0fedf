"""Ask the person at the client before a call, by elicitation.

In 2025-11-25 the server sends a request of its own. In 2026-07-28 it answers with an `InputRequiredResult`,
and the client repeats the call with the answer. The repeated call must be the one that was asked about, so it
carries a ticket that is good for one call with these arguments.
"""

import hashlib
import json
import secrets
from typing import Any, Final

import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError

Context = ServerRequestContext[Any, Any]

MODERN: Final = "2026-07-28"
KEY: Final = "consent"
MAX_TICKETS: Final = 1_000
"""Questions that wait for an answer; the oldest is forgotten, and its call is asked about again."""
# Nothing to fill in: the client's own buttons say yes or no.
FORM: Final[dict[str, Any]] = {"type": "object", "properties": {}}


class Elicitations:
    """The questions of one server."""

    def __init__(self) -> None:
        self._tickets: dict[str, str] = {}

    async def asked(
        self, context: Context, params: types.CallToolRequestParams, question: str
    ) -> bool | types.InputRequiredResult | None:
        """Return the answer, None if this client cannot ask, or what makes the client ask."""
        if context.protocol_version >= MODERN:
            return self._by_round_trip(context, params, question)
        if not _can_ask(context):
            return None
        try:
            answer = await context.session.elicit_form(question, FORM, related_request_id=context.request_id)
        except MCPError:
            return None
        return answer.action == "accept"

    def _by_round_trip(
        self, context: Context, params: types.CallToolRequestParams, question: str
    ) -> bool | types.InputRequiredResult | None:
        meant = _digest(params)
        answer = (params.input_responses or {}).get(KEY)
        # Taken out, so that one answer is not used for a second call.
        asked = self._tickets.pop(params.request_state or "", "")
        if isinstance(answer, types.ElicitResult) and asked == meant:
            return answer.action == "accept"
        if not _can_ask(context):
            return None
        ticket = secrets.token_urlsafe(16)
        while len(self._tickets) >= MAX_TICKETS:
            del self._tickets[next(iter(self._tickets))]
        self._tickets[ticket] = meant
        form = types.ElicitRequestFormParams(message=question, requested_schema=FORM)
        ask = types.ElicitRequest(params=form)
        return types.InputRequiredResult(input_requests={KEY: ask}, request_state=ticket)


def _can_ask(context: Context) -> bool:
    capabilities = context.session.client_capabilities
    found = capabilities.elicitation if capabilities else None
    # Before 2025-11-25 there were no modes: an empty capability means a form.
    return found is not None and (found.form is not None or found.url is None)


def _digest(params: types.CallToolRequestParams) -> str:
    text = json.dumps([params.name, params.arguments], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
